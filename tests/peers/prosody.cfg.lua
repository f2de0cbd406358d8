-- Prosody's http_file_share alone, at the root of port $PORT, with its files below $STORE.
run_as_root = true -- of a sandbox
data_path = ENV_STORE
pidfile = ENV_STORE .. "/prosody.pid"
modules_enabled = {}
modules_disabled = { "s2s", "c2s", "offline" }
http_interfaces = { "203.0.113.10" }
http_ports = { tonumber(ENV_PORT) }
https_ports = {}
http_default_host = "files.lab"
http_paths = { file_share = "/" }
log = { info = "*console" }

VirtualHost "lab" -- without one it does not start
Component "files.lab" "http_file_share"
http_file_share_secret = ENV_SECRET
http_file_share_size_limit = 1024 * 1024 * 1024

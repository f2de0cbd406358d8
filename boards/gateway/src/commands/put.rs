//! `baton put`: uploads files, through the agent that runs here or straight to a server.

use super::meter::Meter;
use super::{print, settings, token, unix_now};
use crate::cli::{Globals, PutArgs};
use crate::client::{Agent, Connection, Error, Reply, Upload};
use crate::draw::size;
use crate::failure::Failure;
use crate::snapshot::Status;
use baton_config::{Config, Entry, Secret, Token, Verdict};
use baton_core::token::{Claim, Scheme};
use baton_hal::Clock;
use baton_wire::media;
use baton_wire::percent::Encoded;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use serde_json::{Value, json};
use std::path::Path;
use tokio::fs::File;

/// How long a v3 token made here is good for: a slow link may need that long for one file.
const TOKEN_LIFE_S: u64 = 24 * 3600;

/// `baton put`: every file is tried, whatever becomes of the others.
pub(crate) async fn run(globals: &Globals, args: &PutArgs) -> Result<(), Failure> {
    let target = match &args.to {
        Some(url) => Target::server(globals, args, url)?,
        None => Target::agent(globals).await?,
    };
    let clock = Clock::start();
    let mut results = Vec::new();
    let mut failed = 0;
    for file in &args.files {
        let result = target.put(file, &clock).await;
        failed += usize::from(result.is_err());
        if globals.json {
            results.push(told(file, &result, target.spools));
            continue;
        }
        match result {
            Ok(stored) => {
                let done = if target.spools { "spooled, to be delivered" } else { "stored" };
                print(&format!("{}  {done}, {}", file.display(), size(stored.size)))?
            }
            Err(why) => eprintln!("baton: {}: {why}", file.display()),
        }
    }
    if globals.json {
        print(&Value::from(results).to_string())?;
    }
    match (failed, args.files.len()) {
        (0, _) => Ok(()),
        (failed, all) => Err(Failure::No(format!("{failed} of {all} not stored"))),
    }
}

fn told(file: &Path, result: &Result<Stored, String>, spools: bool) -> Value {
    let file = file.display().to_string();
    match result {
        Ok(Stored { url, size, status }) => {
            json!({"file": file, "stored": !spools, "spooled": spools, "url": url, "size": size, "status": status})
        }
        Err(why) => json!({"file": file, "stored": false, "error": why}),
    }
}

/// Who takes the files.
struct Target {
    host: String,
    port: u16,
    authority: String,
    /// What goes before every path: empty, or it starts with a slash.
    base: String,
    /// How requests are signed; `None`: the agent does that.
    signer: Option<(Secret, Scheme)>,
    /// Whether success means that the file is safe in the agent's spool.
    spools: bool,
}

/// A file that the server has.
struct Stored {
    /// Without the token.
    url: String,
    size: u64,
    status: u16,
}

impl Target {
    /// The LAN side of the agent that runs here.
    async fn agent(globals: &Globals) -> Result<Self, Failure> {
        let status: Status =
            Agent::new(settings::socket(globals)).ask("/v1/status").await?.json()?;
        let address = status.listen.iter().find_map(|address| address.parse().ok());
        let address = address.map(reachable).ok_or_else(|| {
            Failure::NoAgent("the agent does not tell where it takes uploads".to_owned())
        })?;
        Ok(Self {
            host: address.ip().to_string(),
            port: address.port(),
            authority: address.to_string(),
            base: String::new(),
            signer: None,
            spools: status.spool.mode == "spool",
        })
    }

    /// A server; `url` means what `[upstream] url` means.
    fn server(globals: &Globals, args: &PutArgs, url: &str) -> Result<Self, Failure> {
        let report = Config::from_entries([Entry::new("upstream.url", url)]);
        let wrong = || {
            let why = report.keys.iter().find_map(|key| {
                if let Verdict::Invalid { why, .. } = &key.verdict { Some(why) } else { None }
            });
            Failure::Usage(format!("--to {url}: {}", why.map_or("takes a URL", String::as_str)))
        };
        let url = report.config.as_ref().and_then(|c| c.upstream.url.clone()).ok_or_else(wrong)?;
        if url.scheme() == "https" {
            return Err(Failure::Usage(format!(
                "--to {url}: https goes through an agent: set it as [upstream] url, and leave --to out"
            )));
        }
        let scheme = match args.scheme {
            Some(scheme) => scheme,
            None => configured_scheme(settings::config(globals)?.upstream.token),
        };
        let secret = settings::secret(globals, args.secret_file.as_deref())?;
        Ok(Self {
            host: url.host().to_owned(),
            port: url.port(),
            authority: url.authority(),
            base: url.base().to_owned(),
            signer: Some((secret, scheme)),
            spools: false,
        })
    }

    /// Uploads one file, or says why it is not stored.
    async fn put(&self, path: &Path, clock: &Clock) -> Result<Stored, String> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("its name is not UTF-8")?;
        let mut file = File::open(path).await.map_err(|e| e.to_string())?;
        let facts = file.metadata().await.map_err(|e| e.to_string())?;
        if !facts.is_file() {
            return Err("not a plain file".to_owned());
        }
        let location = format!("{}/{}", self.base, Encoded(name));
        let upload = Upload {
            target: &self.signed(&location, name, facts.len()),
            content_type: media::content_type(name),
            length: facts.len(),
        };
        let mut meter = Meter::new(clock, name, facts.len());
        let exchange = async {
            let connection =
                Connection::to_server(&self.host, self.port, self.authority.clone()).await?;
            connection.put(&upload, &mut file, |sent| meter.show(sent)).await
        };
        let reply = exchange.await.map_err(|error| self.trouble(&error))?;
        if !reply.is_success() {
            return Err(self.refusal(&reply));
        }
        let url = format!("http://{}{location}", self.authority);
        Ok(Stored { url, size: facts.len(), status: reply.status })
    }

    /// The request target: `location`, with a token for `name` where one is needed.
    fn signed(&self, location: &str, name: &str, length: u64) -> String {
        let Some((secret, scheme)) = &self.signer else {
            return location.to_owned();
        };
        let claim = Claim {
            method: "PUT",
            path: name,
            length,
            content_type: media::content_type(name),
            expires: unix_now() + TOKEN_LIFE_S,
        };
        format!("{location}?{}", token::query(secret.as_bytes(), *scheme, &claim))
    }

    fn trouble(&self, error: &Error) -> String {
        let server = &self.authority;
        match error {
            Error::Connect(e) => format!("{server} can't be reached: {e}"),
            Error::Cut(_) | Error::Closed | Error::Silent => {
                format!("{server}: {error}; it is not known to be stored: upload it again")
            }
            Error::Http(_) | Error::Unfit(_) | Error::TooLong => format!("{server}: {error}"),
            Error::File(_) | Error::Shrunk { .. } => error.to_string(),
        }
    }

    fn refusal(&self, reply: &Reply) -> String {
        let said = reply.complaint();
        let advice = match (reply.status, &self.signer) {
            (401 | 403, Some(_)) => "compare secret, --scheme and time with the server's",
            (401 | 403, None) => "the agent wants a token of the client ([relay] auth)",
            (409, _) => "another file of that name is there",
            (413, _) => "too large for the server",
            (503, None) => "`baton links` tells why nothing gets out",
            (507, _) => "the server's disk is full",
            _ => return said,
        };
        format!("{said}: {advice}")
    }
}

/// Where a listener is reached from the same machine: one on every address, by loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn configured_scheme(token: Token) -> Scheme {
    match token {
        Token::V => Scheme::V,
        Token::V2 | Token::Jwt | Token::Bearer | Token::Pass => Scheme::V2,
        Token::Token => Scheme::Token,
        Token::V3 => Scheme::V3,
    }
}

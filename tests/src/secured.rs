//! TLS before the upstream, by nginx: certificates of the test's own, and who ends it.

use crate::spawn::{Process, TempDir, temp_dir};
use baton_lab::{Lab, UPSTREAM_V4};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData,
    date_time_ymd,
};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// A name or an address that it is for.
    pub name: String,
    /// From and until the 1st of January of these.
    pub years: [i32; 2],
}

impl Default for Certified {
    fn default() -> Self {
        Self { name: UPSTREAM_V4.to_string(), years: [2020, 2100] }
    }
}

/// An authority's file, and a server with a certificate of it.
#[derive(Clone)]
pub struct Secured {
    dir: Rc<TempDir>,
    pin: String,
}

impl core::fmt::Debug for Secured {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.pin)
    }
}

/// Where nginx listens.
pub(crate) const PORT: u16 = 9443;

impl Secured {
    /// Makes keys and certificates in a folder of their own, named after `what`.
    ///
    /// # Panics
    ///
    /// If the disk is full.
    pub fn new(what: &str, certified: &Certified) -> Self {
        let dir = temp_dir(what);
        let authority_key = KeyPair::generate().expect("randomness");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, format!("authority of {what}"));
        let authority_file = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate().expect("randomness");
        let mut params = CertificateParams::new([certified.name.clone()]).expect("a name");
        let [from, until] = certified.years.map(|year| date_time_ymd(year, 1, 1));
        (params.not_before, params.not_after) = (from, until);
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");

        let write = |name: &str, text: String| {
            std::fs::write(dir.path().join(name), text).expect("room for a file");
        };
        write("ca.pem", authority_file.pem());
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
        let pin = base64(&Sha256::digest(key.subject_public_key_info()));
        Self { dir: Rc::new(dir), pin: format!("sha256/{pin}") }
    }

    /// The authority that vouches for the server, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The server's key, as `[upstream] pin` wants it.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// Starts nginx, which ends TLS and passes on what comes to `to`.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub fn start(&self, lab: &Lab, to: &str) -> Process {
        let dir = self.dir.path();
        let mut command = lab.upstream.command("nginx");
        command.arg("-c").arg(write_config(dir, &format!("{UPSTREAM_V4}:{PORT}"), to));
        Process::start(&mut command, dir.join("nginx.log")).expect("nginx is installed")
    }
}

/// One process, so that it dies with the test.
fn write_config(dir: &Path, listen: &str, to: &str) -> PathBuf {
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
         daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log stderr;\n\
         events {{}}\n\
         stream {{\n  server {{\n    listen {listen} ssl;\n    proxy_pass {to};\n\
         ssl_certificate {dir}/server.pem;\n    ssl_certificate_key {dir}/server.key;\n  }}\n}}\n",
        dir = dir.display(),
    );
    let path = dir.join("nginx.conf");
    std::fs::write(&path, text).expect("room for a file");
    path
}

fn base64(bytes: &[u8]) -> String {
    baton_wire::base64::Encoded(bytes).to_string()
}

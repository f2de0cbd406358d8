//! Servers in processes of their own: what says where the bucket is, is the environment.

use crate::{
    s3,
    support::{Client, SECRET, runtime},
};
use baton_store::{Options, Secret, Store};
use core::{net::SocketAddr, time::Duration};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

/// Not a test of its own: the server of the others, run as a child to be killed.
#[test]
fn child() {
    let Some(bucket) = std::env::var_os("BATON_BUCKET") else { return };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let ms = |name| Duration::from_millis(std::env::var(name).unwrap().parse().unwrap());
    let options = Options {
        bucket: Some(bucket.to_str().unwrap().parse().unwrap()),
        store_silence: ms("BATON_SILENCE"),
        expire_after: ms("BATON_EXPIRY"),
        ..Options::new(vec!["127.0.0.1:0".parse().unwrap()], "", Secret::new(SECRET))
    };
    runtime().block_on(tokio::task::LocalSet::new().run_until(async {
        match Store::open(options).await {
            Ok(store) => {
                tell(&format!("at {}", store.local_addrs()[0]));
                store.serve(core::future::pending()).await;
            }
            Err(error) => tell(&format!("not: {error}")),
        }
    }));
}

fn tell(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().unwrap();
}

/// How a server is started.
pub(crate) struct Start<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) s3: SocketAddr,
    pub(crate) silence: Duration,
    pub(crate) expiry: Duration,
}

impl<'a> Start<'a> {
    pub(crate) fn new(bucket: &'a str) -> Self {
        Self {
            bucket,
            s3: s3::addr(),
            silence: Duration::from_secs(4),
            expiry: Duration::from_secs(3600),
        }
    }

    pub(crate) fn go(self) -> Server {
        self.try_go().expect("it starts")
    }

    /// The server, or what it says instead.
    pub(crate) fn try_go(self) -> Result<Server, String> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "servers::child", "--nocapture"])
            .env("BATON_BUCKET", format!("s3://{}/pre/fix", self.bucket))
            .env("BATON_SILENCE", self.silence.as_millis().to_string())
            .env("BATON_EXPIRY", self.expiry.as_millis().to_string())
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.s3))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find(|line| line.starts_with("at ") || line.starts_with("not: "));
        let said = said.expect("the child tells its address, or why not");
        match said.strip_prefix("at ") {
            Some(addr) => Ok(Server { child, addr: addr.parse().unwrap() }),
            None => {
                child.wait().unwrap();
                Err(said)
            }
        }
    }
}

/// A server in front of a bucket. Dropping it is SIGKILL.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

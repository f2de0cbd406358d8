use super::*;
use baton_core::{Class, Duration};
use baton_hal::conformance::{self, Fault, Rig};
use baton_hal::fake::{Fake, FakeLinks, FakeStream, FakeTransport};
use baton_hal::{Bytes, Error, ErrorKind, Facts};
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, date_time_ymd};
use rustls::ServerConnection;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// An authority, and a server with a certificate of it.
struct Server {
    config: Arc<rustls::ServerConfig>,
    authority: PathBuf,
    key: [u8; 32],
}

/// What a certificate says.
struct Says {
    name: &'static str,
    years: [i32; 2],
    versions: Versions,
}

type Versions = &'static [&'static rustls::SupportedProtocolVersion];

const VERSIONS: [Versions; 2] = [&[&rustls::version::TLS13], &[&rustls::version::TLS12]];

impl Default for Says {
    fn default() -> Self {
        Self { name: "files.example", years: [2020, 2100], versions: rustls::ALL_VERSIONS }
    }
}

impl Server {
    fn new(says: &Says) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer_key = KeyPair::generate().unwrap();
        let name = format!("authority {:?}", Sha256::digest(issuer_key.public_key_raw()));
        params.distinguished_name.push(DnType::CommonName, name);
        let authority = params.self_signed(&issuer_key).unwrap();
        let issuer = Issuer::new(params, issuer_key);

        let mut params = CertificateParams::new([says.name.to_owned()]).unwrap();
        let [from, until] = says.years.map(|year| date_time_ymd(year, 1, 1));
        (params.not_before, params.not_after) = (from, until);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(says.versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(32);
        let place = authority.der().as_ptr() as usize;
        let file = format!("baton-tls-{}-{place}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, authority.pem()).unwrap();
        let key = Sha256::digest(key.subject_public_key_info()).into();
        Self { config: Arc::new(config), authority: path, key }
    }

    fn trusted(&self) -> Trust {
        Trust::Authorities(self.authority.clone())
    }

    async fn accept(&self, below: FakeStream) -> TlsStream<FakeStream> {
        let tls = ServerConnection::new(self.config.clone()).unwrap();
        let stream = TlsStream::new(below, tls.into());
        // What the client makes of it is what is tested.
        let _ = stream.handshake().await;
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.authority);
    }
}

fn fake() -> Fake {
    let fake = Fake::new();
    for (name, index) in [("eth0", 1), ("wwan0", 2)] {
        fake.set_link(link(name, index));
        fake.condition(name, |conditions| conditions.delay = Duration::from_millis(20));
    }
    fake
}

fn link(name: &str, index: u8) -> Facts {
    Facts {
        name: name.try_into().unwrap(),
        index: index.into(),
        class: Class::Ethernet,
        carrier: true,
        address: Some([10, 0, index, 2].into()),
        gateway: Some([10, 0, index, 1].into()),
        metric: Some(u32::from(index) * 100),
        roaming: false,
        trouble: None,
    }
}

/// The fake with TLS on it.
struct Encrypted {
    fake: Fake,
    server: Server,
}

impl Rig for Encrypted {
    type Links = FakeLinks;
    type Transport = Tls<FakeTransport>;
    type Peer = TlsStream<FakeStream>;
    const BEST: &'static str = "eth0";
    const OTHER: &'static str = "wwan0";

    async fn open(&self) -> (FakeLinks, Self::Transport) {
        let client = TlsClient::new("files.example", &self.server.trusted()).unwrap();
        (self.fake.links(), Tls::new(self.fake.transport(), Some(client)))
    }

    async fn apply(&self, name: &str, fault: Fault) {
        let whole = link(name, if name == Self::BEST { 1 } else { 2 });
        match fault {
            Fault::Carrier(up) => self.fake.update(name, |facts| {
                facts.carrier = up;
                facts.metric = whole.metric.filter(|_| up);
            }),
            Fault::Route(on) => {
                self.fake.update(name, |facts| facts.metric = whole.metric.filter(|_| on))
            }
            Fault::Address(on) => {
                self.fake.update(name, |facts| facts.address = whole.address.filter(|_| on))
            }
            Fault::Remove => self.fake.remove(name),
            Fault::Silence(on) => self.fake.condition(name, |conditions| conditions.silent = on),
            Fault::Refuse(on) => self.fake.condition(name, |conditions| {
                conditions.refuse = on.then_some(ErrorKind::Refused);
            }),
        }
    }

    async fn accept(&self) -> (String, Self::Peer) {
        let (link, below) = self.fake.accept().await;
        let stream = self.server.accept(below).await;
        // The last of the handshake is acknowledged then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        (link, stream)
    }
}

#[test]
fn passes_the_conformance_suite() {
    for versions in VERSIONS {
        for case in conformance::CASES {
            println!("{case}");
            let server = Server::new(&Says { versions, ..Says::default() });
            let rig = Encrypted { fake: fake(), server };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build();
            runtime.unwrap().block_on(Box::pin(conformance::run(case, rig)));
        }
    }
}

/// Connects to a server whose certificate says `says` as `host`, trusting `trust`.
async fn connect(
    server: &Server,
    host: &str,
    trust: &Trust,
) -> Result<TlsStream<FakeStream>, TlsError<baton_hal::fake::Failure>> {
    let fake = fake();
    let transport = Tls::new(fake.transport(), Some(TlsClient::new(host, trust).unwrap()));
    let far = async {
        let (_, below) = fake.accept().await;
        server.accept(below).await
    };
    let (near, _far) = tokio::join!(transport.connect("eth0"), far);
    near
}

async fn refusal(server: &Server, host: &str, trust: &Trust) -> String {
    let error = connect(server, host, trust).await.err().expect("no trust");
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_server_is_believed_for_its_authority_or_its_key() {
    for host in ["files.example", "192.0.2.1", "2001:db8::1"] {
        let server = Server::new(&Says { name: host, ..Says::default() });

        assert!(connect(&server, host, &server.trusted()).await.is_ok(), "{host}");
        assert!(connect(&server, host, &Trust::Keys(vec![[0; 32], server.key])).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pinned_key_is_believed_under_any_name_and_date() {
    let says = Says { name: "other.example", years: [2001, 2002], ..Says::default() };
    let server = Server::new(&says);

    assert!(connect(&server, "files.example", &Trust::Keys(vec![server.key])).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_believed_is_told_apart() {
    let server = Server::new(&Says::default());
    let stranger = Server::new(&Says::default());
    let old = Server::new(&Says { years: [2001, 2002], ..Says::default() });
    let early = Server::new(&Says { years: [2090, 2100], ..Says::default() });

    for (server, host, trust, told) in [
        (&server, "files.example", stranger.trusted(), "not trusted here"),
        (
            &server,
            "other.example",
            server.trusted(),
            "not for other.example but for DnsName(\"files.example\")",
        ),
        (&server, "192.0.2.1", server.trusted(), "not for 192.0.2.1 but for"),
        (&old, "files.example", old.trusted(), "expired on Tue, 01 Jan 2002"),
        (&early, "files.example", early.trusted(), "not valid before Sun, 01 Jan 2090"),
        (&server, "files.example", Trust::Keys(vec![[7; 32]]), "pin = \"sha256/"),
    ] {
        let said = refusal(server, host, &trust).await;
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_clock_that_was_never_set_is_blamed_itself() {
    use rustls::pki_types::UnixTime;
    let not_before = UnixTime::since_unix_epoch(Duration::from_secs(EARLIEST_IN_TEST));
    let time = UnixTime::since_unix_epoch(Duration::from_secs(180));
    let error = rustls::CertificateError::NotValidYetContext { time, not_before };

    let error: TlsError<baton_hal::fake::Failure> =
        TlsError::Untrusted { host: "files.example".into(), error: error.into(), now: 180 };

    let said = error.to_string();
    assert!(said.contains("clock says Thu, 01 Jan 1970 00:03:00 GMT: set it (ntpd)"), "{said}");
}

/// Some day of 2026.
const EARLIEST_IN_TEST: u64 = 1_780_000_000;

#[tokio::test(start_paused = true)]
async fn who_does_not_speak_tls_is_told_so() {
    let server = Server::new(&Says::default());
    let fake = fake();
    let client = TlsClient::new("files.example", &server.trusted()).unwrap();
    let transport = Tls::new(fake.transport(), Some(client));
    let far = async {
        let (_, below) = fake.accept().await;
        below.try_write(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]).unwrap();
        below
    };

    let (near, _far) = tokio::join!(transport.connect("eth0"), far);

    let error = near.err().expect("no TLS");
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_second_link_resumes_what_the_first_began() {
    for versions in VERSIONS {
        let server = Server::new(&Says { versions, ..Says::default() });
        let fake = fake();
        let client = TlsClient::new("files.example", &server.trusted()).unwrap();
        let transport = Tls::new(fake.transport(), Some(client));

        for link in ["eth0", "wwan0", "eth0"] {
            let far = async {
                let far = server.accept(fake.accept().await.1).await;
                assert!(matches!(far.try_write(&[b"!"]), Ok(Some(1))));
                far
            };
            let (near, _far) = tokio::join!(transport.connect(link), far);
            let near = near.unwrap();
            // Tickets come with the first answer.
            while near.try_read(&mut [0; 8]).unwrap().is_none() {
                near.readable().await;
            }
        }

        assert_eq!(transport.handshakes(), Some(Handshakes { full: 1, resumed: 2 }));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_goodbye_is_no_end() {
    let server = Server::new(&Says::default());
    let fake = fake();
    let client = TlsClient::new("files.example", &server.trusted()).unwrap();
    let transport = Tls::new(fake.transport(), Some(client));
    let wire = Rc::new(core::cell::RefCell::new(None));
    let far = async {
        let far = server.accept(fake.accept().await.1).await;
        wire.replace(Some(far));
    };
    let (near, ()) = tokio::join!(transport.connect("eth0"), far);
    let near = near.unwrap();

    // A proxy that gives up closes below.
    let far = wire.take().unwrap();
    far.forget();

    let end = loop {
        near.readable().await;
        match near.try_read(&mut [0; 8]) {
            Ok(None) => {}
            end => break end,
        }
    };
    assert_eq!(end.err().map(|error| error.kind()), Some(ErrorKind::Closed));
}

#[test]
fn files_without_authorities_are_refused_by_what_is_wrong() {
    let file = |name: &str, text: &str| {
        let path = std::env::temp_dir().join(format!("baton-ca-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    };
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (path, told) in [
        (file("empty", ""), "no certificate"),
        (file("other", "hello\n"), "no certificate"),
        (file("broken", pem), "not a certificate"),
        (PathBuf::from("/nonexistent/ca.pem"), "/nonexistent/ca.pem: No such file"),
        (PathBuf::from("/"), "/: Is a directory"),
    ] {
        let error = TlsClient::new("files.example", &Trust::Authorities(path.clone())).err();
        let said = error.expect("refused").to_string();
        assert!(said.contains(told), "{said}");
        let _ = std::fs::remove_file(path);
    }
    let error = TlsClient::new("a name", &Trust::Keys(vec![[0; 32]])).err().expect("refused");
    assert!(error.to_string().contains("no name"), "{error}");
}

use super::*;
use crate::base64::decode_url;
use proptest::prelude::*;

const SECRET: &[u8] = b"sharedsecret";
const SLOT: Slot<'static> = Slot {
    subject: "ann@example.org",
    issued_at: 1_800_000_000,
    slot: "b3Xq0-slot_Z1",
    filename: "Grüße \"1\".jpg",
    filesize: 1_048_576,
    filetype: "image/jpeg",
    expires: Some(1_800_604_800),
};
const PATH: &str = "b3Xq0-slot_Z1/Grüße \"1\".jpg";

/// What `util.jwt` of Prosody 0.12.3 makes of the same slot and secret.
const PROSODYS: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhbm5AZXhhbXBsZS5vcmciLCJleHBpcmVzIjoxODAwNjA0ODAwLCJmaWxlbmFtZSI6Ikdyw7zDn2UgXCIx\
    XCIuanBnIiwic2xvdCI6ImIzWHEwLXNsb3RfWjEiLCJpYXQiOjE4MDAwMDAwMDAsImZpbGVzaXplIjoxMDQ4NTc2LCJm\
    aWxldHlwZSI6ImltYWdlL2pwZWciLCJleHAiOjE4MDAwMDAzMDB9.\
    cjgC7I00ieHcKB0d4abPZXxPbrIUYsgKV4v1v2-YK9k";

/// RFC 7515 appendix A.1: white space in it is signed as it stands.
const RFC_KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn allowed(token: &str, path: &str, length: u64, now: u64) -> Result<(), Refusal> {
    let mut room = [0; MAX_CLAIMS];
    check(SECRET, token, &mut room)?.allow(path, length, now)
}

/// A token with any header and claims.
fn token(header: &str, claims: &str) -> String {
    let mut out = String::new();
    for (part, end) in [(header, "."), (claims, "")] {
        let mut encoder = UrlEncoder::new(&mut out);
        encoder.write_str(part).unwrap();
        encoder.finish().unwrap();
        out.push_str(end);
    }
    let mut mac = keyed(SECRET);
    mac.update(out.as_bytes());
    let mac = mac.finalize().into_bytes();
    out.push('.');
    let mut encoder = UrlEncoder::new(&mut out);
    encoder.write_bytes(&mac).unwrap();
    encoder.finish().unwrap();
    out
}

#[test]
fn the_vector_of_rfc_7515_holds() {
    let (mut key, mut room) = ([0; 64], [0; MAX_CLAIMS]);
    let key = decode_url(RFC_KEY.as_bytes(), &mut key).unwrap();

    let claims = check(key, RFC_TOKEN, &mut room).unwrap();

    assert_eq!(claims.expires(), Some(1_300_819_380));
    assert_eq!(claims.0.bool("http://example.com/is_root"), Some(true));
    assert_eq!(claims.allow("joe", 1, 0), Err(Refusal::Unbound));
}

#[test]
fn a_slot_that_prosody_signed_is_allowed() {
    assert_eq!(allowed(PROSODYS, PATH, 1_048_576, 1_800_000_300), Ok(()));
}

#[test]
fn our_token_says_what_prosodys_says() {
    let ours = make(SECRET, &SLOT).to_string();

    assert_eq!(ours.split('.').next(), PROSODYS.split('.').next());
    let mut room = [0; MAX_CLAIMS];
    let claims = check(SECRET, &ours, &mut room).unwrap();
    assert_eq!(claims.allow(PATH, 1_048_576, 1_800_000_000), Ok(()));
    let mut theirs = [0; MAX_CLAIMS];
    let theirs = check(SECRET, PROSODYS, &mut theirs).unwrap();
    for name in ["sub", "iat", "exp", "slot", "filename", "filesize", "filetype", "expires"] {
        assert_eq!(claims.0.get(name), theirs.0.get(name), "{name}");
    }
    assert_eq!(claims.subject().unwrap().to_string(), "ann@example.org");
    assert_eq!(claims.filetype().unwrap().to_string(), "image/jpeg");
}

#[test]
fn a_token_is_good_for_its_file_and_time_only() {
    let cases = [
        (PATH, 1_048_576, 1_800_000_301, Refusal::Expired { at: 1_800_000_300 }),
        (PATH, 1_048_577, 1_800_000_000, Refusal::Length { signed: 1_048_576 }),
        ("b3Xq0-slot_Z1", 1_048_576, 1_800_000_000, Refusal::Path),
        ("b3Xq0-slot_Z2/Grüße \"1\".jpg", 1_048_576, 1_800_000_000, Refusal::Path),
        ("b3Xq0-slot_Z1/x/Grüße \"1\".jpg", 1_048_576, 1_800_000_000, Refusal::Path),
        ("Grüße \"1\".jpg", 1_048_576, 1_800_000_000, Refusal::Path),
    ];

    for (path, length, now, refusal) in cases {
        assert_eq!(allowed(PROSODYS, path, length, now), Err(refusal), "{path} {length} {now}");
    }
}

#[test]
fn a_token_without_slot_is_for_the_name_alone() {
    let token =
        token(r#"{"alg":"HS256"}"#, r#"{"filename":"a/b.jpg","filesize":5,"exp":100,"nbf":50}"#);

    assert_eq!(allowed(&token, "a/b.jpg", 5, 50), Ok(()));
    assert_eq!(allowed(&token, "b.jpg", 5, 50), Err(Refusal::Path));
    assert_eq!(allowed(&token, "a/b.jpg", 5, 49), Err(Refusal::Early { from: 50 }));
}

#[test]
fn claims_that_bind_nothing_are_refused() {
    for claims in [
        "{}",
        r#"{"filename":"a","filesize":5}"#,
        r#"{"filename":"a","exp":100}"#,
        r#"{"filesize":5,"exp":100}"#,
        r#"{"filename":"a","filesize":5,"exp":100.5}"#,
        r#"{"filename":"a","filesize":5,"exp":"100"}"#,
        r#"{"filename":"a","filesize":5,"exp":100,"exp":1}"#,
    ] {
        let token = token(r#"{"alg":"HS256"}"#, claims);
        assert_eq!(allowed(&token, "a", 5, 1), Err(Refusal::Unbound), "{claims}");
    }
}

#[test]
fn only_hs256_is_a_signature() {
    let claims = r#"{"filename":"a","filesize":5,"exp":100}"#;
    for header in [
        "{}",
        r#"{"alg":"none"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
    ] {
        assert_eq!(allowed(&token(header, claims), "a", 5, 1), Err(Refusal::Algorithm), "{header}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let long = format!("{{\"alg\":\"HS256\",\"x\":\"{}\"}}", "x".repeat(MAX_HEADER));
    let long = token(&long, "{}");
    for text in ["", ".", "..", "a.b.c", "a.b", "eyJhbGciOiJIUzI1NiJ9", &long] {
        assert_eq!(allowed(text, "a", 5, 1), Err(Refusal::Malformed), "{text}");
    }
    assert_eq!(allowed(&token(r#"{"alg":"HS256"}"#, "[]"), "a", 5, 1), Err(Refusal::Malformed));
    let big = token(r#"{"alg":"HS256"}"#, &format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_CLAIMS)));
    assert_eq!(allowed(&big, "a", 5, 1), Err(Refusal::Malformed));
}

#[test]
fn a_token_that_is_changed_anywhere_is_refused() {
    for at in 0..PROSODYS.len() {
        let mut bytes = PROSODYS.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = core::str::from_utf8(&bytes).unwrap();
        assert!(allowed(changed, PATH, 1_048_576, 1_800_000_000).is_err(), "{at}");
        assert!(allowed(&PROSODYS[..at], PATH, 1_048_576, 1_800_000_000).is_err(), "{at}");
    }
}

#[test]
fn another_secret_and_an_empty_one_are_refused() {
    let mut room = [0; MAX_CLAIMS];
    let unsigned = make(b"", &SLOT).to_string();

    assert_eq!(check(b"sharedsecreT", PROSODYS, &mut room).err(), Some(Refusal::Signature));
    assert_eq!(check(b"", &unsigned, &mut room).err(), Some(Refusal::Signature));
}

proptest! {
    #[test]
    fn any_slot_is_allowed_to_whom_it_was_given(
        filename: String, subject: String, slot in "[^/]*", filesize: u64, issued_at: u32,
    ) {
        let issued_at = u64::from(issued_at);
        let given = Slot {
            subject: &subject, issued_at, slot: &slot, filename: &filename, filesize,
            filetype: "", expires: None,
        };
        let mut room = vec![0; 1 << 20];
        let token = make(SECRET, &given).to_string();
        let claims = check(SECRET, &token, &mut room).unwrap();
        let path = format!("{slot}/{filename}");
        prop_assert_eq!(claims.allow(&path, filesize, issued_at + LIFETIME_S), Ok(()));
    }

    #[test]
    fn any_text_may_be_given_as_a_token(text in "[A-Za-z0-9_.=-]{0,200}") {
        prop_assert!(allowed(&text, "a", 5, 1).is_err());
    }
}

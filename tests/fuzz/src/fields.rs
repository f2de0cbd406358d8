//! What stands in fields, URLs and tokens.

use crate::servers::assert_comes_back;
use baton_core::{
    json::Object,
    token::{jwt, signature},
};
use baton_wire::{
    base64, percent,
    sf::{Bare, Dictionary, Integer, Item},
    tus::Metadata,
    url::{self, Url},
};

/// The lines of a field, as an Item and as a Dictionary.
pub(crate) fn structured_field(data: &[u8]) {
    let lines = || data.split(|&byte| byte == b'\n');
    if let Ok(item) = Item::parse(lines()) {
        for (key, _) in item.parameters.iter() {
            assert!(item.parameters.get(key).is_some());
        }
        if let Some(count) = item.value.count() {
            let shown = Integer(count).to_string();
            let again = Item::parse([shown.as_bytes()]).expect("it is one");
            assert_eq!(again.value.count(), Some(count));
        }
        if let Bare::String(text) = item.value {
            assert!(text.chars().all(|char| matches!(char, ' '..='~')));
        }
    }
    if let Ok(dictionary) = Dictionary::parse(lines()) {
        let keys: Vec<&str> = dictionary.iter().map(|(key, _)| key).collect();
        assert!(keys.iter().all(|key| dictionary.get(key).is_some()));
        let commas = data.iter().filter(|&&byte| matches!(byte, b',' | b'\n')).count();
        assert!(keys.len() <= commas + 1);
    }
}

/// The base URL of an upstream.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(url) = Url::parse(text) {
        assert!(!url.host.is_empty() && url.port > 0 && !url.base.ends_with('/'));
        assert!(url.base.is_empty() || url.base.starts_with('/'));
        assert!(url.authority.contains(url.host));
        let scheme = if url.tls { "https" } else { "http" };
        let again = format!("{scheme}://{}{}", url.authority, url.base);
        assert_eq!(Url::parse(&again), Ok(url));
    }
}

/// A `Location` in the answer to a request for `/files/a?b`.
pub(crate) fn location(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(target) = url::resolve("h:1080", "/files/a?b", text) {
        assert!(target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic()));
        let path = target.split('?').next().unwrap_or_default();
        assert!(path.split('/').all(|part| part != ".."), "{target}");
        if !target.starts_with("//") {
            assert_eq!(url::resolve("h:1080", "/other", &target).as_ref(), Ok(&target));
        }
    }
}

/// A URL's path as a file name.
pub(crate) fn name(data: &[u8]) {
    let Ok(path) = core::str::from_utf8(data) else { return };
    if let Ok(name) = percent::name(path) {
        assert!(name.split('/').all(|part| !["", ".", ".."].contains(&part)));
        assert!(!name.chars().any(char::is_control));
        let path = format!("/{}", percent::Encoded(&name));
        assert_eq!(percent::name(&path).as_ref(), Ok(&name));
    }
}

/// Base64 of both alphabets: there is one way to write what was read.
pub(crate) fn base64(data: &[u8]) {
    let mut out = vec![0; data.len()];
    if let Ok(plain) = base64::decode(data, &mut out) {
        assert_eq!(base64::Encoded(plain).to_string().as_bytes(), data);
    }
    let mut room = vec![0; data.len()];
    if let Ok(plain) = base64::decode_url(data, &mut room) {
        assert!(plain.len() <= data.len());
    }
    let text = base64::Encoded(data).to_string();
    let mut out = vec![0; data.len()];
    assert_eq!(base64::decode(text.as_bytes(), &mut out), Ok(data));
}

pub(crate) fn tus_metadata(data: &[u8]) {
    if let Ok(metadata) = Metadata::parse(data) {
        assert_comes_back(&metadata);
    }
}

/// An object that serde_json reads is read here, too, and each of its texts is the same.
pub(crate) fn json(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let ours = Object::parse(text);
    let Ok(serde_json::Value::Object(theirs)) = serde_json::from_str(text) else { return };
    // Deeper than what is asked for is refused; nothing that is read here is.
    let is_deep = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > 30;
    let Ok(ours) = ours else {
        assert!(is_deep, "it is an object");
        return;
    };
    for (key, value) in &theirs {
        // A field that stands there twice is none here.
        if let (Some(found), Some(expected)) = (ours.text(key), value.as_str()) {
            assert_eq!(found.to_string(), expected);
        }
        if let (Some(found), Some(expected)) = (ours.integer(key), value.as_u64()) {
            assert_eq!(found, expected);
        }
    }
}

/// The secret of the corpora.
const SECRET: &[u8] = b"sharedsecret";

/// A token: one is good only if it was signed with the secret, and none without a secret.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let _ = jwt::check(SECRET, text, &mut [0; jwt::MAX_CLAIMS]);
    assert!(jwt::check(b"", text, &mut [0; jwt::MAX_CLAIMS]).is_err());
}

/// A token's header on one line and its claims on the next, well signed: what they allow they say.
pub(crate) fn claims(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (header, claims) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let token = signed(header, claims);
    let mut room = [0; jwt::MAX_CLAIMS];
    if let Ok(checked) = jwt::check(SECRET, &token, &mut room)
        && checked.allow("slot/a b.jpg", 1_048_576, 1_800_000_000).is_ok()
    {
        let claims: serde_json::Value = serde_json::from_slice(claims).expect("it was read");
        assert_eq!(claims["filesize"], 1_048_576);
        assert!(claims["exp"].as_u64() >= Some(1_800_000_000));
    }
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", url_encoded(header), url_encoded(claims));
    let hex = signature(SECRET, &signed);
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    let pairs = hex.as_str().as_bytes().chunks(2);
    let mac: Vec<u8> = pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    format!("{signed}.{}", url_encoded(&mac))
}

/// RFC 4648 section 5, without padding.
fn url_encoded(bytes: &[u8]) -> String {
    let text = base64::Encoded(bytes).to_string();
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

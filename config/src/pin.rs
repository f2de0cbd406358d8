//! Keys that a server may have.

use crate::setting::Setting;
use baton_core::base64;

/// The SHA-256 of a certificate's SubjectPublicKeyInfo, written as in RFC 7469 section 2.1.1 and
/// with two slashes by curl's `--pinnedpubkey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

impl Setting for Pin {
    const EXAMPLE: &'static str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "takes sha256/ and the base64 of 32 bytes, as `openssl x509 -noout -pubkey | openssl pkey \
                              -pubin -outform der | openssl dgst -sha256 -binary | base64` makes them of a certificate";
        let hash = |prefix| {
            let mut bytes = [0; 33];
            base64::decode(text.strip_prefix(prefix)?.as_bytes(), &mut bytes).ok()?.try_into().ok()
        };
        // A slash is a digit too: one hash in 64 starts with it.
        hash("sha256/").or_else(|| hash("sha256//")).map(Self).ok_or(WANTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_the_base64_of_32_bytes() {
        let pin = "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

        assert_eq!(Pin::parse(pin), Ok(Pin(core::array::from_fn(|n| n as u8))));
        assert_eq!(Pin::parse(&pin.replace('/', "//")), Pin::parse(pin));
        assert!(Pin::parse(Pin::EXAMPLE).is_ok());
    }

    #[test]
    fn a_hash_may_start_with_a_slash() {
        let pin = "sha256//8qKoXmJjHhJhD5Q3yzKi2LAYnl1MPJ6yOrry90u4L8=";

        assert!(Pin::parse(pin).is_ok());
        assert_eq!(Pin::parse(&pin.replacen('/', "//", 1)), Pin::parse(pin));
    }

    #[test]
    fn anything_else_is_told_how_to_make_one() {
        let long = format!("sha256/{}", "AAAA".repeat(100));
        for text in ["", "AAECAwQF", "sha256/", "sha256/AAECAwQF", "sha1/AAAA", "sha256/*", &long] {
            assert!(Pin::parse(text).unwrap_err().contains("openssl"), "{text}");
        }
    }
}

use super::*;
use proptest::prelude::*;

#[test]
fn the_vectors_of_rfc_4648_hold() {
    let vectors = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
    let encoded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];

    for (plain, text) in vectors.into_iter().zip(encoded) {
        assert_eq!(Encoded(plain.as_bytes()).to_string(), text);
        assert_eq!(decode(text.as_bytes(), &mut [0; 6]), Ok(plain.as_bytes()));
    }
}

#[test]
fn what_is_not_canonical_base64_is_refused() {
    for text in [
        "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zh==", "Zm9=", "Zm=v", "Zm 9", "Zm-_",
        "Zg==Zg==",
    ] {
        assert_eq!(decode(text.as_bytes(), &mut [0; 16]), Err(DecodeError::Malformed), "{text}");
    }
    assert_eq!(decode(b"Zm9v", &mut [0; 2]), Err(DecodeError::TooLong));
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_itself(plain: Vec<u8>) {
        let text = Encoded(&plain).to_string();
        let mut out = vec![0; plain.len()];
        prop_assert_eq!(decode(text.as_bytes(), &mut out), Ok(&plain[..]));
    }

    #[test]
    fn what_decodes_is_the_only_way_to_write_it(text in "[A-Da-d0-3+/=]{0,12}") {
        let mut out = [0; 16];
        if let Ok(plain) = decode(text.as_bytes(), &mut out) {
            prop_assert_eq!(Encoded(plain).to_string(), text);
        }
    }
}

fn url(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut encoder = UrlEncoder::new(&mut text);
    encoder.write_bytes(bytes).unwrap();
    encoder.finish().unwrap();
    text
}

/// RFC 7515 appendix C.
#[test]
fn the_alphabet_for_urls_has_no_padding() {
    let bytes = [3, 236, 255, 224, 193];

    assert_eq!(url(&bytes), "A-z_4ME");
    assert_eq!(decode_url(b"A-z_4ME", &mut [0; 5]), Ok(&bytes[..]));
    for text in ["A", "A-z_4M==", "A-z_4M=", "A+z/4ME", "A-z_4MF", "A-z_4"] {
        assert_eq!(
            decode_url(text.as_bytes(), &mut [0; 16]),
            Err(DecodeError::Malformed),
            "{text}"
        );
    }
    assert_eq!(decode_url(b"Zm9v", &mut [0; 2]), Err(DecodeError::TooLong));
}

proptest! {
    #[test]
    fn what_was_encoded_for_a_url_decodes_to_itself(plain: Vec<u8>) {
        let text = url(&plain);
        let mut out = vec![0; plain.len()];
        prop_assert_eq!(decode_url(text.as_bytes(), &mut out), Ok(&plain[..]));
    }
}

//! Standard base64 with padding (RFC 4648 section 4), as tus metadata and digests use it.

use core::fmt::{self, Write as _};

/// Bytes that show as base64.
#[derive(Clone, Copy)]
pub struct Encoded<'a>(pub &'a [u8]);

/// Why text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Another character, wrong padding, or bits set that belong to no byte.
    Malformed,
    /// More bytes than the buffer has room for.
    TooLong,
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bytes in self.0.chunks(3) {
            let mut group = [0; 4];
            group[1..=bytes.len()].copy_from_slice(bytes);
            let group = u32::from_be_bytes(group);
            for index in 0..4 {
                let digit = DIGITS[(group >> (18 - 6 * index) & 63) as usize];
                f.write_char(if index <= bytes.len() { char::from(digit) } else { '=' })?;
            }
        }
        Ok(())
    }
}

/// Decodes into `out`; the part of it that was filled.
pub fn decode<'a>(text: &[u8], out: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    if !text.len().is_multiple_of(4) {
        return Err(DecodeError::Malformed);
    }
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let length = text.len() / 4 * 3 - padding;
    let out = out.get_mut(..length).ok_or(DecodeError::TooLong)?;
    let digits = &text[..text.len() - padding];
    for (digits, bytes) in digits.chunks(4).zip(out.chunks_mut(3)) {
        let mut group = 0;
        for (index, digit) in digits.iter().enumerate() {
            group |= value(*digit).ok_or(DecodeError::Malformed)? << (18 - 6 * index);
        }
        let group = group.to_be_bytes();
        let (whole, spare) = group[1..].split_at(bytes.len());
        bytes.copy_from_slice(whole);
        if spare.iter().any(|&byte| byte != 0) {
            return Err(DecodeError::Malformed);
        }
    }
    Ok(out)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
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
            assert_eq!(
                decode(text.as_bytes(), &mut [0; 16]),
                Err(DecodeError::Malformed),
                "{text}"
            );
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
}

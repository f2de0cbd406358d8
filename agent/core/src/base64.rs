//! Base64 (RFC 4648): the standard alphabet with padding, as tus metadata, digests and bearer
//! tokens use it, and that for URLs without padding, as JSON web tokens do.

use core::fmt::{self, Write};

/// Bytes that show as standard base64.
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

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// RFC 4648 section 5.
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chunks(3).try_for_each(|bytes| f.write_str(text(&group(STANDARD, bytes))))
    }
}

/// Writes on what is written to it, in the alphabet for URLs. [`Self::finish`] writes the rest.
pub(crate) struct UrlEncoder<W> {
    out: W,
    held: [u8; 3],
    count: usize,
}

impl<W: Write> UrlEncoder<W> {
    pub(crate) const fn new(out: W) -> Self {
        Self { out, held: [0; 3], count: 0 }
    }

    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        bytes.iter().try_for_each(|&byte| {
            self.held[self.count] = byte;
            self.count += 1;
            if self.count == self.held.len() { self.flush() } else { Ok(()) }
        })
    }

    pub(crate) fn finish(mut self) -> fmt::Result {
        self.flush()
    }

    fn flush(&mut self) -> fmt::Result {
        let bytes = &self.held[..core::mem::take(&mut self.count)];
        if bytes.is_empty() {
            return Ok(());
        }
        self.out.write_str(text(&group(URL, bytes)[..=bytes.len()]))
    }
}

impl<W: Write> Write for UrlEncoder<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes())
    }
}

/// Decodes standard base64 into `out`; the part of it that was filled.
pub fn decode<'a>(text: &[u8], out: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    if !text.len().is_multiple_of(4) {
        return Err(DecodeError::Malformed);
    }
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    decode_digits(STANDARD, &text[..text.len() - padding], out)
}

/// Decodes base64 for URLs, without padding; see [`decode`].
pub fn decode_url<'a>(text: &[u8], out: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
    decode_digits(URL, text, out)
}

/// Four digits for one to three bytes, padded.
pub(crate) fn standard_group(bytes: &[u8]) -> [u8; 4] {
    group(STANDARD, bytes)
}

fn group(alphabet: &[u8; 64], bytes: &[u8]) -> [u8; 4] {
    let mut number = [0; 4];
    number[1..=bytes.len()].copy_from_slice(bytes);
    let number = u32::from_be_bytes(number);
    core::array::from_fn(|index| {
        let digit = alphabet[(number >> (18 - 6 * index) & 63) as usize];
        if index <= bytes.len() { digit } else { b'=' }
    })
}

fn decode_digits<'a>(
    alphabet: &[u8; 64],
    digits: &[u8],
    out: &'a mut [u8],
) -> Result<&'a [u8], DecodeError> {
    if digits.len() % 4 == 1 {
        return Err(DecodeError::Malformed);
    }
    let out = out.get_mut(..digits.len() * 3 / 4).ok_or(DecodeError::TooLong)?;
    for (digits, bytes) in digits.chunks(4).zip(out.chunks_mut(3)) {
        let mut group = 0;
        for (index, digit) in digits.iter().enumerate() {
            group |= value(alphabet, *digit).ok_or(DecodeError::Malformed)? << (18 - 6 * index);
        }
        let group: [u8; 4] = u32::to_be_bytes(group);
        let (whole, spare) = group[1..].split_at(bytes.len());
        bytes.copy_from_slice(whole);
        if spare.iter().any(|&byte| byte != 0) {
            return Err(DecodeError::Malformed);
        }
    }
    Ok(out)
}

fn value(alphabet: &[u8; 64], digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        _ if digit == alphabet[62] => 62,
        _ if digit == alphabet[63] => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn text(digits: &[u8]) -> &str {
    core::str::from_utf8(digits).expect("the alphabets are ASCII")
}

#[cfg(test)]
mod tests;

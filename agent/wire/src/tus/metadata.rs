//! `Upload-Metadata`: what a client says of the file.

use crate::{base64, percent::MAX_NAME};
use heapless::{String, Vec};

/// The longest media type in bytes.
pub const MAX_TYPE: usize = 128;

/// The two keys that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `filename`: a relative path, unchecked.
    pub filename: Option<String<MAX_NAME>>,
    /// `filetype`: a media type.
    pub filetype: Option<String<MAX_TYPE>>,
}

/// Why metadata is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// An empty or repeated key, a value that is not base64, or one of ours that is not UTF-8.
    Malformed,
    /// A value of ours is longer than anything stored.
    TooLong,
}

impl Metadata {
    /// Reads a field's value: `key base64, key base64, key`.
    pub fn parse(value: &[u8]) -> Result<Self, MetadataError> {
        let mut this = Self::default();
        if value.is_empty() {
            return Ok(this);
        }
        for pair in value.split(|&byte| byte == b',') {
            let pair = pair.trim_ascii();
            let space = pair.iter().position(|&byte| byte == b' ').unwrap_or(pair.len());
            let (key, text) = pair.split_at(space);
            match key {
                b"" => return Err(MetadataError::Malformed),
                b"filename" => fill(&mut this.filename, text)?,
                b"filetype" => fill(&mut this.filetype, text)?,
                _ => {}
            }
        }
        Ok(this)
    }
}

fn fill<const N: usize>(slot: &mut Option<String<N>>, text: &[u8]) -> Result<(), MetadataError> {
    if slot.is_some() {
        return Err(MetadataError::Malformed);
    }
    let mut bytes = Vec::from_array([0; N]);
    let length = base64::decode(text.trim_ascii(), &mut bytes)?.len();
    bytes.truncate(length);
    *slot = Some(String::from_utf8(bytes).map_err(|_| MetadataError::Malformed)?);
    Ok(())
}

impl From<base64::DecodeError> for MetadataError {
    fn from(error: base64::DecodeError) -> Self {
        match error {
            base64::DecodeError::Malformed => Self::Malformed,
            base64::DecodeError::TooLong => Self::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_type_are_decoded_and_other_keys_are_passed_over() {
        let value = b"relativePath bnVsbA==,filename YS9iLmpwZw==, is_confidential ,filetype aW1hZ2UvanBlZw==";

        let metadata = Metadata::parse(value).unwrap();

        assert_eq!(metadata.filename.as_deref(), Some("a/b.jpg"));
        assert_eq!(metadata.filetype.as_deref(), Some("image/jpeg"));
        assert_eq!(Metadata::parse(b""), Ok(Metadata::default()));
        assert_eq!(Metadata::parse(b"filename").unwrap().filename.as_deref(), Some(""));
    }

    #[test]
    fn bad_metadata_is_refused() {
        let long = format!("filename {}", base64::Encoded(&[b'x'; MAX_NAME + 1]));
        let cases: [(&[u8], _); 7] = [
            (b"filename YS9", MetadataError::Malformed),
            (b"filename a/b", MetadataError::Malformed),
            (b"filename YQ== YQ==", MetadataError::Malformed),
            (b"filename YQ==,filename Yg==", MetadataError::Malformed),
            (b"filename /w==", MetadataError::Malformed),
            (b"filename YQ==,,filetype YQ==", MetadataError::Malformed),
            (long.as_bytes(), MetadataError::TooLong),
        ];

        for (value, error) in cases {
            assert_eq!(Metadata::parse(value), Err(error));
        }
    }
}

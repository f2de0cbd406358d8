//! The key that tokens are signed with.

use crate::setting::Setting;
use core::fmt;
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The bytes of a secret. They show in no output: there is no `Display`, and `Debug` hides them.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The secrets that are printed in templates: everybody could sign with them.
const PLACEHOLDERS: [&str; 3] =
    ["your-hmac-secret-key-here", "your-jwt-secret-here", "test-secret-key-for-adaptive-testing"];

/// Far more than any secret needs, so that a wrong path does not read a disk.
const FILE_LEN_MAX: u64 = 4096;

impl Secret {
    /// Reads a secret file; one trailing newline is not part of the secret.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_LEN_MAX {
            return Err(SecretError::TooLong { path: path.to_owned() });
        }
        if bytes.pop_if(|last| *last == b'\n').is_some() {
            bytes.pop_if(|last| *last == b'\r');
        }
        if bytes.is_empty() {
            return Err(SecretError::Empty { path: path.to_owned() });
        }
        if is_placeholder(&bytes) {
            return Err(SecretError::Placeholder { path: path.to_owned() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Setting for Secret {
    const EXAMPLE: &'static str = "32 random characters";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Err("takes a secret that is not empty"),
            _ if is_placeholder(text.as_bytes()) => Err(
                "is the placeholder of a template, with which everybody could sign: put your own",
            ),
            _ => Ok(Self(text.as_bytes().to_vec())),
        }
    }
}

// Against public texts: nothing is learnt from how long it takes.
fn is_placeholder(secret: &[u8]) -> bool {
    PLACEHOLDERS.iter().any(|known| known.as_bytes() == secret)
}

/// Advice, if `path` holds a secret that every user of this machine may read.
pub fn exposure(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let path = path.display();
    (mode & 0o004 != 0)
        .then(|| format!("{path} can be read by every user of this machine: chmod 0600 {path}"))
}

/// Why a secret file gives no secret.
#[derive(Debug)]
pub enum SecretError {
    /// It can't be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is nothing in it.
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// It is no secret file: more than 4 KB.
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// It holds the placeholder of a template.
    Placeholder {
        /// Which file.
        path: PathBuf,
    },
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(f, "secret file {}: {error}", path.display())
            }
            Self::Empty { path } => write!(
                f,
                "secret file {0} is empty: head -c 24 /dev/urandom | base64 > {0}",
                path.display()
            ),
            Self::TooLong { path } => {
                write!(f, "secret file {} is longer than 4096 bytes", path.display())
            }
            Self::Placeholder { path } => write!(
                f,
                "secret file {} holds the placeholder of a template: put your own secret there",
                path.display()
            ),
        }
    }
}

impl core::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;

    struct TempFile(PathBuf);

    impl TempFile {
        fn with(name: &str, content: &[u8]) -> Self {
            let name = format!("baton-secret-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, content).unwrap();
            Self(path)
        }
    }

    impl Drop for TempFile {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn one_trailing_newline_of_a_secret_file_is_dropped() {
        let cases: [(&str, &[u8], &[u8]); 4] = [
            ("lf", b"key\n", b"key"),
            ("crlf", b"key\r\n", b"key"),
            ("none", b" key ", b" key "),
            ("two", b"key\n\n", b"key\n"),
        ];
        for (name, content, secret) in cases {
            let file = TempFile::with(name, content);
            assert_eq!(Secret::from_file(&file.0).unwrap().as_bytes(), secret, "{name}");
        }
    }

    #[test]
    fn files_without_a_secret_are_refused_by_what_is_wrong() {
        let empty = TempFile::with("empty", b"\n");
        let placeholder = TempFile::with("placeholder", b"your-hmac-secret-key-here\n");
        let long = TempFile::with("long", &[b'x'; 4097]);

        let error = |path: &Path| Secret::from_file(path).unwrap_err().to_string();

        assert!(error(&empty.0).contains("is empty"));
        assert!(error(&placeholder.0).contains("placeholder"));
        assert!(error(&long.0).contains("longer than 4096"));
        assert!(error(Path::new("/nonexistent/secret")).contains("/nonexistent/secret: No such"));
    }

    #[test]
    fn a_secret_shows_in_no_output() {
        let secret = Secret::parse("hunter2").unwrap();

        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(..) Some(Secret(..))");
    }

    #[test]
    fn advice_is_given_only_for_files_that_everybody_may_read() {
        let file = TempFile::with("mode", b"key");

        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(exposure(&file.0).unwrap().contains("chmod 0600"));
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(exposure(&file.0), None);
    }
}

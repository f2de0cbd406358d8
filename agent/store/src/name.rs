//! Names of stored files.

use core::fmt;

/// Where everything that is not a finished file lives: partial uploads and the lock.
pub(crate) const WORK_FOLDER: &str = ".baton";

/// The longest name in bytes, and the longest part between two slashes (`NAME_MAX` of Linux).
const MAX_NAME: usize = 1024;
const MAX_PART: usize = 255;

/// A relative path that can't leave the folder, nor reach Baton's own files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// Nothing, or nothing between two slashes.
    Empty,
    /// `.` or `..`.
    Dots,
    /// A control character, NUL among them.
    Control,
    /// Longer than any file system takes.
    TooLong,
    /// The folder of partial uploads.
    Reserved,
}

impl Name {
    /// Checks a percent-decoded path without its leading slash.
    pub(crate) fn parse(path: &str) -> Result<Self, NameError> {
        if path.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        path.split('/').try_for_each(check_part)?;
        let first = path.split('/').next().unwrap_or_default();
        // FAT ignores case and trailing dots.
        if first.trim_end_matches('.').eq_ignore_ascii_case(WORK_FOLDER) {
            return Err(NameError::Reserved);
        }
        Ok(Self(path.to_owned()))
    }

    /// The whole path.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders on the way, and the file's own name.
    pub(crate) fn split(&self) -> (impl Iterator<Item = &str>, &str) {
        let (folders, leaf) = self.0.rsplit_once('/').unwrap_or(("", &self.0));
        (folders.split('/').filter(|part| !part.is_empty()), leaf)
    }

    /// The media type by which to serve it. Nothing that a browser would run.
    pub(crate) fn media_type(&self) -> &'static str {
        let extension =
            self.0.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("png") => "image/png",
            Some("gif") => "image/gif",
            Some("webp") => "image/webp",
            Some("mp4") => "video/mp4",
            Some("webm") => "video/webm",
            Some("mp3") => "audio/mpeg",
            Some("ogg" | "oga" | "opus") => "audio/ogg",
            Some("pdf") => "application/pdf",
            Some("txt") => "text/plain; charset=utf-8",
            Some(_) | None => "application/octet-stream",
        }
    }
}

fn check_part(part: &str) -> Result<(), NameError> {
    match part {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ if part.len() > MAX_PART => Err(NameError::TooLong),
        _ if part.chars().any(char::is_control) => Err(NameError::Control),
        _ => Ok(()),
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name has an empty part",
            Self::Dots => "the name has a part that is only dots",
            Self::Control => "the name has a control character",
            Self::TooLong => "the name is too long",
            Self::Reserved => "the name is reserved",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        for path in ["a", "a/b.jpg", "ä/ö ü.jpg", "..a/b..", ".hidden", "x/.baton", "a\\b"] {
            assert_eq!(Name::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn names_that_escape_or_reach_the_work_folder_are_refused() {
        let long_part = "x".repeat(256);
        let long_name = "x/".repeat(512) + "x";
        let cases = [
            ("", NameError::Empty),
            ("/a", NameError::Empty),
            ("a//b", NameError::Empty),
            ("a/", NameError::Empty),
            (".", NameError::Dots),
            ("..", NameError::Dots),
            ("a/../b", NameError::Dots),
            ("a\0b", NameError::Control),
            ("a\nb", NameError::Control),
            ("a\u{7f}", NameError::Control),
            (&long_part, NameError::TooLong),
            (&long_name, NameError::TooLong),
            (".baton", NameError::Reserved),
            (".baton/x.info", NameError::Reserved),
            (".BATON./x", NameError::Reserved),
        ];

        for (path, error) in cases {
            assert_eq!(Name::parse(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn a_name_splits_into_folders_and_leaf() {
        let name = Name::parse("a/b/c.jpg").unwrap();

        let (folders, leaf) = name.split();

        assert_eq!(folders.collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(leaf, "c.jpg");
        assert_eq!(Name::parse("c.jpg").unwrap().split().0.count(), 0);
    }
}

//! Media types by file extension.

/// The type of a file of that name: what common servers derive themselves, since some sign it.
pub fn content_type(name: &str) -> &'static str {
    let last = name.rsplit('/').next().unwrap_or_default();
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES.iter().find(|(own, _)| own.eq_ignore_ascii_case(extension)).map_or(UNKNOWN, |(_, it)| it)
}

/// Bytes of which nothing more is known.
pub const UNKNOWN: &str = "application/octet-stream";

const TYPES: &[(&str, &str)] = &[
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("avi", "video/x-msvideo"),
    ("webm", "video/webm"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_extension_of_the_last_name_counts() {
        assert_eq!(content_type("a/b.JPG"), "image/jpeg");
        assert_eq!(content_type("a.tar.gz"), UNKNOWN);
        assert_eq!(content_type("photos.jpg/readme"), UNKNOWN);
        assert_eq!(content_type(""), UNKNOWN);
    }
}

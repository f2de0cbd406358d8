//! Content types by file extension.

/// The type of a file of that name: what common servers derive themselves, since some sign it.
pub(crate) fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let extension = extension.map_or(String::new(), |(_, end)| end.to_ascii_lowercase());
    match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "avi" => "video/x-msvideo",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => UNKNOWN,
    }
}

/// Bytes of which nothing more is known.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

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

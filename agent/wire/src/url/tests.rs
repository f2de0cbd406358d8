use super::*;

#[test]
fn urls_are_split() {
    let url = |tls, authority, host, port, base| Ok(Url { tls, authority, host, port, base });
    let cases = [
        ("http://h", url(false, "h", "h", 80, "")),
        ("HTTPS://h/", url(true, "h", "h", 443, "")),
        ("http://h:8080/a/b/", url(false, "h:8080", "h", 8080, "/a/b")),
        ("http://203.0.113.10:9000", url(false, "203.0.113.10:9000", "203.0.113.10", 9000, "")),
        ("https://[2001:db8::1]:1/a", url(true, "[2001:db8::1]:1", "2001:db8::1", 1, "/a")),
        ("http://[::1]", url(false, "[::1]", "::1", 80, "")),
    ];

    for (text, split) in cases {
        assert_eq!(Url::parse(text), split, "{text}");
    }
}

#[test]
fn bad_urls_are_refused() {
    let cases = [
        ("", UrlError::Scheme),
        ("h:80", UrlError::Scheme),
        ("ftp://h", UrlError::Scheme),
        ("http:/h", UrlError::Scheme),
        ("http://", UrlError::Authority),
        ("http:///a", UrlError::Authority),
        ("http://:80", UrlError::Authority),
        ("http://u:p@h", UrlError::Authority),
        ("http://h:", UrlError::Authority),
        ("http://h:0", UrlError::Authority),
        ("http://h:65536", UrlError::Authority),
        ("http://h:+80", UrlError::Authority),
        ("http://h:8o", UrlError::Authority),
        ("http://[::1", UrlError::Authority),
        ("http://[::1]80", UrlError::Authority),
        ("http://[h]", UrlError::Authority),
        ("http://h h", UrlError::Authority),
        ("http://h\r\nx", UrlError::Authority),
        ("http://h?q", UrlError::Path),
        ("http://h/a?q", UrlError::Path),
        ("http://h/#f", UrlError::Path),
        ("http://h/ä", UrlError::Path),
        ("http://h/a b", UrlError::Path),
    ];

    for (text, error) in cases {
        assert_eq!(Url::parse(text), Err(error), "{text}");
    }
}

#[test]
fn references_are_resolved_by_the_rfc() {
    let cases = [
        ("http://h:8080/files/1", "/files/1"),
        ("https://H:8080/files/1?x=y#f", "/files/1?x=y"),
        ("//h:8080/files/1", "/files/1"),
        ("http://h:8080", "/"),
        ("http://h:8080?x", "/?x"),
        ("/up/1", "/up/1"),
        ("/up//1", "/up//1"),
        ("1", "/files/1"),
        ("./1", "/files/1"),
        ("../1", "/1"),
        ("../../../1", "/1"),
        ("a/./b/../1", "/files/a/1"),
        ("/a/b/..", "/a/"),
        ("1?u=http://x/..", "/files/1?u=http://x/.."),
        ("?x", "/files/?x"),
        ("./a:b", "/files/a:b"),
    ];

    for (location, target) in cases {
        let resolved = resolve("h:8080", "/files/?v2=token", location);
        assert_eq!(resolved.as_deref(), Ok(target), "{location}");
    }
}

#[test]
fn the_relative_examples_of_the_rfc_hold() {
    // RFC 3986 section 5.4, those without parameters of another scheme.
    let cases = [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        ("..g", "/b/c/..g"),
        ("./g/.", "/b/c/g/"),
        ("g/../h", "/b/c/h"),
        ("g?y/../x", "/b/c/g?y/../x"),
    ];

    for (location, target) in cases {
        assert_eq!(resolve("a", "/b/c/d;p?q", location).as_deref(), Ok(target), "{location}");
    }
}

#[test]
fn only_the_same_server_is_followed() {
    let long = format!("/{}", "x".repeat(MAX_TARGET));
    let cases = [
        ("http://evil/1", LocationError::Foreign),
        ("http://h/1", LocationError::Foreign),
        ("http://h:80/1", LocationError::Foreign),
        ("http://h:8080.evil/1", LocationError::Foreign),
        ("http://h:8080@evil/1", LocationError::Foreign),
        ("//evil/1", LocationError::Foreign),
        ("ftp://h:8080/1", LocationError::Foreign),
        ("javascript:alert(1)", LocationError::Foreign),
        ("", LocationError::Malformed),
        ("#f", LocationError::Malformed),
        ("/a b", LocationError::Malformed),
        ("/ä", LocationError::Malformed),
        (&long, LocationError::TooLong),
    ];

    for (location, error) in cases {
        assert_eq!(resolve("h:8080", "/files/", location), Err(error), "{location}");
    }
}

#[test]
fn a_default_port_may_be_written_or_left_out() {
    for (ours, location) in
        [("h", "http://h:80/1"), ("h:80", "http://h/1"), ("h", "https://h:443/1")]
    {
        assert_eq!(resolve(ours, "/", location).as_deref(), Ok("/1"));
    }
}

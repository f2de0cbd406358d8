use super::*;

fn request(fields: &str) -> Result<Framing, Error> {
    let head = format!("PUT /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    RequestHead::parse(head.as_bytes())?.framing()
}

fn response(asked: Method, line: &str, fields: &str) -> Result<Framing, Error> {
    let head = format!("{line}\r\n{fields}\r\n");
    ResponseHead::parse(head.as_bytes())?.framing(asked)
}

#[test]
fn the_framing_of_a_request_is_by_the_rfc() {
    let too_large = "Content-Length: 18446744073709551616\r\n";
    let cases = [
        ("", Ok(Framing::None)),
        ("Content-Length: 0\r\n", Ok(Framing::Length(0))),
        ("content-length:5\r\n", Ok(Framing::Length(5))),
        ("Content-Length: 18446744073709551615\r\n", Ok(Framing::Length(u64::MAX))),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Ok(Framing::Length(5))),
        ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Error::Framing)),
        ("Content-Length: 5, 5\r\n", Err(Error::Framing)),
        ("Content-Length: +5\r\n", Err(Error::Framing)),
        ("Content-Length: -5\r\n", Err(Error::Framing)),
        ("Content-Length: 0x5\r\n", Err(Error::Framing)),
        ("Content-Length: 5 5\r\n", Err(Error::Framing)),
        ("Content-Length:\r\n", Err(Error::Framing)),
        (too_large, Err(Error::Framing)),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Error::Framing)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Error::Framing)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(Error::Coding)),
        ("Transfer-Encoding: chunked, identity\r\n", Err(Error::Coding)),
        ("Transfer-Encoding: identity\r\n", Err(Error::Coding)),
        ("Transfer-Encoding: xchunked\r\n", Err(Error::Coding)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(Error::Coding)),
    ];

    for (fields, framing) in cases {
        assert_eq!(request(fields), framing, "{fields}");
    }
}

#[test]
fn http_1_0_neither_persists_nor_knows_chunks() {
    let head = RequestHead::parse(b"PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(head.and_then(|head| head.framing()), Err(Error::Framing));

    let head = RequestHead::parse(b"PUT /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(head.map(|head| head.keep_alive()), Ok(false));

    let head = RequestHead::parse(b"PUT /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(head.and_then(|head| head.expects_continue()), Ok(false));
}

#[test]
fn the_framing_of_a_response_depends_on_what_was_asked() {
    use Method::{Get, Head, Put};
    let length = "Content-Length: 5\r\n";
    let cases = [
        (Get, "HTTP/1.1 200 OK", length, Ok(Framing::Length(5))),
        (Head, "HTTP/1.1 200 OK", length, Ok(Framing::None)),
        (Head, "HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", Ok(Framing::None)),
        (Get, "HTTP/1.1 204 No Content", length, Ok(Framing::None)),
        (Get, "HTTP/1.1 304 ", length, Ok(Framing::None)),
        (Put, "HTTP/1.1 201", "", Ok(Framing::UntilClose)),
        (Put, "HTTP/1.0 200 OK", "", Ok(Framing::UntilClose)),
        (Get, "HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
        (Get, "HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", Err(Error::Framing)),
        (Get, "HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n", Err(Error::Coding)),
        (
            Get,
            "HTTP/1.1 200 OK",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Err(Error::Framing),
        ),
        (Get, "HTTP/1.1 099 Low", "", Err(Error::Malformed)),
        (Get, "HTTP/1.1 20 OK", "", Err(Error::Malformed)),
        (Get, "HTTP/2.0 200 OK", "", Err(Error::Version)),
        (Get, "ICY 200 OK", "", Err(Error::Version)),
    ];

    for (asked, line, fields, framing) in cases {
        assert_eq!(response(asked, line, fields), framing, "{asked:?} {line} {fields}");
    }
}

#[test]
fn heads_that_invite_smuggling_are_refused() {
    let cases = [
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
        "GET /a HTTP/1.1\r\n Host: h\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\n: no name\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a  HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a\r\nHost: h\r\n\r\n",
        "G\u{e4}T /a HTTP/1.1\r\nHost: h\r\n\r\n",
    ];

    for head in cases {
        let error = RequestHead::parse(head.as_bytes()).err();
        assert!(matches!(error, Some(Error::Malformed | Error::Version)), "{head}: {error:?}");
    }
}

#[test]
fn too_many_fields_are_refused() {
    let head = |fields| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(fields));

    assert!(RequestHead::parse(head(MAX_FIELDS - 1).as_bytes()).is_ok());
    assert_eq!(RequestHead::parse(head(MAX_FIELDS).as_bytes()).err(), Some(Error::HeadTooLong));
}

#[test]
fn targets_are_split_into_path_and_query() {
    let cases = [
        ("/a/b?c=d?e", ("/a/b", Some("c=d?e"))),
        ("/a", ("/a", None)),
        ("/a?", ("/a", Some(""))),
        ("*", ("*", None)),
        ("http://h:80/a?b", ("/a", Some("b"))),
        ("http://h", ("/", None)),
        ("http://h?b", ("/", Some("b"))),
        ("/a?u=http://h/b", ("/a", Some("u=http://h/b"))),
        ("/http://h/b", ("/http://h/b", None)),
    ];

    for (target, split) in cases {
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        let head = RequestHead::parse(head.as_bytes()).expect("a valid head");
        assert_eq!(head.path_and_query(), split, "{target}");
        assert_eq!((head.method, head.target, head.minor), ("GET", target, 1));
    }
}

#[test]
fn fields_are_found_whatever_their_case() {
    let head =
        b"HTTP/1.1 200 OK\r\nA: \t 1 \t\r\nb:2\r\na: x , Close,\r\nEmpty:\r\nC: \xff\r\n\r\n";
    let headers = ResponseHead::parse(head).expect("a valid head").headers;

    assert_eq!(headers.get("a"), Some(&b"1"[..]));
    assert_eq!(headers.text("B"), Some("2"));
    assert_eq!(headers.get("empty"), Some(&b""[..]));
    assert_eq!(headers.get("c"), Some(&b"\xff"[..]));
    assert_eq!(headers.text("c"), None);
    assert_eq!(headers.get("d"), None);
    assert_eq!(headers.all("A").count(), 2);
    assert!(headers.lists("A", "close") && headers.lists("A", "1"));
    assert!(!headers.lists("A", "clo"));
    assert_eq!(headers.number("a"), Err(Error::Malformed));
    assert_eq!(headers.number("d"), Ok(None));
}

#[test]
fn retry_after_is_read_in_seconds_only() {
    let read = |value| {
        let head = format!("HTTP/1.1 503 Later\r\nRetry-After: {value}\r\n\r\n");
        ResponseHead::parse(head.as_bytes()).ok().and_then(|head| head.retry_after_s())
    };

    assert_eq!(read("120"), Some(120));
    assert_eq!(read("99999999999"), Some(u32::MAX));
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), None);
}

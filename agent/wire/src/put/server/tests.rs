use super::*;
use baton_core::token::Scheme;

fn parse(head: &str) -> Result<Request<'_>, Refusal> {
    Request::parse(&RequestHead::parse(head.as_bytes()).expect("a valid head"))
}

#[test]
fn a_put_is_read_whole() {
    let request = parse(
        "PUT /a%20b/c.jpg?v2=00ff HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\
         Content-Type: image/jpeg\r\nRange: bytes=0-1\r\n\r\n",
    )
    .unwrap();

    let credential = Credential::Query { scheme: Scheme::V2, token: "00ff", expires: None };
    let expected = Request {
        method: Method::Put,
        name: Name::try_from("a b/c.jpg").unwrap(),
        credential: Some(credential),
        content: Framing::Length(5),
        content_type: Some("image/jpeg"),
        range: None,
    };
    assert_eq!(request, expected);
}

#[test]
fn what_names_no_file_is_refused() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(2000));
    let cases = [
        ("POST /a HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Method, 405),
        ("BREW /a HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Method, 405),
        ("get /a HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Method, 405),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Path(PathError::Empty), 400),
        ("GET http://h/a/%2e%2e HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Path(PathError::Dots), 400),
        ("GET /a%2Fb?x HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::Path(PathError::EncodedSlash), 400),
        (&long, Refusal::Path(PathError::TooLong), 414),
    ];

    for (head, refusal, status) in cases {
        assert_eq!(parse(head), Err(refusal), "{head}");
        assert_eq!(refusal.status(), status);
    }
}

#[test]
fn a_range_is_read_from_a_get_only() {
    let range = |method| {
        let head = format!("{method} /a HTTP/1.1\r\nHost: h\r\nRange: bytes=5-\r\n\r\n");
        parse(&head).map(|request| request.range)
    };

    assert_eq!(range("GET"), Ok(Some(Range::From { first: 5, last: None })));
    assert_eq!(range("HEAD"), Ok(None));
}

#[test]
fn ranges_are_cut_to_the_file() {
    let cases = [
        ("bytes=0-", Some((0, 10))),
        ("bytes=0-0", Some((0, 1))),
        ("bytes=4-6", Some((4, 3))),
        ("bytes=9-99", Some((9, 1))),
        ("bytes=0-18446744073709551615", Some((0, 10))),
        ("bytes=10-", None),
        ("bytes=11-12", None),
        ("bytes=-3", Some((7, 3))),
        ("bytes=-99", Some((0, 10))),
        ("bytes=-0", None),
    ];

    for (value, within) in cases {
        assert_eq!(Range::parse(value).expect(value).within(10), within, "{value}");
    }
    assert_eq!(Range::Last(3).within(0), None);
}

#[test]
fn a_range_that_is_none_is_passed_over() {
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes=1",
    ] {
        assert_eq!(Range::parse(value), None, "{value}");
    }
}

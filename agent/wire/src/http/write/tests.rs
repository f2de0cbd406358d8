use super::*;

const PEER: Peer<'_> = Peer { authority: "h:8080", authorization: None };

#[test]
fn a_request_is_written_as_it_goes_over_the_wire() {
    let mut out = [0; 256];
    let peer = Peer { authorization: Some("Bearer x"), ..PEER };

    let length = Head::request(&mut out, Method::Put, "/a?v=1", &peer)
        .header("Content-Type", "image/jpeg")
        .maybe("X-None", None::<u64>)
        .maybe("X-Some", Some(7))
        .body_length(u64::MAX)
        .finish();

    let expected = "PUT /a?v=1 HTTP/1.1\r\nHost: h:8080\r\nAuthorization: Bearer x\r\n\
        Content-Type: image/jpeg\r\nX-Some: 7\r\nContent-Length: 18446744073709551615\r\n\r\n";
    assert_eq!(length, Ok(expected.len()));
    assert_eq!(&out[..expected.len()], expected.as_bytes());
}

#[test]
fn a_response_is_written_as_it_goes_over_the_wire() {
    let mut out = [0; 128];
    for (status, keep, expected) in [
        (201, true, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        (460, false, "HTTP/1.1 460 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let length = Head::response(&mut out, status).keep_alive(keep).body_length(0).finish();

        assert_eq!(&out[..length.unwrap()], expected.as_bytes());
    }
}

#[test]
fn a_head_fits_exactly_or_not_at_all() {
    let write = |size| Head::response(&mut vec![0; size], 204).header("A", "b").finish();
    let whole = "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n".len();

    assert_eq!(write(whole), Ok(whole));
    for size in 0..whole {
        assert_eq!(write(size), Err(Unfit::Full), "{size}");
    }
}

#[test]
fn nothing_can_be_injected() {
    let mut out = [0; 256];
    for value in ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b", "\u{1b}[31m", "\u{7f}"] {
        let header = Head::response(&mut out, 200).header("Location", value).finish();
        assert_eq!(header, Err(Unfit::Forbidden), "{value:?}");

        let peer = Peer { authority: value, ..PEER };
        let host = Head::request(&mut out, Method::Get, "/", &peer).finish();
        assert_eq!(host, Err(Unfit::Forbidden), "{value:?}");

        let peer = Peer { authorization: Some(value), ..PEER };
        let authorization = Head::request(&mut out, Method::Get, "/", &peer).finish();
        assert_eq!(authorization, Err(Unfit::Forbidden), "{value:?}");
    }
    for target in ["", "/a b", "/a\r\n", "/ä", "/a\0"] {
        let request = Head::request(&mut out, Method::Get, target, &PEER).finish();
        assert_eq!(request, Err(Unfit::Forbidden), "{target:?}");
    }
}

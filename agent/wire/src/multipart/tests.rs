use super::*;
use proptest::prelude::*;

const TYPE: &[u8] = b"multipart/form-data; boundary=XyZ";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
    data: std::vec::Vec<u8>,
    is_whole: bool,
}

/// Feeds `form` in pieces of those lengths, the rest at once.
fn read(form: &[u8], pieces: &[usize]) -> Result<(std::vec::Vec<Seen>, bool), Error> {
    let mut parser = Parser::new(TYPE).unwrap();
    let (mut parts, mut from) = (std::vec::Vec::<Seen>::new(), 0usize);
    for length in pieces.iter().copied().chain([usize::MAX]) {
        let piece = &form[from..form.len().min(from.saturating_add(length))];
        from += piece.len();
        let mut rest = piece;
        loop {
            let (used, event) = parser.handle_input(rest)?;
            rest = &rest[used..];
            match event {
                Event::NeedMore => break,
                Event::Part => {
                    let part = parser.part();
                    parts.push(Seen {
                        name: part.name().map(|name| name.to_string()),
                        filename: part.filename().map(|name| name.to_string()),
                        content_type: part.content_type().map(str::to_owned),
                        ..Seen::default()
                    });
                }
                Event::Data(data) => {
                    assert!(!data.is_empty());
                    parts.last_mut().unwrap().data.extend_from_slice(data);
                }
                Event::PartEnd => parts.last_mut().unwrap().is_whole = true,
                Event::End => assert!(parser.is_done()),
            }
        }
        assert!(rest.is_empty(), "all is used before more is needed");
    }
    Ok((parts, parser.is_done()))
}

fn part(name: &str, data: &[u8]) -> Seen {
    Seen { name: Some(name.into()), data: data.into(), is_whole: true, ..Seen::default() }
}

#[test]
fn a_form_is_read() {
    let form = b"--XyZ\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n\
        --XyZ\r\ncontent-type: image/jpeg\r\n\
        content-disposition: form-data; filename=\"a \\\"b\\\".jpg\"; name=file\r\n\r\n\
        \xff\xd8\r\n--Xy\r\r\n--XyZZ\r\n--XyZ-\r\n-\r\n--XyZ--\r\n";

    let (parts, is_done) = read(form, &[]).unwrap();

    let file = Seen {
        filename: Some("a \"b\".jpg".into()),
        content_type: Some("image/jpeg".into()),
        ..part("file", b"\xff\xd8\r\n--Xy\r\r\n--XyZZ\r\n--XyZ-\r\n-")
    };
    assert_eq!(parts, [part("user", b"ann"), file]);
    assert!(is_done);
}

#[test]
fn preamble_padding_and_epilogue_are_passed_over() {
    for (form, data) in [
        (&b"a\r\n--Xy\r\n\r\n--XyZ \t \r\n\r\nx\r\n--XyZ--\t \r\n--XyZ\r\nmore"[..], &b"x"[..]),
        (b"\r\n--XyZ\r\n\r\n\r\n--XyZ--", b""),
        (b"--XyZ\r\n\r\n--XyZ--", b""),
        (b"--XyZ\r\nX: y\r\n\r\n--XyZ--", b""),
        (b"--XyZ\r\n\r\n--Xyz\r\n--XyZ--", b"--Xyz"),
    ] {
        let expected = Seen { data: data.into(), is_whole: true, ..Seen::default() };
        assert_eq!(read(form, &[]), Ok((vec![expected], true)));
    }
    assert_eq!(read(b"--XyZ--", &[]), Ok((vec![], true)));
    assert_eq!(read(b"x--XyZ\r\n\r\n--XyZ", &[]).unwrap().0, []);
}

#[test]
fn a_form_that_is_cut_is_not_done() {
    let form = b"--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--XyZ--";
    for cut in 0..form.len() {
        let (parts, is_done) = read(&form[..cut], &[]).unwrap();
        assert!(!is_done, "{cut}");
        assert!(parts.iter().all(|part| b"x".starts_with(&part.data[..])));
    }
}

#[test]
fn what_is_no_form_is_refused() {
    let long = format!("--XyZ\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    for (form, error) in [
        (&b"--XyZ x\r\n"[..], Error::Malformed),
        (b"--XyZ\rx", Error::Malformed),
        (b"--XyZ\r\nX: y\n\r\n", Error::Malformed),
        (b"--XyZ\r\nX: \0\r\n\r\n", Error::Malformed),
        (long.as_bytes(), Error::HeadTooLong),
    ] {
        assert_eq!(read(form, &[]), Err(error));
        let mut parser = Parser::new(TYPE).unwrap();
        while parser.handle_input(form).is_ok_and(|(used, _)| used < form.len()) {}
        assert_eq!(parser.handle_input(b""), Err(error), "an error is final");
    }
}

#[test]
fn a_boundary_is_taken_as_the_standard_allows() {
    let longest = format!("multipart/form-data; boundary={}", "x".repeat(70));
    for content_type in [
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data ;charset=utf-8; Boundary=\"a b'()+_,-./:=?\"",
        &longest,
    ] {
        assert!(Parser::new(content_type.as_bytes()).is_ok(), "{content_type}");
    }
    let long = format!("{longest}x");
    for content_type in [
        "",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"x \"",
        "multipart/form-data; boundary=x\\",
        "multipart/form-data; boundary=\"x\r\n\"",
        "multipart/form-data; boundary=ä",
        &long,
    ] {
        let error = Parser::new(content_type.as_bytes()).err();
        assert_eq!(error, Some(Error::ContentType), "{content_type}");
    }
    assert_eq!(Parser::new(b"\xff").err(), Some(Error::ContentType));
}

#[test]
fn what_our_client_posts_is_read_back() {
    use crate::http::{Peer, RequestHead};
    use crate::put::{Boundary, Client, Form};
    let form = Form {
        target: "/upload",
        signature: None,
        filename: "a \"b\"\\.jpg",
        content_type: "image/jpeg",
        length: 5,
        boundary: Boundary([7; 16]),
        expect_continue: false,
    };
    let (mut client, mut out) = (Client::<2048>::new(), [0; 1024]);
    let peer = Peer { authority: "h", authorization: None };
    let length = client.post(&mut out, &peer, &form).unwrap();
    let head_length = 4 + out.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let (head, start) = out[..length].split_at(head_length);
    let content_type = RequestHead::parse(head).unwrap().headers.get("Content-Type").unwrap();

    let mut parser = Parser::new(content_type).unwrap();
    let (used, event) = parser.handle_input(start).unwrap();

    assert_eq!((used, event), (start.len(), Event::Part));
    assert!(parser.part().name().unwrap() == *"file");
    assert!(parser.part().filename().unwrap() == *form.filename);
    assert_eq!(parser.part().content_type(), Some("image/jpeg"));
    assert_eq!(parser.handle_input(b"\r\n-\r"), Ok((3, Event::Data(b"\r\n-"))));
    assert_eq!(parser.handle_input(b"\r"), Ok((1, Event::NeedMore)));
    assert_eq!(parser.handle_input(&form.end()[1..]).unwrap().1, Event::PartEnd);
}

/// Text in which delimiters are often begun, and never whole.
fn data() -> impl Strategy<Value = std::vec::Vec<u8>> {
    let pieces: [&[u8]; 12] = [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n-",
        b"\r\n--X",
        b"\r\n--Xy",
        b"--XyZ",
        b"-",
        b"Z",
        b"\r\n--XyZZ",
        b"\r\n--XyZ-x",
        b"\0\xff",
    ];
    let pieces = proptest::sample::select(pieces.to_vec());
    proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()).prop_filter(
        "no delimiter",
        |data| {
            // A line end goes before it, or that of a head does.
            let text = [b"\r\n", &data[..], b"\r\n--XyZ--"].concat();
            let ends = [&b"\r\n--XyZ\r"[..], b"\r\n--XyZ ", b"\r\n--XyZ-"];
            let allowed =
                |at: usize| at + 9 == text.len() || text[at..].starts_with(b"\r\n--XyZ-x");
            (0..text.len())
                .all(|at| allowed(at) || !ends.iter().any(|end| text[at..].starts_with(end)))
        },
    )
}

proptest! {
    #[test]
    fn a_form_reads_the_same_however_it_is_split(
        parts in proptest::collection::vec(("[a-z]{1,5}", data()), 0..4),
        preamble in data(),
        pieces in proptest::collection::vec(0usize..9, 0..200),
    ) {
        // The preamble may not begin as a delimiter would.
        let mut form = [b"p", &preamble[..], b"\r\n--XyZ"].concat();
        let mut expected = vec![];
        for (name, data) in &parts {
            form.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"");
            form.extend_from_slice(name.as_bytes());
            form.extend_from_slice(b"\"\r\n\r\n");
            form.extend_from_slice(data);
            form.extend_from_slice(b"\r\n--XyZ");
            expected.push(part(name, data));
        }
        form.extend_from_slice(b"--\r\nepilogue");

        prop_assert_eq!(read(&form, &pieces), Ok((expected, true)));
    }

    #[test]
    fn any_bytes_read_the_same_however_they_are_split(
        form in proptest::collection::vec(
            proptest::sample::select(vec!["--XyZ", "\r\n", "\r", "--", "X: y", " "]), 0..20,
        ),
        pieces in proptest::collection::vec(0usize..5, 0..60),
    ) {
        let form = form.concat().into_bytes();
        prop_assert_eq!(read(&form, &pieces), read(&form, &[]));
    }
}

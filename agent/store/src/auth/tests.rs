use super::*;
use baton_wire::http;

const SECRET: &[u8] = b"sharedsecret";
const NOW: u64 = 1_799_999_999;

// The vectors that other implementations share, for the request below.
const V: &str = "d9180af42a77b14de032790b4c9248100d0615d541c5eb1705bad57996a97f96";
const V2: &str = "e612cf5535ad6cf16301f5f7835f1809af6fe04feffb551c80a75c9fdc9de70a";
const V3: &str = "9044e2d3c4597575e4c48150157ae72cc2a7262539ea20324aebf5ebf1b95f43";

const WANTED: Wanted<'static> = Wanted {
    methods: &["PUT"],
    name: "foo/bar.jpg",
    length: Some(1_048_576),
    content_type: Some("image/jpeg"),
};

fn verdict(
    query: &str,
    bearer: Option<&str>,
    wanted: &Wanted<'_>,
    now_s: u64,
) -> Result<(), Denied> {
    let bearer = bearer.map(|text| format!("Authorization: Bearer {text}\r\n")).unwrap_or_default();
    let head = format!("PUT /foo/bar.jpg?{query} HTTP/1.1\r\nHost: h\r\n{bearer}\r\n");
    let mut conn = http::Server::<4096>::new();
    conn.handle_input(head.as_bytes()).unwrap();
    check(SECRET, &conn.head(), wanted, now_s).map(drop)
}

#[test]
fn every_form_of_a_right_token_is_let_in() {
    let base64 = token::bearer(SECRET, "ann@example.org", 1_800_000_000);
    let cases = [
        (format!("v={V}"), None),
        (format!("v2={V2}"), None),
        (format!("token={V2}"), None),
        (format!("v3={V3}&expires=1800000000"), None),
        (String::new(), Some(V.to_owned())),
        (String::new(), Some(V2.to_owned())),
        ("expires=1800000000".to_owned(), Some(V3.to_owned())),
        (String::new(), Some(format!("v2={V2}"))),
        (String::new(), Some(format!("v3={V3}&expires=1800000000"))),
        ("user=ann@example.org&expiry=1800000000".to_owned(), Some(base64.as_str().to_owned())),
    ];

    for (query, bearer) in cases {
        assert_eq!(verdict(&query, bearer.as_deref(), &WANTED, NOW), Ok(()), "{query} {bearer:?}");
    }
}

#[test]
fn a_wrong_truncated_or_missing_token_is_denied() {
    let cut = &V2[..63];
    let cases = [
        (String::new(), None, Denied::Missing),
        ("x=1".to_owned(), None, Denied::Missing),
        ("v2=".to_owned(), None, Denied::Wrong),
        (format!("v2={V}"), None, Denied::Wrong),
        (format!("v2={cut}"), None, Denied::Wrong),
        (format!("v2={V2}0"), None, Denied::Wrong),
        (format!("v3={V3}"), None, Denied::Wrong),
        (format!("v3={V3}&expires=1800000001"), None, Denied::Wrong),
        (String::new(), Some(cut), Denied::Wrong),
        (String::new(), Some(""), Denied::Missing),
        ("user=ann&expiry=1800000000".to_owned(), Some(V2), Denied::Wrong),
        ("user=ann&expiry=never".to_owned(), Some(V2), Denied::Wrong),
    ];

    for (query, bearer, denied) in cases {
        let denied = Err(denied);
        assert_eq!(verdict(&query, bearer, &WANTED, NOW), denied, "{query} {bearer:?}");
    }
}

#[test]
fn only_a_genuine_token_is_told_that_its_time_is_over() {
    let late = 1_800_000_001;
    let query = |token| format!("v3={token}&expires=1800000000");
    let base64 = token::bearer(SECRET, "ann", 1_800_000_000);
    let user = "user=ann&expiry=1800000000";

    assert_eq!(verdict(&query(V3), None, &WANTED, 1_800_000_000), Ok(()));
    assert_eq!(verdict(&query(V3), None, &WANTED, late), Err(Denied::Expired));
    assert_eq!(verdict(&query(V), None, &WANTED, late), Err(Denied::Wrong));
    assert_eq!(verdict(user, Some(base64.as_str()), &WANTED, late), Err(Denied::Expired));
}

#[test]
fn a_token_is_for_one_name_length_type_and_method() {
    let v2 = format!("v2={V2}");
    let v3 = format!("v3={V3}&expires=1800000000");
    let others = [
        Wanted { name: "foo/baz.jpg", ..WANTED },
        Wanted { length: Some(1), ..WANTED },
        Wanted { content_type: Some("image/png"), ..WANTED },
        Wanted { content_type: None, ..WANTED },
    ];

    for wanted in others {
        assert_eq!(verdict(&v2, None, &wanted, NOW), Err(Denied::Wrong), "{wanted:?}");
    }
    let deferred = Wanted { length: None, ..WANTED };
    assert_eq!(verdict(&v2, None, &deferred, NOW), Err(Denied::NoLength));
    assert_eq!(verdict(&v3, None, &deferred, NOW), Ok(()));
    let posted = Wanted { methods: &["POST"], ..WANTED };
    assert_eq!(verdict(&v3, None, &posted, NOW), Err(Denied::Wrong));
}

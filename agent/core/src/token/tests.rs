use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"sharedsecret";
const CLAIM: Claim<'static> = Claim {
    method: "PUT",
    path: "foo/bar.jpg",
    length: 1_048_576,
    content_type: "image/jpeg",
    expires: 1_800_000_000,
};

const V: &str = "d9180af42a77b14de032790b4c9248100d0615d541c5eb1705bad57996a97f96";
const V2: &str = "e612cf5535ad6cf16301f5f7835f1809af6fe04feffb551c80a75c9fdc9de70a";
const V3: &str = "9044e2d3c4597575e4c48150157ae72cc2a7262539ea20324aebf5ebf1b95f43";
const X_SIGNATURE: &str = "ae6ffba933ceffd90fa71373fe0526196ec6b2aa2207066e41176de78aba9955";

#[test]
fn every_scheme_gives_the_token_that_other_implementations_give() {
    let expected = [V, V2, V2, V3];

    for (scheme, expected) in Scheme::ALL.into_iter().zip(expected) {
        assert_eq!(make(SECRET, scheme, &CLAIM).as_str(), expected, "{scheme:?}");
        assert!(check(SECRET, scheme, expected, &CLAIM), "{scheme:?}");
    }
    assert_eq!(signature(SECRET, "/chunked-upload").as_str(), X_SIGNATURE);
    assert!(check_signature(SECRET, X_SIGNATURE, "/chunked-upload"));
}

/// RFC 4231 test case 2, through the one function that signs bytes as they are.
#[test]
fn the_mac_is_hmac_sha256() {
    assert_eq!(
        signature(b"Jefe", "what do ya want for nothing?").as_str(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn bearer_is_the_mac_of_user_nul_expiry_in_base64() {
    let digits = signature(SECRET, "ann\x001800000000");

    let text = bearer(SECRET, "ann", 1_800_000_000);

    let bytes = from_hex(digits.as_str());
    assert_eq!(text.as_str(), base64::Encoded(&bytes).to_string());
    assert!(check_bearer(SECRET, text.as_str(), "ann", 1_800_000_000));
    assert!(!check_bearer(SECRET, text.as_str(), "bob", 1_800_000_000));
    assert!(!check_bearer(SECRET, text.as_str(), "ann", 1_800_000_001));
    assert!(!check_bearer(SECRET, text.as_str().trim_end_matches('='), "ann", 1_800_000_000));
}

#[test]
fn upper_case_digits_are_the_same_token() {
    assert!(check(SECRET, Scheme::V, &V.to_uppercase(), &CLAIM));
    assert!(check_signature(SECRET, &X_SIGNATURE.to_uppercase(), "/chunked-upload"));
}

#[test]
fn a_token_that_is_cut_lengthened_or_changed_anywhere_is_refused() {
    for cut in 0..V.len() {
        assert!(!check(SECRET, Scheme::V, &V[..cut], &CLAIM));
    }
    assert!(!check(SECRET, Scheme::V, &format!("{V}0"), &CLAIM));
    assert!(!check(SECRET, Scheme::V, &format!(" {V}")[..64], &CLAIM));
    for at in 0..V.len() {
        let mut digits = V.as_bytes().to_vec();
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        assert!(!check(SECRET, Scheme::V, core::str::from_utf8(&digits).unwrap(), &CLAIM));
    }
}

#[test]
fn each_scheme_binds_exactly_what_it_signs() {
    use Scheme::{Token, V, V2, V3};
    let other_claims = [
        (Claim { method: "POST", ..CLAIM }, &[V3][..]),
        (Claim { path: "foo/bar.jpeg", ..CLAIM }, &[V, V2, Token, V3]),
        (Claim { length: 1_048_577, ..CLAIM }, &[V, V2, Token]),
        (Claim { content_type: "image/png", ..CLAIM }, &[V2, Token]),
        (Claim { expires: 1_800_000_001, ..CLAIM }, &[V3]),
    ];

    for (claim, noticed_by) in other_claims {
        for scheme in Scheme::ALL {
            let token = make(SECRET, scheme, &CLAIM);
            let accepted = check(SECRET, scheme, token.as_str(), &claim);
            assert_eq!(accepted, !noticed_by.contains(&scheme), "{scheme:?} {claim:?}");
        }
    }
}

#[test]
fn another_secret_and_an_empty_one_are_refused() {
    let empty = make(b"", Scheme::V, &CLAIM);
    let empty_bearer = bearer(b"", "ann", 1);

    assert!(!check(b"sharedsecreT", Scheme::V, V, &CLAIM));
    assert!(!check(b"", Scheme::V, empty.as_str(), &CLAIM));
    assert!(!check_bearer(b"", empty_bearer.as_str(), "ann", 1));
}

#[test]
fn names_lead_back_to_their_scheme() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
    }
    assert_eq!(Scheme::from_name("V2"), None);
    assert_eq!(Scheme::from_name(""), None);
}

proptest! {
    #[test]
    fn decimals_read_as_the_standard_library_writes_them(number: u64) {
        let (ours, theirs) = (Decimal::new(number), number.to_string());
        prop_assert_eq!(ours.as_bytes(), theirs.as_bytes());
    }

    #[test]
    fn any_text_may_be_given_as_a_token(given in "\\PC{0,80}") {
        prop_assert!(!check(SECRET, Scheme::V2, &given, &CLAIM));
        prop_assert!(!check_bearer(SECRET, &given, "ann", 1));
    }
}

#[test]
fn decimals_at_the_ends_of_the_range_are_right() {
    for number in [0, 9, 10, u64::MAX] {
        assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

use super::*;
use proptest::prelude::*;

const NAME: &str = "upload.example.org";

fn asked(record: Record) -> Vec<u8> {
    question(0x1234, NAME, record).unwrap()
}

/// An answer to `question` with these flags and records (name, type, TTL, data).
fn reply(question: &[u8], flags: u16, records: &[(&[u8], u16, u32, &[u8])]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for (name, kind, ttl, data) in records {
        message.extend(*name);
        message.extend(kind.to_be_bytes());
        message.extend(1u16.to_be_bytes());
        message.extend(ttl.to_be_bytes());
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(*data);
    }
    message
}

const POINTER: &[u8] = &[0xc0, 12];
const OK: u16 = 0x8180;

#[test]
fn question_is_as_rfc_1035_wants_it() {
    let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06upload\x07example\x03org\x00\x00\x1c\x00\x01";

    assert_eq!(asked(Record::Aaaa), expected);
    assert_eq!(question(0x1234, "upload.example.org.", Record::Aaaa).unwrap(), expected);
}

#[test]
fn impossible_names_are_not_asked_for() {
    let (label, name) = ("x".repeat(64), "abcdefg.".repeat(32));
    for name in ["", ".", "a..b", label.as_str(), name.as_str()] {
        assert_eq!(question(1, name, Record::A), None, "{name}");
    }
    assert!(question(1, &"abcdefg.".repeat(31), Record::A).is_some());
}

#[test]
fn addresses_behind_an_alias_are_found_with_the_least_ttl() {
    let question = asked(Record::A);
    let message = reply(
        &question,
        OK,
        &[
            (POINTER, 5, 9999, b"\x03cdn\xc0\x13"),
            (b"\x03cdn\xc0\x13", 1, 300, &[192, 0, 2, 1]),
            (b"\x03cdn\x07example\x03org\x00", 1, 60, &[192, 0, 2, 2]),
            (POINTER, 28, 1, &[0; 16]),
        ],
    );

    let answer = answer(&question, Record::A, &message).unwrap();

    assert_eq!(answer.addresses, [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])]);
    assert_eq!(answer.ttl, 60);
}

#[test]
fn name_without_addresses_is_an_answer_and_a_failing_server_is_none() {
    let question = asked(Record::Aaaa);
    let with = |flags| answer(&question, Record::Aaaa, &reply(&question, flags, &[]));

    assert!(with(OK).unwrap().addresses.is_empty());
    assert!(with(OK | 3).unwrap().addresses.is_empty(), "NXDOMAIN");
    assert_eq!(with(OK | 2), None, "SERVFAIL");
    assert_eq!(with(OK | 5), None, "REFUSED");
}

#[test]
fn what_is_no_answer_to_the_question_is_ignored() {
    let question = asked(Record::A);
    let good = reply(&question, OK, &[(POINTER, 1, 60, &[192, 0, 2, 1])]);
    assert!(answer(&question, Record::A, &good).is_some());

    let mut other_id = good.clone();
    other_id[0] ^= 1;
    let mut other_name = good.clone();
    other_name[13] = b'x';
    let not_an_answer = reply(&question, 0x0100, &[]);
    for message in [other_id, other_name, not_an_answer, question.clone(), Vec::new()] {
        assert_eq!(answer(&question, Record::A, &message), None);
    }
    let mut case = good;
    case[13] = b'U';
    assert!(answer(&question, Record::A, &case).is_some(), "names have no case");
}

#[test]
fn truncated_answer_is_good_for_what_it_holds() {
    let question = asked(Record::A);
    let records: &[(&[u8], u16, u32, &[u8])] =
        &[(POINTER, 1, 60, &[192, 0, 2, 1]), (POINTER, 1, 60, &[192, 0, 2, 2])];
    let message = reply(&question, OK | TRUNCATED, records);

    let cut = answer(&question, Record::A, &message[..message.len() - 2]).unwrap();

    assert_eq!(cut.addresses, [IpAddr::from([192, 0, 2, 1])]);
    assert_eq!(
        answer(&question, Record::A, &reply(&question, OK | TRUNCATED, &[])),
        None,
        "ask someone else"
    );
}

proptest! {
    #[test]
    fn no_message_panics(mut bytes: Vec<u8>, keep in 0usize..64) {
        let question = asked(Record::A);
        let _ = answer(&question, Record::A, &bytes);
        // As well past the checks at its start.
        let mut message = reply(&question, OK, &[(POINTER, 1, 60, &[192, 0, 2, 1])]);
        message[6..8].copy_from_slice(&u16::MAX.to_be_bytes());
        message.truncate(question.len() + keep);
        message.append(&mut bytes);
        if let Some(answer) = answer(&question, Record::A, &message) {
            prop_assert!(answer.addresses.len() <= MOST);
        }
    }

    #[test]
    fn every_name_makes_a_question_or_none(name: String) {
        if let Some(question) = question(7, &name, Record::A) {
            prop_assert!(question.len() <= HEADER + 255 + 4);
        }
    }
}

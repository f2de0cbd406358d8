//! The vectors of httpwg/structured-field-tests for Items and Dictionaries.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_wire::sf::{Bare, Dictionary, Item, Member, Parameters};
use serde_json::{Value, json};

/// How many cases must have been judged, so that none gets lost.
const ITEMS: usize = 809;
const DICTIONARIES: usize = 429;

#[test]
fn every_vector_for_an_item_or_a_dictionary_holds() {
    let (mut items, mut dictionaries) = (0, 0);
    for entry in
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/structured_fields")).unwrap()
    {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in &cases {
            match case["header_type"].as_str() {
                Some("item") => items += 1,
                Some("dictionary") => dictionaries += 1,
                // None of the fields used is a List.
                _ => continue,
            }
            judge(case);
        }
    }

    assert_eq!((items, dictionaries), (ITEMS, DICTIONARIES));
}

fn judge(case: &Value) {
    let lines: Vec<&str> =
        case["raw"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let bytes = || lines.iter().map(|line| line.as_bytes());
    let read = if case["header_type"] == "item" {
        Item::parse(bytes()).ok().map(|item| shown(&item))
    } else {
        Dictionary::parse(bytes()).ok().map(|dictionary| {
            let mut members = Vec::new();
            for (key, member) in dictionary.iter() {
                assert!(dictionary.get(key).is_some());
                put(&mut members, key, member_shown(&member));
            }
            Value::from(members)
        })
    };
    match read {
        None => assert!(case["must_fail"] == true || case["can_fail"] == true, "{case}"),
        Some(read) => {
            assert_ne!(case["must_fail"], true, "{case}");
            assert_eq!(read, case["expected"], "{case}");
        }
    }
}

/// In JSON, as the vectors write it.
fn shown(item: &Item<'_>) -> Value {
    json!([bare_shown(item.value), parameters_shown(item.parameters)])
}

fn member_shown(member: &Member<'_>) -> Value {
    match member {
        Member::Item(item) => shown(item),
        Member::List(list) => {
            let items: Vec<Value> = list.iter().map(|item| shown(&item)).collect();
            json!([items, parameters_shown(list.parameters)])
        }
    }
}

fn parameters_shown(parameters: Parameters<'_>) -> Value {
    let mut shown = Vec::new();
    for (key, value) in parameters.iter() {
        put(&mut shown, key, bare_shown(value));
    }
    Value::from(shown)
}

fn bare_shown(value: Bare<'_>) -> Value {
    match value {
        Bare::Integer(number) => json!(number),
        Bare::Decimal(thousandths) => json!(thousandths as f64 / 1000.0),
        Bare::String(text) => json!(text.chars().collect::<String>()),
        Bare::Token(text) => json!({"__type": "token", "value": text}),
        Bare::Bytes(text) => json!({"__type": "binary", "value": base32(text)}),
        Bare::Boolean(value) => json!(value),
        Bare::Date(seconds) => json!({"__type": "date", "value": seconds}),
        Bare::Display(text) => json!({"__type": "displaystring", "value": decoded(text)}),
    }
}

/// A repeated key keeps its place and takes the new value (RFC 9651 section 4.2.2).
fn put(members: &mut Vec<Value>, key: &str, value: Value) {
    match members.iter_mut().find(|member| member[0] == key) {
        Some(member) => member[1] = value,
        None => members.push(json!([key, value])),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (bytes, rest) = match (*first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let byte = u8::from_str_radix(core::str::from_utf8(&digits).unwrap(), 16).unwrap();
                ([bytes, vec![byte]].concat(), tail)
            }
            (plain, tail) => ([bytes, vec![plain]].concat(), tail),
        };
    }
    String::from_utf8(bytes).unwrap()
}

/// The bytes of base64 with or without its padding, in base32.
fn base32(text: &str) -> String {
    const FROM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const TO: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = text.trim_end_matches('=').chars().map(|digit| FROM.find(digit).unwrap());
    let bits: Vec<bool> =
        digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1 == 1)).collect();
    let bytes = bits.len() / 8;
    let digits = bits[..bytes * 8].chunks(5).map(|bits| {
        let digit =
            (0..5).fold(0, |digit, bit| digit << 1 | usize::from(bits.get(bit) == Some(&true)));
        char::from(TO[digit])
    });
    let mut shown: String = digits.collect();
    while !shown.len().is_multiple_of(8) {
        shown.push('=');
    }
    shown
}

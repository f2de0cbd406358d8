use super::*;
use proptest::prelude::*;

fn item(text: &str) -> Option<Bare<'_>> {
    Item::parse([text.as_bytes()]).ok().map(|item| item.value)
}

fn get(lines: &[&str], key: &str) -> Result<Option<Bare<'static>>, Malformed> {
    let dictionary = Dictionary::parse(lines.iter().map(|line| line.as_bytes()))?;
    Ok(dictionary.get(key).map(|member| {
        let Member::Item(item) = member else { panic!("{member:?}") };
        match (item.value.count(), item.value.boolean()) {
            (Some(number), _) => Bare::Integer(number as i64),
            (_, Some(value)) => Bare::Boolean(value),
            (None, None) => panic!("{item:?}"),
        }
    }))
}

#[test]
fn the_last_of_repeated_keys_counts_also_on_another_line() {
    let integer = |number| Ok(Some(Bare::Integer(number)));

    assert_eq!(get(&["max-size=1, max-age=2,\tmax-size=3"], "max-size"), integer(3));
    assert_eq!(get(&["max-size=1", "max-age=2, max-size=4"], "max-size"), integer(4));
    assert_eq!(get(&["a;max-size=1, b=(1 max-size)"], "max-size"), Ok(None));
    assert_eq!(get(&["a;max-size=1"], "a"), Ok(Some(Bare::Boolean(true))));
    assert_eq!(get(&[], "a"), Ok(None));
    assert_eq!(get(&["  "], "a"), Ok(None));
}

#[test]
fn one_fault_makes_a_dictionary_no_dictionary() {
    for lines in [
        &["max-size=1,"][..],
        &["max-size=1, Max-Age=2"],
        &["max-size=1 max-age=2"],
        &["max-size=1", ""],
        &["", "max-size=1"],
        &["", ""],
        &["max-size=1", "max-age=(1"],
        &["max-size=\u{e4}"],
        &["max-size=1.2345"],
    ] {
        assert_eq!(get(lines, "max-size"), Err(Malformed), "{lines:?}");
    }
}

#[test]
fn an_item_is_on_one_line() {
    assert_eq!(Item::parse([&b"1"[..], b"1"]), Err(Malformed));
    assert_eq!(Item::parse([]), Err(Malformed));
    assert_eq!(Item::parse([&b"\xff"[..]]), Err(Malformed));
}

#[test]
fn parameters_are_told_apart_from_the_value() {
    let item = Item::parse([&b" 5; a;b=2;a=\"x\\\"y\" "[..]]).unwrap();

    assert_eq!(item.value.count(), Some(5));
    assert_eq!(item.parameters.get("b"), Some(Bare::Integer(2)));
    let Some(Bare::String(text)) = item.parameters.get("a") else { panic!("{item:?}") };
    assert!(text.chars().eq("x\"y".chars()));
    assert_eq!(item.parameters.get("c"), None);
}

#[test]
fn only_a_count_is_an_offset_and_only_a_boolean_completes() {
    for text in ["-1", "1.0", "@1", "?1", "\"1\"", ":MQ==:", "one", "%\"1\""] {
        assert_eq!(item(text).expect("an item").count(), None, "{text}");
    }
    for text in ["1", "1.0", "@1", "\"?1\"", "true", ":MQ==:", "%\"?1\""] {
        assert_eq!(item(text).expect("an item").boolean(), None, "{text}");
    }
    assert_eq!(item("-0").and_then(Bare::count), Some(0));
    assert_eq!(item("?0").and_then(Bare::boolean), Some(false));
}

#[test]
fn numbers_and_booleans_are_shown_as_they_are_read() {
    for number in [0, 1, 42, MAX_INTEGER] {
        assert_eq!(item(&Integer(number).to_string()).and_then(Bare::count), Some(number));
    }
    for value in [false, true] {
        assert_eq!(item(&Boolean(value).to_string()).and_then(Bare::boolean), Some(value));
    }
    assert_eq!(
        fmt::write(&mut String::new(), format_args!("{}", Integer(MAX_INTEGER + 1))),
        Err(fmt::Error)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_what_passed_is_walked_to_its_end(lines: Vec<Vec<u8>>) {
        let _ = Item::parse(lines.iter().map(Vec::as_slice));
        if let Ok(dictionary) = Dictionary::parse(lines.iter().map(Vec::as_slice)) {
            dictionary.iter().count();
        }
    }

    #[test]
    fn what_is_nearly_a_dictionary_is_survived(line in "[a-c=?01(); ,\"\\\\:%@\t.-]{0,40}") {
        if let Ok(dictionary) = Dictionary::parse(core::iter::once(line.as_bytes())) {
            let keys: Vec<_> = dictionary.iter().map(|(key, _)| key).collect();
            prop_assert!(keys.iter().all(|key| dictionary.get(key).is_some()));
        }
    }
}

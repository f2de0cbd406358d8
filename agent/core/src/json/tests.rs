use super::*;
use proptest::prelude::*;

fn object(text: &str) -> Object<'_> {
    Object::parse(text).unwrap_or_else(|Malformed| panic!("{text}"))
}

#[test]
fn fields_are_found_in_any_order_and_spacing() {
    for text in [
        r#"{"id":"a b","n":7,"yes":true,"no":false,"nil":null}"#,
        "\r\n{ \"nil\" :null,\t\"no\": false , \"n\":7,\"yes\" : true , \"id\" : \"a b\" }\n",
        r#"{"deep":{"id":"x","n":[1,{"n":"}]"}]},"nil":null,"n":7,"no":false,"yes":true,"id":"a\u0020b"}"#,
    ] {
        let object = object(text);

        assert!(object.text("id").unwrap() == *"a b", "{text}");
        assert_eq!(object.integer("n"), Some(7));
        assert_eq!((object.bool("yes"), object.bool("no")), (Some(true), Some(false)));
        assert_eq!(object.get("nil"), Some(Value::Other));
        assert_eq!(object.get("x"), None);
        assert_eq!((object.text("n"), object.integer("id"), object.bool("n")), (None, None, None));
    }
}

#[test]
fn only_whole_numbers_that_fit_are_integers() {
    for (number, value) in [
        ("0", Value::Integer(0)),
        ("18446744073709551615", Value::Integer(u64::MAX)),
        ("18446744073709551616", Value::Other),
        ("-1", Value::Other),
        ("1.0", Value::Other),
        ("1e3", Value::Other),
        ("-0.5E-7", Value::Other),
    ] {
        assert_eq!(object(&format!("{{\"n\":{number}}}")).get("n"), Some(value), "{number}");
    }
}

#[test]
fn what_is_no_object_is_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(33), "]".repeat(33));
    for text in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "7",
        "null",
        "{}{}",
        "{} x",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        r#"{a:1}"#,
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":.5}"#,
        r#"{"a":1.}"#,
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
        r#"{"a":True}"#,
        r#"{"a":"x}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u00g0"}"#,
        r#"{"a":"\u00"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":[}]}"#,
        r#"{"a":[1}"#,
        r#"{"a":["]}"#,
        r#"{"a":{#}}"#,
        &deep,
    ] {
        assert!(Object::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_field_that_stands_there_twice_is_not_believed() {
    assert_eq!(object(r#"{"a":1,"b":2,"a":1}"#).get("a"), None);
    assert_eq!(object(r#"{"a":1,"b":2,"\u0061":1}"#).get("a"), None);
}

#[test]
fn escapes_mean_what_they_mean() {
    let text = r#"{"a":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00\ud83d\u0061\udc00"}"#;

    let value = object(text).text("a").unwrap();

    let expected = "\"\\/\u{8}\u{c}\n\r\tä😀\u{fffd}a\u{fffd}";
    assert!(value == *expected);
    assert_eq!(value.to_string(), expected);
}

proptest! {
    #[test]
    fn what_was_quoted_reads_back(key in "\\PC*", text: String) {
        let whole = format!("{{ {}: {} }}", Quoted(&key), Quoted(&text));
        prop_assert_eq!(object(&whole).text(&key).unwrap().to_string(), text);
    }

    #[test]
    fn any_text_may_be_given(text in "[\\[\\]{}\",:\\\\u0-9a-f .eE+-]{0,40}") {
        if let Ok(object) = Object::parse(&text) {
            let _ = object.get("a");
        }
    }
}

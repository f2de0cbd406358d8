use super::*;
use proptest::prelude::*;

/// The words of the first statement.
fn words(text: &str) -> Vec<String> {
    let mut lexer = Lexer::new(text);
    let mut words = Vec::new();
    while let Some(word) = lexer.word().ok().flatten() {
        words.push(word);
    }
    words
}

#[test]
fn quotes_mean_what_libuci_means_by_them() {
    for (text, meant) in [
        (r"bare", "bare"),
        (r"'two words'", "two words"),
        (r"'it'\''s'", "it's"),
        (r#""a \"quoted\" word""#, r#"a "quoted" word"#),
        (r#""back\\slash and \n""#, r"back\slash and n"),
        (r"'back\slash'", r"back\slash"),
        (r#"a'b'"c"d"#, "abcd"),
        (r"bare\ space", "bare space"),
        (r"bare#comment", "bare"),
        (r"'not#comment' # comment", "not#comment"),
        (r"'a;b'; option x y", "a;b"),
        ("'two\nlines'", "two\nlines"),
        ("\"joined \\\nlines\"", "joined lines"),
        ("jo\\\nined", "joined"),
        ("jo\\\r\nined", "joined"),
        ("ünï'cödé'", "ünïcödé"),
        ("''", ""),
    ] {
        assert_eq!(words(text), [meant], "{text}");
    }
    assert_eq!(words("\t a  'b c'\td # e"), ["a", "b c", "d"]);
}

#[test]
fn a_broken_line_is_told_and_the_next_one_is_read() {
    let text = "option early 1\nconfig\noption lost 1\nconfig relay\noption hold 'never closed\n\
                option mode spool\noption\noption two values here\nfoo\nconfig 'a b' \n";

    let (sections, errors) = parse(text);

    let lines: Vec<_> = errors.iter().filter_map(|error| error.line).collect();
    assert_eq!(lines, [1, 2, 5, 7, 8, 9, 10]);
    assert_eq!(sections.len(), 1);
    let names: Vec<_> = sections[0].options.iter().map(|option| option.name.as_str()).collect();
    assert_eq!(names, ["mode"]);
}

#[test]
fn a_forgotten_quote_does_not_swallow_the_lines_after_it() {
    let text = "config security\noption secret_file '/etc/baton/secret\noption secret 'hunter2'\n\
                config relay\noption spool_dir '/tmp\noption hold '1m'\n";

    let report = read(text);

    let lines: Vec<_> = report.errors.iter().filter_map(|error| error.line).collect();
    assert_eq!(lines, [2, 5]);
    assert!(!report.to_string().contains("hunter2"), "{report}");
    assert!(report.to_string().contains("    6  acts               relay.hold = 1m"), "{report}");
}

#[test]
fn values_do_not_reach_the_errors() {
    let report = read("hunter2\nconfig security\noption secret hunter2 hunter2\noption 'hunter2\n");

    assert_eq!(report.errors.len(), 3);
    assert!(!report.to_string().contains("hunter2"), "{report}");
}

#[test]
fn lines_may_end_as_on_windows() {
    let report = read("config relay\r\n\toption hold '1m'\r\n\tlist listen '10.0.0.1:80'\r\n");

    let relay = report.config.expect("nothing is wrong with it").relay;
    assert_eq!(relay.hold.as_secs(), 60);
    assert_eq!(relay.listen, ["10.0.0.1:80".parse().unwrap()]);
}

fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn double_quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,80}|([cpol '\"\\\\#;\n\r\t]|config |option |list |[a-z]|é){0,40}") {
        let report = read(&text);
        prop_assert_eq!(report.is_fatal(), report.mistakes() > 0);
    }

    #[test]
    fn values_survive_every_quoting(values in prop::collection::vec("(?s).{1,12}", 1..5)) {
        for quoted in [single_quoted, double_quoted] {
            let text: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            prop_assert_eq!(&words(&text.join(" ")), &values);
        }
    }

    #[test]
    fn values_survive_escaping(value in "[^\r\n]{1,12}") {
        let escaped: String = value.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert_eq!(words(&escaped), [value]);
    }

    #[test]
    fn lists_keep_their_order(values in prop::collection::vec("[^\n]{1,12}", 1..5)) {
        let lists: String =
            values.iter().map(|value| format!("list listen {}\n", single_quoted(value))).collect();

        let (sections, errors) = parse(&format!("config relay\n{lists}"));

        prop_assert_eq!(errors, []);
        prop_assert_eq!(sections[0].options.len(), 1);
        prop_assert!(sections[0].options[0].value == Value::Many(values));
    }

    #[test]
    fn lines_are_counted_over_quotes_and_comments(
        gaps in prop::collection::vec("\n|# c\n|; \n|option x 'a' # 'b\n|option y \"a\\\\\nb\"\n", 0..8),
    ) {
        let before = format!("config iso\n{}", gaps.concat());
        let (_, errors) = parse(&format!("{before}wrong\n"));
        let line = 1 + before.matches('\n').count();
        prop_assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [Some(line)]);
    }
}

//! The record is compared, not only read.

use baton_core::Agent;
use baton_replay::{Difference, POLICY, RECORDED, Replayed, SEED, replay};

#[expect(clippy::result_large_err, reason = "it is what the library has")]
fn play(record: &str) -> Result<Replayed, Difference<'_>> {
    replay(&mut Box::new(Agent::<2, 1, 4, 1>::new(POLICY, SEED)), record)
}

/// The record with its first line that begins so altered, and the number of that line.
fn altered(begins: &str, alter: impl Fn(&str) -> String) -> (String, usize) {
    let mut lines: Vec<String> = RECORDED.lines().map(str::to_owned).collect();
    // The first hundred lines have one of everything: what is behind them has to be reached.
    let at = lines.iter().skip(100).position(|line| line.starts_with(begins));
    let at = at.expect("there is one") + 100;
    lines[at] = alter(&lines[at]);
    (lines.iter().flat_map(|line| [line, "\n"]).collect(), at + 1)
}

#[test]
fn the_record_is_played_to_its_end() {
    let told = RECORDED.lines().filter(|line| !line.starts_with(['>', '='])).count();
    let wanted = RECORDED.lines().filter(|line| line.starts_with('>')).count();

    let replayed = play(RECORDED).unwrap();
    assert_eq!((replayed.inputs as usize, replayed.actions as usize), (told, wanted));
}

#[test]
fn the_first_action_that_differs_is_told() {
    let (record, line) = altered("> ", |was| was.replace("LinkId(", "LinkId(7"));

    let difference = play(&record).unwrap_err();
    assert_eq!(difference.line, line);
    assert!(difference.recorded.contains("LinkId(7") && !difference.is.contains("LinkId(7"));
}

#[test]
fn an_action_too_many_or_too_few_is_told() {
    let (doubled, line) = altered("> ", |was| format!("{was}\n{was}"));
    assert_eq!(play(&doubled).unwrap_err().line, line + 1);

    let (missing, line) = altered("> ", |_| "> ".to_owned());
    let missing = missing.replace("\n> \n", "\n");
    assert_eq!(play(&missing).unwrap_err().line, line);
}

#[test]
fn a_deadline_that_differs_is_told() {
    let (record, line) = altered("= ", |was| format!("{was}1"));

    assert_eq!(play(&record).unwrap_err().line, line);
}

#[test]
fn a_line_that_tells_nothing_is_told() {
    for garbage in ["x", "12", "12 tell link 0 proof proof", "12 tell link 256 proof"] {
        assert_eq!(play(&format!("{garbage}\n")).unwrap_err().line, 1, "{garbage}");
    }
}

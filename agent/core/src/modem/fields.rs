//! The comma-separated values behind a `+CXXX:`.

/// Yields each value, without the quotes around a text; commas within them do not divide.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(Option<&'a str>);

impl<'a> Fields<'a> {
    pub(super) fn of(values: &'a str) -> Self {
        Self(Some(values))
    }

    /// The next value as a number in decimal; `None` also if it is none.
    pub(super) fn number(&mut self) -> Option<u16> {
        self.next()?.parse().ok()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?.trim_ascii_start();
        let text = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let (value, behind) = match text {
            Some((text, behind)) => (text, behind.trim_ascii_start().strip_prefix(',')),
            None => match rest.split_once(',') {
                Some((value, behind)) => (value.trim_ascii(), Some(behind)),
                None => (rest.trim_ascii(), None),
            },
        };
        self.0 = behind;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(values: &str) -> Vec<&str> {
        Fields::of(values).collect()
    }

    #[test]
    fn values_are_divided_by_commas_outside_of_quotes() {
        assert_eq!(all(r#"0,2,"26201",7"#), ["0", "2", "26201", "7"]);
        assert_eq!(all(r#"0, 0 ,"a, b" ,7"#), ["0", "0", "a, b", "7"]);
        assert_eq!(all("99,,"), ["99", "", ""]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_a_character() {
        assert_eq!(all(r#"1,"abc"#), ["1", "\"abc"]);
        assert_eq!(all(r#""a"b,1"#), ["a"], "what can't be is the end");
    }
}

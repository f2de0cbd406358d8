//! Interface names with wildcards.

/// An interface name in which `*` stands for any run of characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// IFNAMSIZ without its NUL: no interface name is longer.
const NAME_LEN_MAX: usize = 15;

impl Pattern {
    /// `None` if no interface can have such a name.
    pub fn new(text: &str) -> Option<Self> {
        let valid = (1..=NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        valid.then(|| Self(text.to_owned()))
    }

    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where the last `*` stood, and how far it has swallowed.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&byte) if byte == b'?' || byte == name[n] => {
                    p += 1;
                    n += 1;
                }
                Some(_) | None => {
                    let Some((star_p, star_n)) = star else { return false };
                    star = Some((star_p, star_n + 1));
                    p = star_p + 1;
                    n = star_n + 1;
                }
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one interface only.
    pub(crate) fn is_exact(&self) -> bool {
        !self.0.contains(['*', '?'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn wildcards_match_as_in_a_shell() {
        assert!(matches("docker*", "docker0") && matches("docker*", "docker"));
        assert!(matches("*", "anything") && matches("*-sta?", "phy0-sta0"));
        assert!(matches("a*b*c", "aXbYbZc") && matches("br-lan", "br-lan"));
        assert!(!matches("br-lan", "br-lan2") && !matches("wlan?", "wlan"));
        assert!(!matches("a*b", "ac") && !matches("wwan*", "wlan0"));
    }

    #[test]
    fn names_that_no_interface_has_are_refused() {
        for text in ["", "a/b", "two words", "sixteen-letters0", "ä"] {
            assert_eq!(Pattern::new(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_definition(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            fn model(pattern: &[u8], name: &[u8]) -> bool {
                match pattern.split_first() {
                    None => name.is_empty(),
                    Some((b'*', rest)) => (0..=name.len()).any(|n| model(rest, &name[n..])),
                    Some((byte, rest)) => name
                        .split_first()
                        .is_some_and(|(c, tail)| (*byte == b'?' || byte == c) && model(rest, tail)),
                }
            }
            prop_assert_eq!(matches(&pattern, &name), model(pattern.as_bytes(), name.as_bytes()));
        }
    }
}

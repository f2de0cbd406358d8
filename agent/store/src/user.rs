//! Whose a file is.

use crate::name::Name;
use core::fmt;

/// The user that a quota is for: the one whom the token names (`sub` of a JWT, `user` beside
/// hmac-file-server's bearer token), else the first folder of the file's path, which the token
/// signs. Files without a folder belong to the user without a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User(String);

/// A user's name with a control character, or longer than 255 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAUser;

/// More than any address of XMPP needs that a quota would be for.
const MAX_USER: usize = 255;

impl User {
    /// Takes the name that a token vouches for.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAUser> {
        if text.len() > MAX_USER || text.chars().any(char::is_control) {
            return Err(NotAUser);
        }
        Ok(Self(text.to_owned()))
    }

    /// The one whom a path names.
    pub(crate) fn of(name: &Name) -> Self {
        Self(name.split().0.next().unwrap_or_default().to_owned())
    }

    /// The name; empty for the user without one.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NotAUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token's user has a name that is too long, or has a control character")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_user_by_its_first_folder() {
        let of = |path| User::of(&Name::parse(path).unwrap());

        assert_eq!(of("ann/x7f/b.jpg").as_str(), "ann");
        assert_eq!(of("ann/b.jpg").as_str(), "ann");
        assert_eq!(of("b.jpg").as_str(), "");
    }

    #[test]
    fn a_user_never_breaks_a_line() {
        assert_eq!(User::parse("ann@example.org/home").unwrap().as_str(), "ann@example.org/home");
        for text in ["a\tb", "a\nb", "\0", &"x".repeat(256)] {
            assert_eq!(User::parse(text), Err(NotAUser), "{text:?}");
        }
    }
}

//! The small file beside each partial upload.
//!
//! ```text
//! baton upload 1          format version
//! name a/b.jpg            where the file goes; no control characters, so one line
//! length 1048576          or `unknown` until the client declares it
//! state growing           growing | placed | refused | expired
//! user ann                only where it is not the one whom the name tells
//! check 0123456789abcdef  first 8 bytes of the SHA-256 of all lines above
//! ```
//!
//! It is replaced by renaming, so a crash leaves the old one or the new one; the check catches
//! what a power loss tears.

use crate::{digest, name::Name, user::User};

const HEADER: &str = "baton upload 1";
const UNKNOWN: &str = "unknown";

/// What is remembered of an upload beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    /// Where the file goes.
    pub(crate) name: Name,
    /// Its length, once the client has declared it.
    pub(crate) length: Option<u64>,
    /// How far it has come.
    pub(crate) state: State,
    /// Whose it is.
    pub(crate) user: User,
}

/// An upload's life. The ends are kept for a while, so that a client whose last answer was lost
/// learns the truth.
///
/// ```text
///            all bytes, fsync, renamed
///  Growing ─────────────────────────────▶ Placed
///     ├──── the name holds other bytes ─▶ Refused
///     └──── nothing came for too long ──▶ Expired
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Bytes are awaited, or all are there and the file is not yet in its place.
    Growing,
    /// The file is in its place, durably.
    Placed,
    /// The name holds other content.
    Refused,
    /// The client stayed away too long; the bytes are gone.
    Expired,
}

impl State {
    const ALL: [Self; 4] = [Self::Growing, Self::Placed, Self::Refused, Self::Expired];

    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::Placed => "placed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    /// What [`State::name`] tells.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.name() == name)
    }
}

impl Info {
    /// The file's text.
    pub(crate) fn encode(&self) -> String {
        let name = self.name.as_str();
        let length = self.length.map_or(UNKNOWN.to_owned(), |length| length.to_string());
        let state = self.state.name();
        let user = match self.user == User::of(&self.name) {
            true => String::new(),
            false => format!("user {}\n", self.user.as_str()),
        };
        let body = format!("{HEADER}\nname {name}\nlength {length}\nstate {state}\n{user}");
        let check = digest::check(&body);
        format!("{body}check {check}\n")
    }

    /// Reads the file's text; `None` if it is torn or foreign.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let (body, check_line) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let mut lines = body.split('\n');
        let intact = check_line.strip_prefix("check ")? == digest::check(&format!("{body}\n"));
        if !intact || lines.next()? != HEADER {
            return None;
        }
        let name = Name::parse(lines.next()?.strip_prefix("name ")?).ok()?;
        let length = match lines.next()?.strip_prefix("length ")? {
            UNKNOWN => None,
            digits => Some(digits.parse().ok()?),
        };
        let state = State::parse(lines.next()?.strip_prefix("state ")?)?;
        let user = match lines.next() {
            Some(line) => User::parse(line.strip_prefix("user ")?).ok()?,
            None => User::of(&name),
        };
        Some(Self { name, length, state, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> Info {
        let name = Name::parse("a/ö b.jpg").unwrap();
        let user = User::of(&name);
        Info { name, length: Some(1_048_576), state: State::Growing, user }
    }

    #[test]
    fn version_1_on_the_disk_stays_readable() {
        let golden = "baton upload 1\nname a/ö b.jpg\nlength 1048576\nstate growing\ncheck cbcb0a4fd62ec23e\n";
        assert_eq!(info().encode(), golden);
        assert_eq!(Info::decode(golden), Some(info()));
    }

    #[test]
    fn every_state_any_user_and_an_unknown_length_come_back() {
        for state in State::ALL {
            for (length, user) in [(None, ""), (Some(0), "a"), (Some(u64::MAX), "ann@a b")] {
                let user = User::parse(user).unwrap();
                let info = Info { length, state, user, ..info() };
                assert_eq!(Info::decode(&info.encode()), Some(info));
            }
        }
    }

    #[test]
    fn a_file_torn_or_changed_anywhere_is_refused() {
        let whole = info().encode();
        for cut in 0..whole.len() {
            assert_eq!(Info::decode(&String::from_utf8_lossy(&whole.as_bytes()[..cut])), None);
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(Info::decode(&String::from_utf8_lossy(&bytes)), None, "byte {at}");
        }
    }
}

//! DNS messages (RFC 1035): one question out, addresses in.
//!
//! Written by hand: a stub that only wants addresses skips names and never builds one from a
//! message, which leaves little to get wrong.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    A,
    Aaaa,
}

/// What a server says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Empty: the name has none of that kind, or does not exist.
    pub(crate) addresses: Vec<IpAddr>,
    /// How long they are good for: the least TTL, in seconds.
    pub(crate) ttl: u32,
}

/// More addresses than this of one name are not kept.
const MOST: usize = 16;

/// Most bytes of an answer over UDP without EDNS (RFC 1035, 2.3.4).
pub(crate) const DATAGRAM: usize = 512;

impl Record {
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }

    fn address(self, data: &[u8]) -> Option<IpAddr> {
        match self {
            Self::A => <[u8; 4]>::try_from(data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            Self::Aaaa => {
                <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into())
            }
        }
    }
}

/// A question; `None`: no such name can exist (RFC 1035, 2.3.4).
pub(crate) fn question(id: u16, name: &str, record: Record) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(DATAGRAM);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question.
    message.extend([0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let len = u8::try_from(label.len()).ok().filter(|len| (1..=63).contains(len))?;
        message.push(len);
        message.extend(label.bytes());
    }
    message.push(0);
    if message.len() > HEADER + 255 {
        return None;
    }
    message.extend(record.code().to_be_bytes());
    message.extend(IN.to_be_bytes());
    Some(message)
}

/// The answer to `question`; `None`: it answers something else, is malformed, or the server
/// failed, so that another server may do better.
///
/// Every address in the answer section counts, whatever name it is under: a server that follows
/// aliases puts them there, and one that lies can lie about the name as well. What a truncated
/// answer holds is taken: one address is enough.
pub(crate) fn answer(question: &[u8], record: Record, message: &[u8]) -> Option<Answer> {
    let flags = u16_at(message, 2)?;
    let is_answer = message.get(..2)? == question.get(..2)? && flags & RESPONSE != 0;
    let asked = question.get(HEADER..)?;
    let echo = message.get(HEADER..HEADER + asked.len())?;
    if !is_answer || u16_at(message, 4)? != 1 || !echo.eq_ignore_ascii_case(asked) {
        return None;
    }
    match flags & RCODE {
        NO_ERROR => {}
        NO_SUCH_NAME => return Some(Answer { addresses: Vec::new(), ttl: 0 }),
        _ => return None,
    }
    let mut answer = Answer { addresses: Vec::new(), ttl: u32::MAX };
    let mut at = HEADER + asked.len();
    for _ in 0..u16_at(message, 6)? {
        let Some((kind, ttl, data, next)) = resource(message, at) else { break };
        at = next;
        if kind == record.code()
            && answer.addresses.len() < MOST
            && let Some(address) = record.address(data)
        {
            answer.addresses.push(address);
            answer.ttl = answer.ttl.min(ttl);
        }
    }
    let is_cut = flags & TRUNCATED != 0 || at > message.len();
    (!answer.addresses.is_empty() || !is_cut).then_some(answer)
}

/// A resource record at `at`: type, TTL, data, and where the next begins.
fn resource(message: &[u8], at: usize) -> Option<(u16, u32, &[u8], usize)> {
    let fixed = after_name(message, at)?;
    let ttl = message.get(fixed + 4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
    let start = fixed + 10;
    let end = start + usize::from(u16_at(message, fixed + 8)?);
    let is_internet = u16_at(message, fixed + 2)? == IN;
    let kind = u16_at(message, fixed)?;
    Some((if is_internet { kind } else { 0 }, ttl, message.get(start..end)?, end))
}

/// Where the name at `at` ends: after a pointer or the empty label.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            64..=191 => return None,
            192..=255 => return Some(at + 2),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Id, flags, and how many of each section: six words.
const HEADER: usize = 12;

/// The class of the Internet.
const IN: u16 = 1;

const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;
const NO_ERROR: u16 = 0;
const NO_SUCH_NAME: u16 = 3;

#[cfg(test)]
mod tests;

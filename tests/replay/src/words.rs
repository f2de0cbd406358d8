//! What the core is told, as words: one table for writing and for reading.

use super::Input;
use baton_core::{
    Account, Attempt, Class, ClientId, Duration, Event, Failure, LinkId, LinkKey, LinkSpec,
    Observation, Outcome, OverBudget, Resume, Roaming, Signal, Tariff, UploadId, UploadSpec,
};
use core::fmt::{self, Write};
use core::num::NonZeroU64;
use core::str::SplitAsciiWhitespace;

/// The words of a line that were not read yet.
pub(crate) struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        Self(line.split_ascii_whitespace())
    }

    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }
}

/// Something that is one word or several.
pub(crate) trait Field: Sized {
    /// Writes it behind what is there.
    fn put(&self, out: &mut dyn Write) -> fmt::Result;

    /// Reads what [`Self::put`] writes; `None`: it is something else.
    fn take(words: &mut Words<'_>) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty)+) => {
        $(impl Field for $type {
            fn put(&self, out: &mut dyn Write) -> fmt::Result {
                write!(out, " {self}")
            }

            fn take(words: &mut Words<'_>) -> Option<Self> {
                words.next()?.parse().ok()
            }
        })+
    };
}

numbers!(u8 u16 u32 u64 i8 i16 NonZeroU64);

impl Field for bool {
    fn put(&self, out: &mut dyn Write) -> fmt::Result {
        u8::from(*self).put(out)
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        match words.next()? {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

/// In nanoseconds.
impl Field for Duration {
    fn put(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, " {}", self.as_nanos())
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        u64::take(words).map(Self::from_nanos)
    }
}

/// What there is not, is a dash.
impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut dyn Write) -> fmt::Result {
        match self {
            Some(value) => value.put(out),
            None => out.write_str(" -"),
        }
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        if words.0.clone().next() == Some("-") {
            words.next();
            return Some(None);
        }
        T::take(words).map(Some)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn put(&self, out: &mut dyn Write) -> fmt::Result {
        self.iter().try_for_each(|byte| byte.put(out))
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = u8::take(words)?;
        }
        Some(bytes)
    }
}

/// Structures: their fields, one behind the other.
macro_rules! fields {
    ($($type:ident { $($member:tt: $name:ident),+ })+) => {
        $(impl Field for $type {
            fn put(&self, out: &mut dyn Write) -> fmt::Result {
                let Self { $($member: $name),+ } = self;
                $($name.put(out)?;)+
                Ok(())
            }

            fn take(words: &mut Words<'_>) -> Option<Self> {
                $(let $name = Field::take(words)?;)+
                Some(Self { $($member: $name),+ })
            }
        })+
    };
}

/// Enumerations: a word for each variant, and its fields.
macro_rules! variants {
    ($($type:ident { $($word:literal => $variant:ident { $($member:tt: $name:ident),* })+ })+) => {
        $(impl Field for $type {
            fn put(&self, out: &mut dyn Write) -> fmt::Result {
                match self {
                    $(Self::$variant { $($member: $name),* } => {
                        out.write_str(concat!(" ", $word))?;
                        $($name.put(out)?;)*
                    })+
                }
                Ok(())
            }

            fn take(words: &mut Words<'_>) -> Option<Self> {
                match words.next()? {
                    $($word => {
                        $(let $name = Field::take(words)?;)*
                        Some(Self::$variant { $($member: $name),* })
                    })+
                    _ => None,
                }
            }
        })+
    };
}

fields! {
    LinkId { 0: id }
    LinkKey { 0: key }
    Attempt { 0: number }
    UploadId { slot: slot, generation: generation }
    LinkSpec {
        class: class,
        priority: priority,
        metric: metric,
        metered: metered,
        tariff: tariff,
        key: key,
        roaming: roaming
    }
    Tariff { cost: cost, budget_bytes: budget, probe_share: share, over_budget: over }
    Account { carried_bytes: carried, hedged_bytes: hedged, owed: owed }
    Signal {
        rsrp_dbm: rsrp,
        rsrq_db: rsrq,
        sinr_db: sinr,
        rssi_dbm: rssi,
        rscp_dbm: rscp,
        rxlev_dbm: rxlev,
        bitrate_kbps: bitrate
    }
    UploadSpec {
        total: total,
        resume: resume,
        replayable: replayable,
        resumes_at: resumes_at,
        client: client
    }
}

variants! {
    Input {
        "timeout" => Timeout {}
        "tell" => Event { 0: event }
    }
    Event {
        "link" => Link { 0: link, 1: observation }
        "override" => Override { 0: link }
        "opened" => Opened { id: id, spec: spec }
        "received" => Received { id: id, offset: offset }
        "client-gone" => ClientGone { id: id }
        "attempted" => Attempted { id: id, attempt: attempt, outcome: outcome }
        "answered" => Answered { id: id }
    }
    Observation {
        "appeared" => Appeared { 0: spec }
        "vanished" => Vanished {}
        "facts" => Facts { carrier: carrier, address: address, route: route }
        "moved" => Moved {}
        "roaming" => Roaming { 0: is_abroad }
        "connected" => Connected { rtt: rtt }
        "probe-answered" => ProbeAnswered { rtt: rtt }
        "probe-lost" => ProbeLost {}
        "impostor" => Impostor {}
        "in-flight" => InFlight { 0: is_in_flight }
        "proof" => Proof {}
        "rtt" => Rtt { srtt: srtt, rttvar: rttvar }
        "segments" => Segments { sent: sent, lost: lost }
        "delivered" => Delivered { bytes: bytes, limited: limited }
        "signal" => Signal { 0: signal }
        "unreachable" => Unreachable {}
        "account" => Account { 0: account }
        "carried" => Carried { 0: bytes }
        "probed" => Probed { 0: bytes }
    }
    Outcome {
        "created" => Created {}
        "offset" => Offset { 0: offset }
        "acked" => Acked { 0: offset }
        "sent" => Sent { 0: offset }
        "drained" => Drained {}
        "proved" => Proved {}
        "failed" => Failed { 0: failure }
    }
    Failure {
        "cut" => Cut {}
        "timed-out" => TimedOut {}
        "busy" => Busy { 0: later }
        "conflict" => Conflict { offset: offset }
        "absurd" => Absurd { offset: offset }
        "gone" => Gone {}
        "not-kept" => NotKept {}
        "refused" => Refused { 0: status }
    }
    Class {
        "ethernet" => Ethernet {}
        "wifi" => Wifi {}
        "5g" => FiveG {}
        "lte" => Lte {}
        "cellular" => Cellular {}
        "vpn" => Vpn {}
        "satellite" => Satellite {}
    }
    Roaming {
        "allow" => Allow {}
        "avoid" => Avoid {}
        "never" => Never {}
    }
    OverBudget {
        "refuse" => Refuse {}
        "last-resort" => LastResort {}
    }
    Resume {
        "fenced" => Fenced {}
        "early" => Early {}
        "plain" => Plain {}
        "replay" => Replay {}
    }
    ClientId {
        "mac" => Mac { 0: bytes }
        "at" => Address { 0: bytes }
    }
}

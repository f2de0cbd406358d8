//! The links as an upload sees them.

use crate::{Duration, Instant, LinkId};

/// How far a link is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No carrier, address or route: it can carry nothing.
    Gone,
    /// Given up on: only if there is nothing else.
    Failed,
    /// Silent for too long to be sure.
    Suspect,
    /// As good as any.
    Sound,
}

/// How free an upload is to take a link, as far as money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purse {
    /// As it likes.
    Open,
    /// Not on suspicion alone: what is set aside for that is used up.
    Careful,
    /// Its budget is spent, and another link can carry.
    Spent,
}

/// The links as an upload sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook<const LINKS: usize> {
    pub(crate) now: Instant,
    /// How long an upload may go without progress.
    pub(crate) hold: Duration,
    /// Whether suspicion alone may start asking.
    pub(crate) hedge: bool,
    pub(crate) standing: [Standing; LINKS],
    pub(crate) purse: [Purse; LINKS],
    /// Links that ride on others.
    pub(crate) tunnel: [bool; LINKS],
    /// When an answer over the link is overdue.
    pub(crate) patience: [Duration; LINKS],
    /// When the upstream itself must have answered.
    pub(crate) timeout: [Duration; LINKS],
    /// Links that may carry, best first, in the first `usable` places.
    pub(crate) order: [LinkId; LINKS],
    pub(crate) usable: usize,
    /// The link for new work.
    pub(crate) active: Option<LinkId>,
}

impl<const LINKS: usize> Outlook<LINKS> {
    pub(crate) fn ranked(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.order.iter().take(self.usable).copied()
    }

    pub(crate) fn patience(&self, link: LinkId) -> Duration {
        self.patience[usize::from(link.0)]
    }

    pub(crate) fn timeout(&self, link: LinkId) -> Duration {
        self.timeout[usize::from(link.0)]
    }

    pub(crate) fn standing(&self, link: LinkId) -> Standing {
        self.standing[usize::from(link.0)]
    }

    /// Whether something new may begin on it.
    pub(crate) fn may_take(&self, link: LinkId) -> bool {
        !self.is_lost(link) && !self.is_spent(link)
    }

    /// Whether its budget is spent, and another link can carry.
    pub(crate) fn is_spent(&self, link: LinkId) -> bool {
        self.purse[usize::from(link.0)] == Purse::Spent
    }

    /// Whether it may be asked on suspicion alone, as far as money goes.
    pub(crate) fn may_hedge(&self, link: LinkId) -> bool {
        self.purse[usize::from(link.0)] == Purse::Open
    }

    pub(crate) fn is_suspect(&self, link: LinkId) -> bool {
        self.standing(link) == Standing::Suspect
    }

    /// Whether there is no use in waiting for it.
    pub(crate) fn is_lost(&self, link: LinkId) -> bool {
        match self.standing(link) {
            Standing::Gone => true,
            Standing::Failed => self.ranked().any(|other| self.stands_in(other, link)),
            Standing::Suspect | Standing::Sound => false,
        }
    }

    pub(crate) fn has_standby(&self, than: LinkId) -> bool {
        self.ranked().any(|link| self.is_standby(link, than))
    }

    /// Whether `link` may be taken while `other` is only suspected.
    pub(crate) fn is_standby(&self, link: LinkId, other: LinkId) -> bool {
        self.stands_in(link, other) && self.may_hedge(link)
    }

    /// Whether `link` is sound and may carry what `other` does not: a tunnel may ride on just that.
    fn stands_in(&self, link: LinkId, other: LinkId) -> bool {
        link != other
            && self.standing(link) == Standing::Sound
            && (self.is_tunnel(other) || !self.is_tunnel(link))
    }

    pub(crate) fn is_tunnel(&self, link: LinkId) -> bool {
        self.tunnel[usize::from(link.0)]
    }
}

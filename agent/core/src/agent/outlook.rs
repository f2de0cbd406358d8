//! The links as uploads see them, made anew for each call.

use super::Agent;
use crate::upload::{Outlook, Purse, Standing};
use crate::{Duration, Instant, LinkId, StateKind};

impl<const LINKS: usize, const UPLOADS: usize, const BLOCKS: usize, const CLIENTS: usize>
    Agent<LINKS, UPLOADS, BLOCKS, CLIENTS>
{
    pub(super) fn outlook(&self, now: Instant) -> Outlook<LINKS> {
        let mut outlook = Outlook {
            now,
            hold: self.policy.uploads.hold,
            hedge: self.policy.uploads.hedge,
            standing: [Standing::Gone; LINKS],
            purse: [Purse::Open; LINKS],
            tunnel: [false; LINKS],
            patience: [UNMEASURED_PATIENCE; LINKS],
            timeout: [Duration::MAX; LINKS],
            order: [LinkId(0); LINKS],
            usable: 0,
            active: self.links.active(),
        };
        for link in self.links.ranked() {
            let Some(spec) = self.links.spec(link) else { continue };
            let index = usize::from(link.0);
            outlook.order[outlook.usable] = link;
            outlook.usable += 1;
            outlook.tunnel[index] = spec.class.is_tunnel();
            outlook.standing[index] = match self.links.state(link).kind() {
                StateKind::Absent | StateKind::Down => Standing::Gone,
                StateKind::Failed => Standing::Failed,
                StateKind::Suspect => Standing::Suspect,
                StateKind::Settling
                | StateKind::Healthy
                | StateKind::HoldDown
                | StateKind::Suppressed => Standing::Sound,
            };
            let class = self.policy.classes[spec.class.index()];
            outlook.timeout[index] = class.answer_timeout;
            if let Some((srtt, rttvar)) = self.links.rtt(link) {
                let answer = (srtt + 4 * rttvar) * u32::from(class.timeout_percent) / 100;
                outlook.patience[index] = answer.max(LEAST_PATIENCE);
            }
        }
        for link in (0..LINKS as u8).map(LinkId) {
            outlook.purse[usize::from(link.0)] = self.purse(link, &outlook);
        }
        outlook
    }

    fn purse(&self, link: LinkId, outlook: &Outlook<LINKS>) -> Purse {
        let can_carry = |other: LinkId| {
            other != link
                && !self.links.is_spent(other)
                && !matches!(outlook.standing(other), Standing::Gone | Standing::Failed)
        };
        if self.links.is_spent(link) && outlook.ranked().any(can_carry) {
            Purse::Spent
        } else if self.links.may_hedge(link) {
            Purse::Open
        } else {
            Purse::Careful
        }
    }
}

/// How long an answer may take over a link whose round-trip time is not known: RFC 6298 (2.1)
/// starts its timeout at the same second.
const UNMEASURED_PATIENCE: Duration = Duration::from_secs(1);

/// An answer takes the server some time too, however short the link.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);

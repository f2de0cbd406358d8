//! What each stack says of its link.

use crate::hub::{ETHERNET, Hub, MODEM, NAMES};
use crate::settings;
use baton_core::{LinkId, Observation};
use baton_hal::{Facts, LinkChange, LinkName, Links};
use baton_mps2_an385::LINKS;
use core::convert::Infallible;
use embassy_futures::select::select;
use embassy_net::Stack;

/// Tells the core what links can do, for good.
pub(crate) async fn follow(hub: &Hub, mut links: impl Links<Error = Infallible>) -> ! {
    loop {
        let Ok(change) = links.changed().await;
        match change {
            LinkChange::Updated(facts) => {
                let Some(link) = find(&facts.name) else { continue };
                let (carrier, address) = (facts.carrier, facts.address.is_some());
                let route = facts.metric.is_some() && facts.trouble.is_none();
                hub.observe(link, Observation::Appeared(settings::spec(link)));
                hub.observe(link, Observation::Facts { carrier, address, route });
                hub.observe(link, Observation::Roaming(facts.roaming));
            }
            LinkChange::Removed(name) => {
                if let Some(link) = find(&name) {
                    hub.observe(link, Observation::Vanished);
                }
            }
            LinkChange::Heard(name, signal) => {
                if let Some(link) = find(&name) {
                    hub.observe(link, Observation::Signal(signal));
                }
            }
        }
    }
}

fn find(name: &str) -> Option<LinkId> {
    [ETHERNET, MODEM].into_iter().find(|link| NAMES[usize::from(link.0)] == name)
}

/// [`Links`] that are embassy's stacks, one each. None of them ever vanishes.
pub(crate) struct Stacks {
    stacks: [Stack<'static>; LINKS],
    told: [Option<Facts>; LINKS],
}

impl Stacks {
    pub(crate) fn new(stacks: [Stack<'static>; LINKS]) -> Self {
        Self { stacks, told: [const { None }; LINKS] }
    }

    fn facts(&self, index: usize) -> Facts {
        let stack = &self.stacks[index];
        let config = stack.config_v4();
        let spec = settings::spec(LinkId(index as u8));
        let gateway = config.as_ref().and_then(|config| config.gateway);
        Facts {
            name: LinkName::try_from(NAMES[index]).expect("they are short"),
            index: index as u32,
            class: spec.class,
            carrier: stack.is_link_up(),
            address: config.map(|config| config.address.address().into()),
            gateway: gateway.map(Into::into),
            metric: gateway.map(|_| spec.metric),
            roaming: false,
            trouble: None,
        }
    }

    /// Until a link may be another than what was told of it.
    async fn moved(&self, index: usize) {
        let stack = &self.stacks[index];
        let told = self.told[index].as_ref();
        let is = |what: fn(&Facts) -> bool| told.is_some_and(what);
        match (is(|facts| facts.carrier), is(|facts| facts.address.is_some())) {
            (false, _) => stack.wait_link_up().await,
            (true, false) => {
                select(stack.wait_link_down(), stack.wait_config_up()).await;
            }
            (true, true) => {
                select(stack.wait_link_down(), stack.wait_config_down()).await;
            }
        }
    }
}

impl Links for Stacks {
    type Error = Infallible;
    type Trouble = &'static str;

    async fn changed(&mut self) -> Result<LinkChange, Infallible> {
        loop {
            for index in 0..LINKS {
                let facts = self.facts(index);
                if self.told[index].as_ref() != Some(&facts) {
                    self.told[index] = Some(facts.clone());
                    return Ok(LinkChange::Updated(facts));
                }
            }
            let [ethernet, modem] = [ETHERNET, MODEM].map(|link| self.moved(usize::from(link.0)));
            select(ethernet, modem).await;
        }
    }
}

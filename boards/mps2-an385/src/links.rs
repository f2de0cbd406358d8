//! What each stack says of its link.

use crate::hub::Hub;
use baton_core::{LinkId, LinkSpec, Observation};
use embassy_futures::select::select;

/// Tells the core what a link can do, whenever that changes.
pub(crate) async fn watch(hub: &Hub, link: LinkId, spec: LinkSpec) -> ! {
    let stack = hub.port(link).stack;
    hub.observe(link, Observation::Appeared(spec));
    loop {
        let (carrier, config) = (stack.is_link_up(), stack.config_v4());
        let route = config.as_ref().is_some_and(|config| config.gateway.is_some());
        hub.observe(link, Observation::Facts { carrier, address: config.is_some(), route });
        match (carrier, config) {
            (false, _) => stack.wait_link_up().await,
            (true, None) => {
                select(stack.wait_link_down(), stack.wait_config_up()).await;
            }
            (true, Some(_)) => {
                select(stack.wait_link_down(), stack.wait_config_down()).await;
            }
        }
    }
}

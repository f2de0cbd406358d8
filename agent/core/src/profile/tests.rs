//! The table against a plain model, and the means against arithmetic.

use super::*;
use proptest::prelude::*;

const WLAN: LinkKey = LinkKey(1);
const LTE: LinkKey = LinkKey(2);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn client(number: u8) -> ClientId {
    ClientId::Mac([2, 0, 0, 0, 0, number])
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(1000 * (1 + seconds))
}

fn sample(link: LinkKey, throughput: u32) -> Sample {
    Sample { link, throughput, window_bytes: 64 * 1024, is_good: true }
}

#[test]
fn a_mean_is_one_of_all_while_they_are_few_and_forgets_later() {
    let mut profiles = Profiles::<4>::new();
    let throughput =
        |profiles: &Profiles<4>| profiles.get(client(1)).unwrap().path(LTE).unwrap().throughput;

    for rate in [100, 200, 300] {
        profiles.learn(at(0), client(1), sample(LTE, rate), 4);
    }
    assert_eq!(throughput(&profiles), 200);
    for _ in 0..40 {
        profiles.learn(at(0), client(1), sample(LTE, 1000), 4);
    }

    assert!((990..=1000).contains(&throughput(&profiles)), "{}", throughput(&profiles));
}

#[test]
fn reliability_is_the_share_of_uploads_without_trouble_and_decides_between_links() {
    let mut profiles = Profiles::<4>::new();
    for turn in 0..4 {
        profiles.learn(
            at(0),
            client(1),
            Sample { is_good: turn % 2 == 0, ..sample(LTE, 1000) },
            16,
        );
        profiles.learn(at(0), client(1), sample(WLAN, 600), 16);
    }
    let profile = profiles.get(client(1)).unwrap();

    assert_eq!(profile.path(LTE).unwrap().reliability_ppm, 500_000);
    assert_eq!(profile.preferred(), Some(WLAN), "half of 1000 is less than 600");
}

#[test]
fn a_client_has_its_last_links_and_the_one_not_used_for_longest_goes() {
    let mut profiles = Profiles::<2>::new();
    for link in [1, 2, 3, 4, 1, 5] {
        profiles.learn(at(0), client(1), sample(LinkKey(link), 100), 16);
    }

    let links = profiles.get(client(1)).unwrap().paths.map(|path| path.unwrap().link.0);

    assert_eq!(links, [5, 1, 4, 3]);
}

#[test]
fn an_upload_expects_what_its_client_had_lately_else_what_the_fastest_had() {
    let mut profiles = Profiles::<4>::new();
    profiles.learn(at(0), client(1), sample(LTE, 100), 16);
    profiles.learn(at(10), client(2), sample(LTE, 900), 16);
    let expected =
        |now, id, link| profiles.expected(now, id, link, DAY).map(|path| path.throughput);

    assert_eq!(expected(at(20), client(1), LTE), Some(100));
    assert_eq!(expected(at(20), client(3), LTE), Some(900));
    assert_eq!(expected(at(20), client(1), WLAN), None);
    assert_eq!(expected(at(5) + DAY, client(1), LTE), Some(900), "its own is too old");
    assert_eq!(expected(at(11) + DAY, client(1), LTE), None);
}

#[test]
fn what_was_idle_before_the_restart_counts() {
    let mut profiles = Profiles::<4>::new();
    profiles.recall(at(0), ClientProfile::recalled(at(0), client(1), [None; PATHS], DAY));

    assert_eq!(profiles.get(client(1)).unwrap().idle(at(60)), DAY + Duration::from_secs(60));
    profiles.expire(at(60), DAY + Duration::from_secs(60));

    assert_eq!(profiles.iter().count(), 0);
}

/// Clients by when they were last seen, the one that comes first leaves first.
type Plain = Vec<(ClientId, Duration)>;

proptest! {
    #[test]
    fn the_table_is_a_list_in_the_order_of_the_last_upload(
        deeds in proptest::collection::vec((0..9u8, 1..5000u64, 0..4u8), 0..120),
    ) {
        const KEEP: Duration = Duration::from_secs(20_000);
        let mut profiles = Profiles::<4>::new();
        let (mut plain, mut displaced) = (Plain::new(), 0);
        let mut now = at(0);
        for (number, wait, deed) in deeds {
            let wait = Duration::from_secs(wait);
            now += wait;
            plain.iter_mut().for_each(|(_, idle)| *idle += wait);
            if deed == 0 {
                profiles.expire(now, KEEP);
                plain.retain(|(_, idle)| *idle < KEEP);
            } else {
                profiles.learn(now, client(number), sample(LTE, 100), 16);
                let known = plain.iter().position(|(id, _)| *id == client(number));
                if known.is_none() && plain.len() == 4 {
                    plain.remove(0);
                    displaced += 1;
                }
                plain.retain(|(id, _)| *id != client(number));
                plain.push((client(number), Duration::ZERO));
            }

            let mut seen: Plain = profiles.iter().map(|client| (client.id, client.idle(now))).collect();
            seen.sort_by_key(|(_, idle)| core::cmp::Reverse(*idle));
            prop_assert_eq!(&seen, &plain);
            prop_assert_eq!(profiles.displaced(), displaced);
        }
    }

    #[test]
    fn a_mean_lies_between_what_it_is_made_of(before: u32, now: u32, weight in 1..u16::MAX) {
        let mean = towards(before, now, weight);

        prop_assert!(mean >= before.min(now) && mean <= before.max(now));
    }
}

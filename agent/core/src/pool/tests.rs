use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

const LTE: Class = Class::Lte;

fn pool(total: u16, budget: u16) -> Pool<64> {
    Pool::new(total, [budget; Class::ALL.len()])
}

#[test]
fn every_admitted_upload_can_take_its_guarantee_whatever_the_others_hold() {
    let mut pool = pool(12, 64);
    let mut chains: [Chain; 3] = Default::default();
    assert!(pool.try_admit());
    while pool.try_take(&mut chains[0], LTE, 64).is_some() {}
    assert_eq!(chains[0].len(), 12, "alone, it may have everything");
    assert!(!pool.try_admit(), "no guarantee left to promise");
    for _ in 0..8 {
        pool.release(&mut chains[0], LTE);
    }

    assert!(pool.try_admit() && pool.try_admit());
    while pool.try_take(&mut chains[0], LTE, 64).is_some() {}

    assert_eq!(chains[0].len(), GUARANTEED, "the rest is owed to the newcomers");
    for chain in &mut chains[1..] {
        for _ in 0..GUARANTEED {
            assert!(pool.try_take(chain, LTE, 64).is_some());
        }
    }
}

#[test]
fn a_class_budget_caps_what_its_uploads_hold_beyond_the_guarantees() {
    let mut pool = pool(64, 5);
    let (mut a, mut b) = (Chain::default(), Chain::default());
    assert!(pool.try_admit() && pool.try_admit());

    while pool.try_take(&mut a, LTE, 64).is_some() || pool.try_take(&mut b, LTE, 64).is_some() {}

    assert_eq!(a.len() + b.len(), 2 * GUARANTEED + 5);
    let mut wired = Chain::default();
    assert!(pool.try_admit());
    while pool.try_take(&mut wired, Class::Ethernet, 64).is_some() {}
    assert_eq!(wired.len(), GUARANTEED + 5, "another class has a budget of its own");
}

#[test]
fn a_window_bounds_one_upload_and_a_move_rebooks_what_it_holds() {
    let mut pool = pool(64, 32);
    let mut chain = Chain::default();
    assert!(pool.try_admit());
    while pool.try_take(&mut chain, Class::Ethernet, 16).is_some() {}
    assert_eq!(chain.len(), 16);

    pool.rebook(&chain, Class::Ethernet, LTE);

    assert_eq!(pool.usage(Class::Ethernet).0, 0);
    assert_eq!(pool.usage(LTE).0, 12);
    pool.release_all(&mut chain, LTE);
    pool.dismiss();
    assert_eq!((pool.free(), pool.usage(LTE).0), (64, 0));
}

proptest! {
    #[test]
    fn chains_behave_as_queues_and_no_block_is_ever_shared(
        ops in proptest::collection::vec((0usize..4, 0u8..5), 1..400),
    ) {
        let mut pool = pool(40, 12);
        let mut chains: [Chain; 4] = Default::default();
        let mut model: [Option<VecDeque<BlockId>>; 4] = Default::default();
        for (who, op) in ops {
            let (chain, queue) = (&mut chains[who], &mut model[who]);
            match (op, queue.as_mut()) {
                (0, None) if pool.try_admit() => *queue = Some(VecDeque::new()),
                (0, Some(_)) => {
                    pool.release_all(chain, LTE);
                    pool.dismiss();
                    *queue = None;
                }
                (1 | 2, Some(queue)) => {
                    if let Some(block) = pool.try_take(chain, LTE, 20) {
                        queue.push_back(block);
                    } else {
                        prop_assert!(queue.len() >= usize::from(GUARANTEED), "the guarantee is kept");
                    }
                }
                (3 | 4, Some(queue)) => {
                    pool.release(chain, LTE);
                    queue.pop_front();
                }
                _ => {}
            }
            let held: Vec<_> = model.iter().flatten().flatten().map(|b| b.index()).collect();
            let mut unique = held.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), held.len());
            prop_assert_eq!(held.len() + usize::from(pool.free()), 40);
            for (chain, queue) in chains.iter().zip(&model) {
                for (index, block) in (0u16..).zip(queue.iter().flatten()) {
                    prop_assert_eq!(pool.nth(chain, index), Some(*block));
                }
            }
        }
    }
}

use super::*;

const MIB: u64 = 1 << 20;

fn tariff(budget: u64, probe_share: u8) -> Tariff {
    Tariff { budget_bytes: NonZeroU64::new(budget), probe_share, ..Tariff::FREE }
}

fn account(carried_bytes: u64, hedged_bytes: u64) -> Account {
    Account { carried_bytes, hedged_bytes, ..Account::default() }
}

#[test]
fn a_budget_is_spent_with_its_last_byte_and_no_budget_ever() {
    assert!(!tariff(100, 10).is_spent(&account(99, 0)));
    assert!(tariff(100, 10).is_spent(&account(100, 0)));
    assert!(!Tariff::FREE.is_spent(&account(u64::MAX, 0)));
}

#[test]
fn suspicion_gets_its_share_and_half_of_that_is_for_hedges() {
    let tariff = tariff(100 * MIB, 10);

    assert!(tariff.may_hedge(&account(0, 5 * MIB - 1)));
    assert!(!tariff.may_hedge(&account(0, 5 * MIB)));
    assert!(Tariff::FREE.may_hedge(&account(0, u64::MAX)));
    assert_eq!(tariff.allowance(u32::MAX).monthly_bytes, 5 * MIB);
}

#[test]
fn a_small_budget_lowers_what_probes_may_take_and_a_large_one_does_not_raise_it() {
    let most = 5 << 20;

    assert_eq!(tariff(10 * MIB, 10).allowance(most).monthly_bytes, MIB / 2);
    assert_eq!(tariff(u64::MAX, 100).allowance(most).monthly_bytes, 5 * MIB);
    assert_eq!(Tariff::FREE.allowance(most).monthly_bytes, 5 * MIB);
    assert_eq!(tariff(MIB, 0).allowance(most).monthly_bytes, 1, "never");
}

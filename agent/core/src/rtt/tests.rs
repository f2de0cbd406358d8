use super::*;
use proptest::prelude::*;

const FLOOR: Duration = Duration::from_secs(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn nothing_is_known_before_the_first_sample() {
    let rtt = RttEstimator::new();

    assert_eq!(rtt.srtt(), None);
    assert_eq!(rtt.rttvar(), Duration::ZERO);
    assert_eq!(rtt.rto(FLOOR), ms(1000), "RFC 6298 (2.1)");
}

#[test]
fn the_first_sample_is_taken_whole() {
    let mut rtt = RttEstimator::new();

    rtt.sample(ms(400));

    assert_eq!(rtt.srtt(), Some(ms(400)), "RFC 6298 (2.2)");
    assert_eq!(rtt.rttvar(), ms(200));
    assert_eq!(rtt.rto(FLOOR), ms(1200));
}

#[test]
fn the_deviation_is_from_the_mean_before_the_sample() {
    let mut rtt = RttEstimator::new();

    rtt.sample(ms(400));
    rtt.sample(ms(800));

    assert_eq!(rtt.rttvar(), ms(250), "3/4 * 200 + 1/4 * 400, RFC 6298 (2.3)");
    assert_eq!(rtt.srtt(), Some(ms(450)), "7/8 * 400 + 1/8 * 800");
}

#[test]
fn the_timeout_keeps_its_bounds() {
    let mut steady = RttEstimator::new();
    (0..100).for_each(|_| steady.sample(ms(30)));
    let mut slow = RttEstimator::new();
    slow.sample(Duration::from_secs(50));

    assert_eq!(steady.rto(FLOOR), FLOOR, "RFC 6298 (2.4)");
    assert_eq!(steady.rto(Duration::ZERO), ms(40), "no closer to SRTT than the clock's G");
    assert_eq!(slow.rto(FLOOR), Duration::from_secs(60), "RFC 6298 (2.5)");
}

/// RFC 6298 (2.2) and (2.3) to the letter, in 2^-20 us.
#[derive(Default)]
struct Model {
    srtt: Option<i128>,
    rttvar: i128,
}

impl Model {
    fn sample(&mut self, rtt: Duration) {
        let rtt = (rtt.as_micros() as i128) << 20;
        let Some(srtt) = self.srtt else {
            (self.srtt, self.rttvar) = (Some(rtt), rtt / 2);
            return;
        };
        self.rttvar = (3 * self.rttvar + (srtt - rtt).abs()) / 4;
        self.srtt = Some((7 * srtt + rtt) / 8);
    }
}

proptest! {
    #[test]
    fn integers_stay_within_microseconds_of_the_formulas(
        samples in prop::collection::vec(0..60_000_000u64, 1..200)
    ) {
        let (mut rtt, mut model) = (RttEstimator::new(), Model::default());
        for sample in samples.into_iter().map(Duration::from_micros) {
            rtt.sample(sample);
            model.sample(sample);

            let srtt = rtt.srtt().unwrap().as_micros() as i128;
            let rttvar = rtt.rttvar().as_micros() as i128;
            prop_assert!((srtt - (model.srtt.unwrap() >> 20)).abs() <= 2);
            prop_assert!((rttvar - (model.rttvar >> 20)).abs() <= 3);
        }
    }

    #[test]
    fn any_sample_is_survived(samples in prop::collection::vec(any::<Duration>(), 0..50)) {
        let mut rtt = RttEstimator::new();
        samples.into_iter().for_each(|sample| rtt.sample(sample));

        prop_assert!(rtt.rto(Duration::ZERO) <= Duration::from_secs(60));
    }
}

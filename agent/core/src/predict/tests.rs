use super::*;

fn at(seconds: u64) -> Instant {
    Instant::from_millis(1_000_000 + seconds * 1000)
}

fn wifi(dbm: i16) -> Signal {
    Signal { rssi_dbm: Some(dbm), ..Signal::default() }
}

/// What is foreseen after these readings, one a second.
fn heard(readings: impl IntoIterator<Item = i16>) -> Prospect {
    let (mut forecast, mut now) = (Forecast::new(), at(0));
    for dbm in readings {
        now += Duration::from_secs(1);
        forecast.on_signal(now, wifi(dbm));
    }
    forecast.prospect(now)
}

#[test]
fn who_walks_out_of_reach_is_seen_to_go() {
    assert_eq!(heard([-50, -52, -53, -55, -56, -58, -59, -61]), Prospect::Steady, "far to go");
    assert_eq!(heard([-62, -64, -65, -67, -68, -70, -71, -73]), Prospect::Fading);
    assert_eq!(heard([-66, -68, -70, -71, -73, -75, -76, -78]), Prospect::Ending);
}

#[test]
fn a_weak_radio_that_stays_as_it_is_is_no_end() {
    assert_eq!(heard([-79, -80, -78, -80, -79, -80, -79, -79]), Prospect::Steady);
    assert_eq!(
        heard([-88, -86, -85, -83, -81, -80, -78, -77]),
        Prospect::Steady,
        "it comes nearer"
    );
}

#[test]
fn one_deep_fade_is_no_trend() {
    assert_eq!(heard([-65, -65, -66, -65, -65, -66, -65, -80]), Prospect::Steady);
}

/// Eight rounds in which the rate is divided and the round trip multiplied, in sixteenths.
fn carried(rate_sixteenths: u32, rtt_sixteenths: u32) -> Prospect {
    let (mut forecast, mut rate, mut rtt_us) = (Forecast::new(), 1u32 << 22, 20_000u32);
    let mut now = at(0);
    for _ in 0..8 {
        now += Duration::from_millis(500);
        forecast.on_rate(now, rate);
        forecast.on_rtt(now, Duration::from_micros(rtt_us.into()));
        rate = rate / 16 * rate_sixteenths;
        rtt_us = rtt_us / 16 * rtt_sixteenths;
    }
    forecast.prospect(now)
}

#[test]
fn ever_less_that_takes_ever_longer_is_an_end() {
    assert_eq!(carried(16, 16), Prospect::Steady);
    assert_eq!(carried(16, 22), Prospect::Steady, "a queue");
    assert_eq!(carried(10, 16), Prospect::Steady, "others use the network too");
    assert_eq!(carried(13, 20), Prospect::Fading);
    assert_eq!(carried(10, 20), Prospect::Ending);
}

#[test]
fn a_strong_radio_explains_little_traffic_otherwise() {
    let mut forecast = Forecast::new();
    let (mut rate, mut rtt_us) = (1u32 << 22, 20_000);
    for half in 0..8u64 {
        let now = at(0) + Duration::from_millis(500 * half);
        forecast.on_signal(now, wifi(-50));
        forecast.on_rate(now, rate);
        forecast.on_rtt(now, Duration::from_micros(rtt_us));
        (rate, rtt_us) = (rate / 2, rtt_us * 3 / 2);
    }

    assert_eq!(forecast.prospect(at(4)), Prospect::Steady);
}

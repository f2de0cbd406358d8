//! What a radio says of itself.

use crate::score::AT_LIMIT;

/// One reading of a radio. What it does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signal {
    /// Reference signal received power of LTE, or SS-RSRP of NR.
    pub rsrp_dbm: Option<i16>,
    /// Reference signal received quality of either.
    pub rsrq_db: Option<i8>,
    /// Signal to interference and noise of either.
    pub sinr_db: Option<i8>,
    /// Received signal strength of WiFi.
    pub rssi_dbm: Option<i16>,
    /// Received signal code power of 3G's pilot. Costs nothing: a loaded cell breathes, and strong is not good.
    pub rscp_dbm: Option<i16>,
    /// Strength of all that a modem receives: RXLEV of 2G, or what `+CSQ` tells of any radio. Costs nothing: how
    /// much of it is the cell's is not told.
    pub rxlev_dbm: Option<i16>,
    /// What the radio sends at, in kbit/s.
    pub bitrate_kbps: Option<u32>,
}

impl Signal {
    /// Points that it costs: those of the worst reading, because all of them speak of one radio.
    /// A signal alone never costs more than a limit does: a weak radio that delivers is in use.
    pub(crate) fn demerit(&self) -> u8 {
        let readings = [
            self.rsrp_dbm.map(|dbm| RSRP.lack(i32::from(dbm))),
            self.rsrq_db.map(|db| RSRQ.lack(i32::from(db))),
            self.sinr_db.map(|db| SINR.lack(i32::from(db))),
            self.rssi_dbm.map(|dbm| RSSI.lack(i32::from(dbm))),
            self.bitrate_kbps
                .map(|kbps| BITRATE_KBPS.lack(i32::try_from(kbps).unwrap_or(i32::MAX))),
        ];
        readings.into_iter().flatten().max().unwrap_or(0)
    }
}

/// From where on a reading costs nothing, and where it costs as much as a limit.
struct Scale {
    good: i32,
    bad: i32,
}

impl Scale {
    fn lack(&self, reading: i32) -> u8 {
        let short = self.good.saturating_sub(reading).clamp(0, self.good - self.bad);
        (short * i32::from(AT_LIMIT) / (self.good - self.bad)) as u8
    }
}

/// TS 36.133 (9.1.4) reports -140 to -44 dBm. Thermal noise in a subcarrier of 15 kHz is -132, and
/// a receiver adds about 9: at -120 its own noise is 3 dB below the signal, at -100 it is out of
/// sight.
const RSRP: Scale = Scale { good: -100, bad: -120 };

/// TS 36.133 (9.1.7) reports -19.5 to -3 dB. A busy cell of one antenna port without interference
/// shows -10.8 (all twelve subcarriers loaded: 1/12), so only what lies below tells of others.
const RSRQ: Scale = Scale { good: -12, bad: -19 };

/// TS 36.133 (8.1.2) has a cell detected from -6 dB on, where TS 36.213's lowest modulation (table
/// 7.2.3-1, CQI 1) ends as well; from 3 dB on, 16QAM begins to come through.
const SINR: Scale = Scale { good: 3, bad: -6 };

/// IEEE 802.11 (17.3.10.2) has 6 Mbit/s received at -82 dBm; networks are planned for -67, where
/// the faster half of the modulations works.
const RSSI: Scale = Scale { good: -67, bad: -82 };

/// Second slowest modulation of 802.11n on one stream; and its oldest, which rate control takes
/// when nothing else comes through.
const BITRATE_KBPS: Scale = Scale { good: 13_000, bad: 1000 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_costs_nothing_above_its_scale_and_a_limit_below() {
        let rsrp = |dbm| Signal { rsrp_dbm: Some(dbm), ..Signal::default() }.demerit();
        let rssi = |dbm| Signal { rssi_dbm: Some(dbm), ..Signal::default() }.demerit();

        assert_eq!([-44, -100, -110, -120, -140].map(rsrp), [0, 0, 15, 30, 30]);
        assert_eq!([-30, -67, -77, -82, i16::MIN].map(rssi), [0, 0, 20, 30, 30]);
    }

    #[test]
    fn the_worst_reading_counts_and_what_is_not_told_does_not() {
        let strong_but_disturbed =
            Signal { rsrp_dbm: Some(-70), sinr_db: Some(-3), ..Signal::default() };

        assert_eq!(strong_but_disturbed.demerit(), 20);
        assert_eq!(Signal::default().demerit(), 0);
        let absurd = Signal {
            rsrq_db: Some(i8::MAX),
            bitrate_kbps: Some(u32::MAX),
            rsrp_dbm: Some(i16::MAX),
            ..Signal::default()
        };
        assert_eq!(absurd.demerit(), 0);
    }
}

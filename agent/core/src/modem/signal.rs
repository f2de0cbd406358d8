//! How well the modem hears its cell, as `+CSQ` or `+CESQ` reports it: each value only where the radio in use
//! has it. Values at the end of a scale mean "this or less" and "this or more".

use super::fields::Fields;
use crate::Signal;

impl Signal {
    /// 27.007 section 8.5: `rssi,ber`.
    pub(super) fn parse_csq(values: &str) -> Option<Self> {
        let rssi = Fields::of(values).number()?;
        Some(Self { rxlev_dbm: scale(rssi, 31, -1130, 20).map(whole), ..Self::default() })
    }

    /// 27.007 section 8.69: `rxlev,ber,rscp,ecno,rsrq,rsrp`, and in Release 17
    /// `ss_rsrq,ss_rsrp,ss_sinr` behind them.
    pub(super) fn parse_cesq(values: &str) -> Option<Self> {
        let mut fields = Fields::of(values);
        let [rxlev, _ber, rscp, _ecno, rsrq, rsrp] = read(&mut fields)?;
        // A modem without 5G leaves them out: unknown, as 255 is.
        let [ss_rsrq, ss_rsrp, ss_sinr] = read(&mut fields).unwrap_or([255; 3]);
        let lte_rsrp = scale(rsrp, 97, -1410, 10);
        let lte_rsrq = scale(rsrq, 34, -200, 5);
        // TS 38.133 tables 10.1.6.1-1, 10.1.11.1-1 and 10.1.16.1-1.
        let nr_rsrp = scale(ss_rsrp, 126, -1570, 10);
        let nr_rsrq = scale(ss_rsrq, 126, -435, 5);
        Some(Self {
            rxlev_dbm: scale(rxlev, 63, -1110, 10).map(whole),
            rscp_dbm: scale(rscp, 96, -1210, 10).map(whole),
            rsrp_dbm: lte_rsrp.or(nr_rsrp).map(whole),
            rsrq_db: lte_rsrq.or(nr_rsrq).map(whole_db),
            // 5G alone reports it here.
            sinr_db: scale(ss_sinr, 127, -235, 5).map(whole_db),
            ..Self::default()
        })
    }
}

fn read<const N: usize>(fields: &mut Fields<'_>) -> Option<[u16; N]> {
    let mut values = [0; N];
    for value in &mut values {
        *value = fields.number()?;
    }
    Some(values)
}

/// Tenths of a unit: `base` and `step` for each; beyond `last` the value is not known.
const fn scale(value: u16, last: u16, base: i16, step: i16) -> Option<i16> {
    if value <= last { Some(base + value as i16 * step) } else { None }
}

const fn whole(tenths: i16) -> i16 {
    tenths / 10
}

/// No scale reaches beyond a byte.
const fn whole_db(tenths: i16) -> i8 {
    (tenths / 10) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csq_is_two_dbm_a_step_from_minus_113() {
        let rssi = |values| Signal::parse_csq(values).map(|signal| signal.rxlev_dbm);

        assert_eq!(rssi("0,99"), Some(Some(-113)));
        assert_eq!(rssi("21,99"), Some(Some(-71)));
        assert_eq!(rssi("31,0"), Some(Some(-51)));
        assert_eq!(rssi("99,99"), Some(None));
        assert_eq!(rssi("x"), None);
    }

    /// ModemManager decodes 20 and 50 so.
    #[test]
    fn cesq_of_lte_has_rsrp_and_rsrq() {
        let signal = Signal::parse_cesq("99,99,255,255,20,50").unwrap();

        assert_eq!((signal.rsrp_dbm, signal.rsrq_db), (Some(-91), Some(-10)));
        assert_eq!((signal.rxlev_dbm, signal.rscp_dbm, signal.sinr_db), (None, None, None));
    }

    #[test]
    fn cesq_of_older_and_newer_radio_is_read_where_it_stands() {
        let gsm = Signal::parse_cesq("40,0,255,255,255,255").unwrap();
        let umts = Signal::parse_cesq("99,99,45,30,255,255").unwrap();
        let nr = Signal::parse_cesq("99,99,255,255,255,255,65,67,80").unwrap();

        assert_eq!(gsm, Signal { rxlev_dbm: Some(-71), ..Signal::default() });
        assert_eq!(umts, Signal { rscp_dbm: Some(-76), ..Signal::default() });
        assert_eq!((nr.rsrp_dbm, nr.rsrq_db, nr.sinr_db), (Some(-90), Some(-11), Some(16)));
        assert_eq!(Signal::parse_cesq("99,99,255"), None);
    }
}

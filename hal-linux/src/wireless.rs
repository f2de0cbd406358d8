//! What WiFi radios say of themselves: `/proc/net/wireless`.
//!
//! The file is made by the kernel's wireless extensions (CONFIG_CFG80211_WEXT), which most
//! distributions still have. Where there is none, nothing is heard, and nothing is lost but a
//! part of the score.

use baton_core::{Duration, Signal};
use std::{fs, path::PathBuf};
use tokio::time::Instant;

/// The radios, read every now and then.
pub(crate) struct Radios {
    file: PathBuf,
    due: Instant,
    /// Read and not told yet.
    heard: Vec<(String, Signal)>,
}

impl Radios {
    pub(crate) fn new() -> Self {
        Self { file: FILE.into(), due: Instant::now(), heard: Vec::new() }
    }

    /// When to read again.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Reads what those that `is_link` say: one small file of the kernel's memory.
    pub(crate) fn read(&mut self, is_link: impl Fn(&str) -> bool) {
        self.due = Instant::now() + INTERVAL;
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        self.heard = text.lines().filter_map(parse).filter(|(name, _)| is_link(name)).collect();
    }

    /// One reading that nobody was told.
    pub(crate) fn next(&mut self) -> Option<(String, Signal)> {
        self.heard.pop()
    }
}

/// ` wlan0: 0000   54.  -56.  -256  ...`: status, quality, level in dBm, noise. Without dBm a driver
/// counts in units of its own, which are positive; a dot marks what is new.
fn parse(line: &str) -> Option<(String, Signal)> {
    let (name, values) = line.split_once(':')?;
    let level = values.split_whitespace().nth(2)?;
    let dbm: i16 = level.trim_end_matches('.').parse().ok()?;
    let signal = Signal { rssi_dbm: Some(dbm), ..Signal::default() };
    (dbm < 0).then(|| (name.trim().to_owned(), signal))
}

const FILE: &str = "/proc/net/wireless";

/// Drivers average over beacons, ten a second: of what changes, this misses little.
const INTERVAL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   54.  -56.  -256        0      0      0      0     42        0
 wlan1: 0000   54   -71   -256        0      0      0      0     42        0
  old0: 0000   54.   60.    30.       0      0      0      0     42        0
";

    #[tokio::test]
    async fn levels_in_dbm_of_links_are_told_once() {
        let dir = std::env::temp_dir().join(format!("baton-wireless-{}", std::process::id()));
        fs::write(&dir, TEXT).unwrap();
        let mut radios = Radios { file: dir.clone(), ..Radios::new() };

        radios.read(|name| name != "wlan1");

        let strong = Signal { rssi_dbm: Some(-56), ..Signal::default() };
        assert_eq!(radios.next(), Some(("wlan0".to_owned(), strong)));
        assert_eq!(radios.next(), None);
        fs::remove_file(dir).unwrap();
        radios.read(|_| true);
        assert_eq!(radios.next(), None, "no file");
    }

    #[test]
    fn what_is_no_radio_is_passed_over() {
        for line in
            ["", ":", "wlan0:", " face | tus | link", "wlan0: 0000 54. -", "a: 0 0 -99999999"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
        assert_eq!(parse("wlan1: 0000   54   -71   -256").unwrap().1.rssi_dbm, Some(-71));
    }
}

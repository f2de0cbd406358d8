//! Files that outlive a crash: each may be torn, damaged, or somebody else's.

use baton_core::memory;
use baton_core::spool::{Chain, HEADER, Header, Ledger, MAX_RECORD, Records, Step, crc32c, encode};
use baton_store::fuzz;

/// What stands beside an upload under way: without and with the right checksum.
pub(crate) fn upload_info(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    for text in [text.to_owned(), fuzz::sealed(text)] {
        if let Some(again) = fuzz::upload_info(&text) {
            assert_eq!(fuzz::upload_info(&again).as_ref(), Some(&again));
        }
    }
}

/// The record of a chunked session, whose head ends before an empty line: likewise.
pub(crate) fn session(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let sealed = text.split_once("\n\n").map(|(head, tail)| {
        let head = fuzz::sealed(&format!("{head}\n"));
        format!("{head}{tail}")
    });
    for text in [Some(text.to_owned()), sealed].into_iter().flatten() {
        if let Some(again) = fuzz::session(&text) {
            assert_eq!(fuzz::session(&again).as_ref(), Some(&again));
        }
    }
}

/// A line of the account of what is stored.
pub(crate) fn ledger(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    for line in [text.to_owned(), fuzz::sealed_line(text)] {
        if let Some(again) = fuzz::ledger_line(&line) {
            let again = again.trim_end_matches('\n');
            assert_eq!(fuzz::ledger_line(again).as_deref().map(str::trim_end), Some(again));
        }
    }
}

/// What the agent remembers: as it is, and as entries under the right checksum. What is read comes
/// back from its own encoding.
pub(crate) fn memory(data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut sealed = [&b"BATONMEM\x01\0\0\0"[..], &length].concat();
    let crc = crc32c(&[&sealed, data]);
    sealed.extend(crc.to_le_bytes());
    sealed.extend(data);
    for file in [data, &sealed] {
        let Ok(entries) = memory::decode(file) else { continue };
        let mut buf = vec![0; 2 * file.len() + 64];
        let length =
            memory::encode(&mut buf, entries.clone()).expect("it is no longer than it was");
        assert!(memory::decode(&buf[..length]).is_ok_and(|again| again.eq(entries)));
    }
}

const SALT: u64 = 0x5a17;

/// A segment as it is found on the disk.
pub(crate) fn spool_segment(data: &[u8]) {
    let salt = match Header::decode(data) {
        Ok(header) => {
            assert_eq!(Header::decode(&header.encode()), Ok(header));
            header.salt
        }
        Err(_) => SALT,
    };
    walk(data.get(HEADER..).unwrap_or_default(), salt);
}

/// Payloads behind a length each, in frames that are whole: what is in them is not.
pub(crate) fn spool_record(data: &[u8]) {
    let (mut records, mut rest, mut seq) = (Vec::new(), data, 0);
    while let Some((&length, tail)) = rest.split_first() {
        let (payload, tail) = tail.split_at(tail.len().min(usize::from(length)));
        records.extend(frame(seq, payload));
        // The top bit leaves a gap, as a damaged record does.
        seq += 1 + u32::from(length >> 7);
        rest = tail;
    }
    walk(&records, SALT);
}

/// The bytes of a record as `agent/core/src/spool.rs` has them in its table.
fn frame(seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xb5, 0x0a];
    frame.extend((payload.len() as u16).to_le_bytes());
    frame.extend(seq.to_le_bytes());
    let crc = crc32c(&[&SALT.to_le_bytes(), &frame, payload]);
    frame.extend(crc.to_le_bytes());
    frame.extend(payload);
    frame
}

/// Recovers what there is; each record comes back from its own encoding.
fn walk(bytes: &[u8], salt: u64) {
    let mut records = Records::new(bytes, salt);
    let (mut chain, mut ledger) = (Chain::new(1, 0), Ledger::default());
    loop {
        let at = records.at();
        match records.step() {
            Step::End => break,
            Step::Bad => {
                if !records.pass_bad() {
                    break;
                }
            }
            Step::Record { seq, record } => {
                chain.apply(seq, &record);
                ledger.apply(seq, &record);
                let mut buf = vec![0; MAX_RECORD];
                if let Ok(length) = encode(&mut buf, salt, seq, &record) {
                    let mut again = Records::new(&buf[..length], salt);
                    assert_eq!(again.step(), Step::Record { seq, record });
                }
            }
        }
        assert!(at < records.at() && records.at() <= bytes.len(), "it goes on, to the end");
    }
    let _ = chain.standing();
}

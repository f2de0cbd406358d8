use super::*;
use core::cell::RefCell;
use embedded_storage::nor_flash::{
    ErrorType, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use std::rc::Rc;

/// A flash that loses its power after so many bytes written.
#[derive(Clone)]
struct Flash {
    cells: Rc<RefCell<Vec<u8>>>,
    fuel: Rc<RefCell<usize>>,
}

type Vec<T> = std::vec::Vec<T>;

#[derive(Debug)]
struct NoPower;

impl NorFlashError for NoPower {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl From<NorFlashErrorKind> for NoPower {
    fn from(kind: NorFlashErrorKind) -> Self {
        panic!("an access that no flash takes: {kind:?}");
    }
}

impl Flash {
    fn new() -> Self {
        Self {
            cells: Rc::new(RefCell::new(vec![0xff; SEGMENTS * SEGMENT])),
            fuel: Rc::new(RefCell::new(usize::MAX)),
        }
    }

    fn burn(&self, wanted: usize) -> usize {
        let mut fuel = self.fuel.borrow_mut();
        let burnt = wanted.min(*fuel);
        *fuel -= burnt;
        burnt
    }
}

impl ErrorType for Flash {
    type Error = NoPower;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NoPower> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.cells.borrow()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        SEGMENTS * SEGMENT
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NoPower> {
        check_erase(self, from, to)?;
        for sector in (from..to).step_by(4096) {
            if self.burn(1) == 0 {
                return Err(NoPower);
            }
            self.cells.borrow_mut()[sector as usize..][..4096].fill(0xff);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NoPower> {
        check_write(self, offset, bytes.len())?;
        let count = self.burn(bytes.len());
        for (cell, byte) in
            self.cells.borrow_mut()[offset as usize..].iter_mut().zip(&bytes[..count])
        {
            assert_eq!(*cell & byte, *byte, "a write sets no bit");
            *cell &= byte;
        }
        if count < bytes.len() { Err(NoPower) } else { Ok(()) }
    }
}

fn started(flash: &Flash, seed: u64) -> Journal<Flash> {
    *flash.fuel.borrow_mut() = usize::MAX;
    Journal::recover(flash.clone(), "unit", "text/csv", seed).expect("there is power")
}

/// The bytes of log number `log`.
fn byte(log: u64, at: u64) -> u8 {
    (at.wrapping_mul(31) ^ log.wrapping_mul(77) ^ at >> 8) as u8
}

fn append(journal: &mut Journal<Flash>, log: u64, len: usize) -> Result<(), Error> {
    let at = journal.pending();
    let bytes: Vec<u8> = (at..at + len as u64).map(|at| byte(log, at)).collect();
    journal.append(&bytes)
}

fn write_log(journal: &mut Journal<Flash>, log: u64, len: usize) -> Result<(), Error> {
    let mut left = len;
    while left > 0 {
        let piece = left.min(PIECE);
        append(journal, log, piece)?;
        left -= piece;
    }
    journal.commit()
}

fn assert_reads(journal: &mut Journal<Flash>, number: u64, log: Log) {
    let (mut cursor, mut offset, mut sha256) = (Cursor::default(), 0, Sha256::new());
    while offset < log.total {
        let piece = journal.read(&mut cursor, log.chain, offset).expect("it is there");
        assert!(!piece.is_empty() && piece.len() <= PIECE);
        for (at, found) in (offset..).zip(piece) {
            assert_eq!(*found, byte(number, at), "byte {at}");
        }
        sha256.update(piece);
        offset += piece.len() as u64;
    }
    assert_eq!(log.sha256, <[u8; 32]>::from(sha256.finalize()));
}

#[test]
fn logs_come_back_in_their_order_across_segments() {
    let mut journal = started(&Flash::new(), 1);
    for log in 1..=3 {
        write_log(&mut journal, log, 200_000 + log as usize).unwrap();
    }

    for number in 1..=3 {
        let log = journal.next().expect("kept");
        assert_eq!((log.chain, log.total), (number, 200_000 + number));
        assert_reads(&mut journal, number, log);
        journal.end(log.chain).unwrap();
    }
    assert_eq!(journal.next(), None);
}

#[test]
fn a_reader_may_jump() {
    let mut journal = started(&Flash::new(), 1);
    write_log(&mut journal, 1, 150_000).unwrap();
    let (mut one, mut other) = (Cursor::default(), Cursor::default());

    for offset in [0, 149_999, 70_000, 1, 64_000, 1023, 1024, 100] {
        for cursor in [&mut one, &mut other] {
            assert_eq!(journal.read(cursor, 1, offset).unwrap()[0], byte(1, offset));
        }
        assert_eq!(journal.read(&mut other, 1, 0).unwrap()[0], byte(1, 0));
    }
    assert_eq!(journal.read(&mut one, 1, 150_000), Err(Error::Flash), "behind its end");
    assert_eq!(journal.read(&mut one, 2, 0), Err(Error::Flash), "no such log");
}

#[test]
fn a_full_ring_takes_nothing_new_and_goes_on_when_a_log_is_delivered() {
    let mut journal = started(&Flash::new(), 1);
    let mut whole = 0;
    while write_log(&mut journal, whole + 1, 250_000).is_ok() {
        whole += 1;
    }
    assert_eq!(whole, 3, "16 segments, 5 a log");
    let pending = journal.pending();
    assert_eq!(append(&mut journal, 4, PIECE), Err(Error::Full));

    journal.end(1).unwrap();

    assert_eq!(journal.pending(), pending, "what was written of the fourth is there");
    append(&mut journal, 4, PIECE).unwrap();
    assert_eq!(journal.next().unwrap().chain, 2);
}

#[test]
fn a_reset_in_the_middle_keeps_what_was_written_and_what_was_delivered() {
    let flash = Flash::new();
    let mut journal = started(&flash, 1);
    write_log(&mut journal, 1, 100_000).unwrap();
    journal.progress(1, 0, Some("/files/abc")).unwrap();
    journal.progress(1, 65_536, None).unwrap();
    for _ in 0..70 {
        append(&mut journal, 2, PIECE).unwrap();
    }
    drop(journal);

    let mut journal = started(&flash, 2);

    let log = journal.next().unwrap();
    assert_eq!((log.chain, log.total, log.acked), (1, 100_000, 65_536));
    assert_eq!(journal.location(1).as_deref(), Some("/files/abc"));
    assert_reads(&mut journal, 1, log);
    journal.end(1).unwrap();
    let log = journal.next().unwrap();
    assert_eq!(
        (log.chain, log.total),
        (2, 70 * PIECE as u64),
        "its writer is gone: whole as it is"
    );
    assert_reads(&mut journal, 2, log);
    write_log(&mut journal, 3, 5000).unwrap();
    assert_eq!(journal.chains.len(), 2);
}

/// Power is lost after each of many numbers of bytes; what was committed is there, what was ended is not,
/// and the journal goes on.
#[test]
fn a_power_cut_anywhere_loses_nothing_that_was_committed() {
    let mut cuts = 0;
    for fuel in (0..230_000).step_by(997) {
        let flash = Flash::new();
        let mut journal = started(&flash, 1);
        *flash.fuel.borrow_mut() = fuel;
        let (mut committed, mut ended, mut ending) = (0, 0, 0);
        let script = |journal: &mut Journal<Flash>,
                      committed: &mut u64,
                      ended: &mut u64,
                      ending: &mut u64| {
            for log in 1..=5 {
                write_log(journal, log, 40_000)?;
                *committed = log;
                if log >= 3 {
                    journal.progress(log - 2, 20_000, Some("/files/x"))?;
                    *ending = log - 2;
                    journal.end(log - 2)?;
                    *ended = log - 2;
                }
            }
            Ok::<(), Error>(())
        };
        let outcome = script(&mut journal, &mut committed, &mut ended, &mut ending);
        cuts += u32::from(outcome.is_err());
        drop(journal);

        let mut journal = started(&flash, 2);
        for number in ending + 1..=committed {
            let log = journal.next().expect("it was committed");
            let log = if log.chain <= ending {
                // Its end was under way: it may be there once more.
                assert_reads(&mut journal, log.chain, log);
                journal.end(log.chain).unwrap();
                journal.next().expect("it was committed")
            } else {
                log
            };
            assert_eq!((log.chain, log.total), (number, 40_000), "fuel {fuel}");
            assert_reads(&mut journal, number, log);
            journal.end(log.chain).unwrap();
        }
        if let Some(log) = journal.next() {
            // One whose end was under way, or whose writer was cut: what is there of it is right.
            assert!(log.chain > ended, "fuel {fuel}: ended logs are gone");
            assert_reads(&mut journal, log.chain, log);
            journal.end(log.chain).unwrap();
        }
        let next = journal.next_chain;
        write_log(&mut journal, next, 70_000).unwrap();
    }
    assert!(cuts > 150, "{cuts}");
}

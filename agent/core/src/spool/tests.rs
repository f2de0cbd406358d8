//! The format is pinned, the fold is a table, and bad bytes are only ever bad bytes.

use super::*;
use proptest::prelude::*;

const SALT: u64 = 0x0123_4567_89ab_cdef;

const OPENED: Opened<'static> = Opened {
    name: "a/b.jpg",
    content_type: "image/jpeg",
    token: Token::Query("v2=00ff"),
    client: "192.168.1.7:50000",
    total: Some(5),
    urgency: 3,
    at_s: 1_800_000_000,
};

const DATA: Record<'static> = Record::Data { offset: 0, bytes: b"hello" };
const COMMITTED: Record<'static> = Record::Committed { total: 5, sha256: [0x5a; 32] };
const DELIVERING: Record<'static> = Record::Delivering { acked: 3, location: Some("/files/1") };
const FAILED: Record<'static> = Record::Failed { status: 413, reason: "too large" };

fn every_record() -> Vec<Record<'static>> {
    vec![
        Record::Opened(OPENED),
        Record::Opened(Opened { token: Token::None, total: None, ..OPENED }),
        Record::Opened(Opened { token: Token::Header("Bearer x"), ..OPENED }),
        DATA,
        COMMITTED,
        DELIVERING,
        Record::Delivering { acked: 70_000, location: None },
        FAILED,
        Record::Retried,
        Record::Ended,
        Record::Lost(Loss {
            id: 9,
            name: "c.bin",
            total: 1 << 40,
            at_s: 1_800_000_001,
            cause: Cause::Evicted,
        }),
        Record::Tally(Tally {
            written_bytes: 1 << 33,
            flushes: 300,
            evicted: 1,
            dropped: 2,
            damaged: 3,
            next_chain: 10,
        }),
    ]
}

fn segment(records: &[Record<'_>]) -> Vec<u8> {
    let position = Position { chain: 7, index: 2 };
    let mut bytes = Header { position, salt: SALT, first_seq: 40 }.encode().to_vec();
    for (record, seq) in records.iter().zip(40..) {
        let mut buf = [0; MAX_RECORD];
        let len = encode(&mut buf, SALT, seq, record).expect("fits");
        bytes.extend_from_slice(&buf[..len]);
    }
    bytes
}

/// What is read behind the header, and whether it ended in good order.
fn read(bytes: &[u8]) -> (Vec<(u32, Record<'_>)>, bool) {
    let mut records = Records::new(&bytes[HEADER..], SALT);
    let mut seen = Vec::new();
    loop {
        match records.step() {
            Step::Record { seq, record } => seen.push((seq, record)),
            Step::Bad => return (seen, false),
            Step::End => return (seen, true),
        }
    }
}

#[test]
fn version_1_is_pinned_byte_by_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/spool/golden/v1.segment");
    let now = segment(&every_record());

    if std::env::var_os("BATON_WRITE_FILES").is_some() && !std::path::Path::new(path).exists() {
        std::fs::write(path, &now).unwrap();
    }
    let golden = std::fs::read(path).unwrap();

    assert_eq!(now, golden, "what is written has changed: that is a new version");
    let header = Header::decode(&golden).unwrap();
    assert_eq!(header.position, Position { chain: 7, index: 2 });
    assert_eq!((header.salt, header.first_seq), (SALT, 40));
    let expected: Vec<_> = (40..).zip(every_record()).collect();
    assert_eq!(read(&golden), (expected, true));
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut bytes = segment(&[]);
    bytes[8] = 2;
    assert_eq!(Header::decode(&bytes), Err(BadHeader::Torn), "its checksum is wrong");

    let crc = crc32c(&[&bytes[..36]]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(Header::decode(&bytes), Err(BadHeader::Version(2)));
    assert_eq!(Header::decode(&bytes[..39]), Err(BadHeader::Torn));
}

#[test]
fn a_full_piece_fits_a_record_and_one_byte_more_does_not() {
    let mut buf = [0; MAX_RECORD + 64];
    let whole = Record::Data { offset: u64::MAX, bytes: &[7; PIECE] };
    assert!(encode(&mut buf, 0, u32::MAX, &whole).is_ok());

    let name = "n".repeat(MAX_RECORD);
    let long = Record::Opened(Opened { name: &name, ..OPENED });
    assert_eq!(encode(&mut buf, 0, 0, &long), Err(TooLong));
}

#[test]
fn a_record_of_another_salt_is_none() {
    let bytes = segment(&[DATA]);

    assert_eq!(Records::new(&bytes[HEADER..], SALT + 1).step(), Step::Bad);
}

#[test]
fn what_follows_a_bad_record_is_found() {
    let mut bytes = segment(&[Record::Opened(OPENED), DATA, COMMITTED]);
    let second = segment(&[Record::Opened(OPENED)]).len();
    bytes[second + 15] ^= 1;
    let mut records = Records::new(&bytes[HEADER..], SALT);

    assert!(matches!(records.step(), Step::Record { seq: 40, .. }));
    assert_eq!((records.step(), records.at()), (Step::Bad, second - HEADER));
    assert!(records.pass_bad());
    assert_eq!(records.step(), Step::Record { seq: 42, record: COMMITTED });
    assert_eq!(records.step(), Step::End);
}

fn folded(records: &[(u32, Record<'_>)]) -> Chain {
    let mut chain = Chain::new(7, 0);
    records.iter().for_each(|(seq, record)| chain.apply(*seq, record));
    chain
}

#[test]
fn records_add_up_as_the_table_says() {
    use Standing::*;
    let opened = Record::Opened(OPENED);
    let (retried, ended) = (Record::Retried, Record::Ended);
    for (records, standing) in [
        (&[opened][..], Unfinished),
        (&[opened, DATA], Unfinished),
        (&[opened, DATA, COMMITTED], Kept),
        (&[opened, DATA, COMMITTED, DELIVERING], Kept),
        (&[opened, DATA, COMMITTED, DELIVERING, FAILED], Failed),
        (&[opened, DATA, COMMITTED, FAILED, retried], Kept),
        (&[opened, DATA, COMMITTED, DELIVERING, ended], Ended),
        (&[opened, DATA, COMMITTED, FAILED, ended], Ended),
        (&[opened, DATA, COMMITTED, ended, DELIVERING], Ended),
        (&[opened, DATA, COMMITTED, ended, FAILED, retried], Ended),
        // What is missing shows.
        (&[opened, COMMITTED], Damaged),
        (&[opened, DATA, DELIVERING], Damaged),
        (&[opened, DATA, FAILED, retried], Damaged),
        (&[opened, COMMITTED, Record::Delivering { acked: 5, location: None }], Kept),
        (&[opened, COMMITTED, ended], Ended),
    ] {
        let records: Vec<_> = (0..).zip(records.iter().copied()).collect();
        assert_eq!(folded(&records).standing(), standing, "{records:?}");
    }
}

#[test]
fn missing_records_are_counted_wherever_they_were() {
    let chain = folded(&[(0, Record::Opened(OPENED)), (3, DATA), (5, COMMITTED)]);

    assert_eq!((chain.missing(), chain.next_seq()), (3, 6));
    assert_eq!((chain.end(), chain.urgency(), chain.at_s()), (5, 3, OPENED.at_s));
}

#[test]
fn the_ledger_adds_up() {
    let lost = |cause| Record::Lost(Loss { id: 1, name: "a", total: 1, at_s: 0, cause });
    let sums = Tally { written_bytes: 5, evicted: 1, next_chain: 4, ..Tally::default() };
    let mut ledger = Ledger::default();

    for (seq, record) in
        (0..).zip([Record::Tally(sums), lost(Cause::Evicted), lost(Cause::Damaged)])
    {
        ledger.apply(seq, &record);
    }

    assert_eq!(ledger.next_seq(), 3);
    assert_eq!(*ledger.tally(), Tally { evicted: 2, damaged: 1, ..sums });
}

#[test]
fn urgency_is_read_as_rfc_9218_has_it() {
    for (field, urgency) in [
        ("", 3),
        ("u=0", 0),
        ("i, u=7", 7),
        ("u=5;x=1, i", 5),
        ("u=1, u=2", 2),
        ("u=8", 3),
        ("u=-1", 3),
        ("u=a", 3),
        ("urgent", 3),
    ] {
        assert_eq!(Urgency::parse(field).get(), urgency, "{field:?}");
    }
}

#[test]
fn the_refused_give_way_before_the_oldest_and_nobody_does_by_default() {
    let chain = |id, more: &[Record<'static>]| {
        let mut chain = Chain::new(id, 0);
        for (seq, record) in (0..).zip([Record::Opened(OPENED), DATA].iter().chain(more)) {
            chain.apply(seq, record);
        }
        chain
    };
    let unfinished = chain(1, &[]);
    let (old, young) = (chain(2, &[COMMITTED]), chain(3, &[COMMITTED]));
    let failed = chain(4, &[COMMITTED, FAILED]);

    let victim = |chains: &[Chain]| Eviction::EvictOldest.victim(chains.iter());
    assert_eq!(victim(&[unfinished, old, young, failed]), Some(4));
    assert_eq!(victim(&[unfinished, young, old]), Some(2));
    assert_eq!(victim(&[unfinished]), None);
    assert_eq!(Eviction::Refuse.victim([old].iter()), None);
    assert!(precedence(&old, &young).is_lt());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_panic_and_walks_end(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = Header::decode(&bytes);
        // Some of it whole, so that the walk has something to find.
        let whole = segment(&[DATA]);
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, whole[HEADER..].iter().copied());
        let mut records = Records::new(&bytes, SALT);
        let mut chain = Chain::new(7, 0);
        for _ in 0..=bytes.len() {
            match records.step() {
                Step::Record { seq, record } => chain.apply(seq, &record),
                Step::Bad => if !records.pass_bad() { return Ok(()) },
                Step::End => return Ok(()),
            }
        }
        prop_assert!(false, "the walk does not end");
    }

    #[test]
    fn no_changed_byte_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = segment(&every_record());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;

        let noticed = if at < HEADER {
            Header::decode(&bytes).is_err()
        } else {
            !read(&bytes).1
        };
        prop_assert!(noticed);
    }
}

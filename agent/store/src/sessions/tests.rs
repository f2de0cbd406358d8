use super::*;
use crate::{
    folder::Folder, name::Name, options::Secret, session::CopyError, temp::TempDir, user::User,
};
use core::future::Future;
use std::fs::File;

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

fn open(temp: &TempDir) -> Sessions {
    let options = Options {
        chunk_size: 5,
        max_upload_size: 1000,
        expire_after: Duration::from_secs(100),
        quota_total: Some(1000),
        ..Options::new(vec![], temp.path(), Secret::new("s"))
    };
    let folder = Arc::new(Folder::open(temp.path()).unwrap());
    let gate = Rc::new(Gate::new(Arc::clone(&folder), &options));
    let shelf = Arc::new(Shelf::open(folder, true, true).unwrap());
    Sessions::open(shelf, gate, &options).unwrap()
}

async fn begin(sessions: &Sessions, path: &str, size: u64) -> Rc<Session> {
    let name = Name::parse(path).unwrap();
    let new = New { user: User::of(&name), name, length: Some(size) };
    sessions.begin(new, size).await.unwrap()
}

async fn send(sessions: &Sessions, session: &Rc<Session>, number: u32, bytes: &[u8]) {
    let copy = sessions.copy(session, number).unwrap().unwrap();
    copy.write(bytes, Instant::now()).unwrap();
    sessions.record(session, copy).await.unwrap();
}

fn work_files(temp: &TempDir) -> usize {
    let entries = std::fs::read_dir(temp.path().join(".baton")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "sha256" && !name.starts_with("stored.")).count()
}

#[test]
fn chunks_in_any_order_are_the_file_once_all_are_there() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "a/f", 12).await;

        send(&sessions, &session, 2, b"ab").await;
        send(&sessions, &session, 0, b"01234").await;
        assert_eq!(sessions.settle(&session).await.unwrap(), State::Growing);
        assert_eq!((session.bytes(), session.chunks()), (7, 2));
        send(&sessions, &session, 1, b"56789").await;
        assert!(!temp.path().join("a").exists());
        assert_eq!(sessions.settle(&session).await.unwrap(), State::Placed);

        assert_eq!(std::fs::read(temp.path().join("a/f")).unwrap(), b"0123456789ab");
        assert_eq!(work_files(&temp), 1, "the memory of its end");
        assert_eq!(sessions.gate.quota().used(), 12);
    });
}

#[test]
fn a_copy_that_comes_too_late_writes_nothing_more() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 5).await;
        let slow = sessions.copy(&session, 0).unwrap().unwrap();
        slow.write(b"01", Instant::now()).unwrap();

        send(&sessions, &session, 0, b"01234").await;
        let late = slow.write(b"xxx", Instant::now());
        sessions.settle(&session).await.unwrap();
        let later = slow.write(b"xxx", Instant::now());

        for refused in [late, later] {
            assert!(matches!(refused, Err(CopyError::Needless)));
        }
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"01234");
    });
}

#[test]
fn of_two_whole_copies_one_is_recorded() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 10).await;
        let copies = [0, 0].map(|number| sessions.copy(&session, number).unwrap().unwrap());
        copies.iter().for_each(|copy| copy.write(b"01234", Instant::now()).unwrap());
        let [one, other] = copies;

        let (one, other) =
            tokio::join!(sessions.record(&session, one), sessions.record(&session, other));

        assert!(one.is_ok() && other.is_ok() && session.is_idle());
        let record = temp.path().join(".baton").join(record_leaf(session.id));
        let record = std::fs::read_to_string(record).unwrap();
        assert_eq!(record.lines().filter(|line| *line == "0").count(), 1, "{record}");
    });
}

#[test]
fn no_chunk_is_longer_than_planned_nor_beyond_the_end() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 12).await;

        assert!(sessions.copy(&session, 3).unwrap().is_none());
        let copy = sessions.copy(&session, 2).unwrap().unwrap();
        copy.write(b"a", Instant::now()).unwrap();
        assert!(!copy.is_whole());
        assert!(matches!(copy.write(b"bc", Instant::now()), Err(CopyError::TooLong)));
        copy.write(b"b", Instant::now()).unwrap();
        assert!(copy.is_whole());
    });
}

#[test]
fn a_restart_carries_on_with_the_chunks_that_were_recorded_and_clears_debris() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 12).await;
        let id = session.id;
        send(&sessions, &session, 0, b"01234").await;
        let cut = sessions.copy(&session, 1).unwrap().unwrap();
        cut.write(b"56", Instant::now()).unwrap();
        let lost = begin(&sessions, "l", 5).await.id;
        drop((cut, session, sessions));
        let work = temp.path().join(".baton");
        std::fs::remove_file(work.join(data_leaf(lost))).unwrap();
        let orphan = Id::random().unwrap();
        std::fs::write(work.join(data_leaf(orphan)), "x").unwrap();
        std::fs::write(work.join(format!("{}.new", record_leaf(orphan))), "x").unwrap();
        let mut record = File::options().append(true).open(work.join(record_leaf(id))).unwrap();
        record.write_all(b"1").unwrap();

        let sessions = open(&temp);
        let session = sessions.find(id).unwrap();
        assert_eq!((session.chunks(), session.has(0), session.has(1)), (1, true, false));
        assert_eq!((work_files(&temp), sessions.gate.quota().used()), (2, 12));
        send(&sessions, &session, 2, b"ab").await;
        drop((session, sessions));

        let sessions = open(&temp);
        let session = sessions.find(id).unwrap();
        assert_eq!((session.has(1), session.has(2)), (false, true), "the torn line is no other");
        send(&sessions, &session, 1, b"56789").await;
        sessions.settle(&session).await.unwrap();
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"0123456789ab");
    });
}

/// Between any two steps of the end: all chunks there, in place but not recorded, recorded but
/// not cleared away.
#[test]
fn an_end_that_was_cut_off_is_completed_by_the_next_sweep() {
    for cut_after in 0..3 {
        let temp = TempDir::new();
        run(async {
            let sessions = open(&temp);
            let session = begin(&sessions, "f", 5).await;
            let id = session.id;
            send(&sessions, &session, 0, b"01234").await;
            let (data, shelf) = (data_leaf(id), &sessions.shelf);
            if cut_after > 0 {
                shelf.place(&data, &session.name, &session.user, SystemTime::now()).unwrap();
            }
            if cut_after > 1 {
                append(shelf, id, "placed", false).unwrap();
            }
            drop((session, sessions));

            let sessions = open(&temp);
            sessions.sweep(Instant::now()).await;

            assert_eq!(sessions.find(id).unwrap().state.get(), State::Placed, "{cut_after}");
            assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"01234");
            assert_eq!(work_files(&temp), 1);
        });
    }
}

#[test]
fn a_name_that_holds_other_content_is_refused_and_stays() {
    let temp = TempDir::new();
    std::fs::write(temp.path().join("f"), b"there").unwrap();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 5).await;
        send(&sessions, &session, 0, b"other").await;

        assert_eq!(sessions.settle(&session).await.unwrap(), State::Refused);

        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"there");
        assert_eq!(sessions.gate.quota().used(), 0);
        let id = session.id;
        drop((session, sessions));
        assert_eq!(open(&temp).find(id).unwrap().state.get(), State::Refused, "and stays so");
    });
}

#[test]
fn a_session_that_waits_too_long_leaves_nothing_and_gives_its_room_back() {
    let temp = TempDir::new();
    run(async {
        let sessions = open(&temp);
        let session = begin(&sessions, "f", 10).await;
        send(&sessions, &session, 0, b"01234").await;
        let copy = sessions.copy(&session, 1).unwrap();
        let later = Instant::now() + Duration::from_secs(101);

        sessions.sweep(later).await;
        assert!(sessions.find(session.id).is_some(), "someone sends");
        drop(copy);
        sessions.sweep(later).await;

        assert!(sessions.find(session.id).is_none());
        assert_eq!((work_files(&temp), sessions.gate.quota().used()), (0, 0));
    });
}

use super::*;
use crate::{name::Name, options::Secret, temp::TempDir, upload::WriteError, user::User};
use core::future::Future;

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

fn options(temp: &TempDir) -> Options {
    Options { max_upload_size: 1000, ..Options::new(vec![], temp.path(), Secret::new("s")) }
}

fn open(temp: &TempDir) -> Uploads {
    open_with(&options(temp))
}

fn open_with(options: &Options) -> Uploads {
    let folder = Arc::new(Folder::open(&options.dir).unwrap());
    let shelf = Arc::new(Shelf::open(folder, options.deduplicate, true).unwrap());
    let gate = Rc::new(Gate::new(Arc::clone(shelf.folder()), options));
    Uploads::open(shelf, gate, options).unwrap()
}

fn new(path: &str, length: Option<u64>) -> New {
    let name = Name::parse(path).unwrap();
    New { user: User::of(&name), name, length }
}

fn at(offset: u64) -> Intent {
    Intent { offset, body: None, declares: None }
}

async fn append(uploads: &Uploads, upload: &Rc<Upload>, offset: u64, bytes: &[u8]) {
    let (turn, file) = uploads.append(upload, at(offset)).await.unwrap();
    turn.write(&file.unwrap(), bytes, Instant::now()).unwrap();
}

fn refused<T>(result: Result<T, AppendError>) -> Refused {
    match result {
        Err(AppendError::Refused(refused)) => refused,
        Err(AppendError::Io(error)) => panic!("{error}"),
        Ok(_) => panic!("taken"),
    }
}

/// Files in the work folder, but for what is known of stored ones.
fn work_files(temp: &TempDir) -> usize {
    let entries = std::fs::read_dir(temp.path().join(".baton")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "sha256" && !name.starts_with("stored.")).count()
}

#[test]
fn bytes_grow_in_the_work_folder_and_the_last_one_puts_the_file_in_place() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("a/f", Some(10))).await.unwrap();

        append(&uploads, &upload, 0, b"01234").await;
        assert_eq!(uploads.settle(&upload).await.unwrap(), 5);
        assert!(!temp.path().join("a").exists());
        append(&uploads, &upload, 5, b"56789").await;
        assert_eq!(uploads.settle(&upload).await.unwrap(), 10);

        assert_eq!(std::fs::read(temp.path().join("a/f")).unwrap(), b"0123456789");
        assert_eq!(work_files(&temp), 1, "the memory of its end");
        assert_eq!(uploads.settle(&upload).await.unwrap(), 10);
    });
}

#[test]
fn an_append_elsewhere_disturbs_nobody_and_one_at_the_offset_takes_over() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("f", Some(10))).await.unwrap();
        let (old, file) = uploads.append(&upload, at(0)).await.unwrap();
        let file = file.unwrap();
        old.write(&file, b"012", Instant::now()).unwrap();

        for offset in [0, 2, 4, u64::MAX] {
            assert_eq!(refused(uploads.append(&upload, at(offset)).await), Refused::Offset);
        }
        old.write(&file, b"34", Instant::now()).unwrap();
        let (new, _) = uploads.append(&upload, at(5)).await.unwrap();
        old.lost().await;
        let fenced = old.write(&file, b"xx", Instant::now());
        assert!(matches!(fenced, Err(WriteError::Fenced)));
        drop(old);
        new.write(&file, b"56789", Instant::now()).unwrap();
        drop(new);

        assert!(upload.is_idle());
        assert_eq!(uploads.settle(&upload).await.unwrap(), 10);
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"0123456789");
    });
}

#[test]
fn an_append_ahead_of_bytes_that_still_land_waits_for_them_and_no_longer() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("f", Some(10))).await.unwrap();
        let landing = async {
            for offset in 0..4 {
                append(&uploads, &upload, offset, b"0").await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waiting = async {
            upload.await_offset(3).await;
            upload.stored()
        };

        let ((), reached) = tokio::join!(landing, waiting);
        let begun = Instant::now();
        upload.await_offset(9).await;

        assert!(reached >= 3, "{reached}");
        assert!(begun.elapsed() < Duration::from_millis(500), "nothing lands any more");
        assert!(upload.is_idle(), "waiting disturbs nobody");
    });
}

#[test]
fn no_append_goes_beyond_the_length_or_the_limit() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("f", Some(4))).await.unwrap();
        let open_ended = uploads.create(new("g", None)).await.unwrap();
        let sized = |body| Intent { body: Some(body), ..at(0) };

        assert_eq!(refused(uploads.append(&upload, sized(5)).await), Refused::TooLarge);
        assert_eq!(refused(uploads.append(&open_ended, sized(1001)).await), Refused::TooLarge);
        let declares = Intent { declares: Some(1001), ..at(0) };
        assert_eq!(refused(uploads.append(&open_ended, declares).await), Refused::TooLarge);
        assert!(matches!(uploads.create(new("h", Some(1001))).await, Err(Failure::TooLarge)));
        let (turn, file) = uploads.append(&upload, at(0)).await.unwrap();
        let written = turn.write(&file.unwrap(), b"01234", Instant::now());

        assert!(matches!(written, Err(WriteError::TooLarge)));
        assert_eq!(upload.stored(), 4);
    });
}

#[test]
fn a_deferred_length_is_declared_once_and_survives_a_restart() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("f", None)).await.unwrap();
        append(&uploads, &upload, 0, b"0123").await;
        let declares = |length| Intent { declares: Some(length), ..at(4) };

        assert_eq!(refused(uploads.append(&upload, declares(3)).await), Refused::Length);
        uploads.append(&upload, declares(6)).await.unwrap();
        assert_eq!(refused(uploads.append(&upload, declares(7)).await), Refused::Length);
        drop(uploads);

        let uploads = open(&temp);
        let upload = uploads.find(upload.id).unwrap();
        assert_eq!((upload.length.get(), upload.stored()), (Some(6), 4));
        append(&uploads, &upload, 4, b"45").await;
        uploads.settle(&upload).await.unwrap();
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"012345");
    });
}

#[test]
fn a_name_in_use_is_refused_by_length_at_creation_and_by_content_at_the_end() {
    let temp = TempDir::new();
    std::fs::write(temp.path().join("f"), b"0123").unwrap();
    run(async {
        let uploads = open(&temp);

        assert!(matches!(uploads.create(new("f", Some(5))).await, Err(Failure::Exists)));
        assert!(matches!(uploads.create(new("f/g", Some(5))).await, Err(Failure::Exists)));
        let same = uploads.create(new("f", Some(4))).await.unwrap();
        append(&uploads, &same, 0, b"0123").await;
        assert_eq!(uploads.settle(&same).await.unwrap(), 4);
        let other = uploads.create(new("f", Some(4))).await.unwrap();
        append(&uploads, &other, 0, b"9999").await;
        assert!(matches!(uploads.settle(&other).await, Err(Failure::Ended(State::Refused))));

        assert!(
            matches!(uploads.settle(&other).await, Err(Failure::Ended(State::Refused))),
            "and stays so"
        );
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"0123");
    });
}

#[test]
fn a_restart_carries_on_with_what_is_there_and_clears_debris() {
    let temp = TempDir::new();
    let id = Id::random().unwrap();
    run(async {
        let uploads = open(&temp);
        let growing = uploads.create(new("g", Some(10))).await.unwrap();
        append(&uploads, &growing, 0, b"012").await;
        let placed = uploads.create(new("p", Some(1))).await.unwrap();
        append(&uploads, &placed, 0, b"0").await;
        uploads.settle(&placed).await.unwrap();
        let torn = uploads.create(new("t", Some(1))).await.unwrap();
        let lost = uploads.create(new("l", Some(1))).await.unwrap();
        drop(uploads);
        let work = temp.path().join(".baton");
        std::fs::write(work.join(info_leaf(torn.id)), "baton upload 1\nname t\nlen").unwrap();
        std::fs::remove_file(work.join(data_leaf(lost.id))).unwrap();
        std::fs::write(work.join(data_leaf(id)), "orphan").unwrap();
        std::fs::write(work.join(format!("{id}.put")), "cut").unwrap();
        std::fs::write(work.join(format!("{}.new", info_leaf(id))), "cut").unwrap();
        std::fs::write(work.join("README"), "not ours").unwrap();

        let uploads = open(&temp);

        let found = uploads.find(growing.id).unwrap();
        assert_eq!(uploads.settle(&found).await.unwrap(), 3);
        let found = uploads.find(placed.id).unwrap();
        assert_eq!(uploads.settle(&found).await.unwrap(), 1);
        assert!(uploads.find(torn.id).is_none() && uploads.find(lost.id).is_none());
        assert_eq!(work_files(&temp), 4, "two of growing, one of placed, README");
    });
}

/// Between any two steps of the end: all bytes there, in place but not noted, noted but not
/// cleared away.
#[test]
fn an_end_that_was_cut_off_is_completed_after_the_restart() {
    for cut_after in 0..3 {
        let temp = TempDir::new();
        run(async {
            let uploads = open(&temp);
            let upload = uploads.create(new("f", Some(3))).await.unwrap();
            append(&uploads, &upload, 0, b"012").await;
            if cut_after > 0 {
                uploads.folder.place(&data_leaf(upload.id), &upload.name).unwrap();
            }
            if cut_after > 1 {
                upload.state.set(State::Placed);
                uploads.write_info(&upload).await.unwrap();
            }
            drop(uploads);

            let uploads = open(&temp);
            let upload = uploads.find(upload.id).unwrap();
            assert_eq!(uploads.settle(&upload).await.unwrap(), 3, "cut after {cut_after}");

            assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"012");
            assert_eq!(work_files(&temp), 1);
        });
    }
}

#[test]
fn what_waits_too_long_expires_then_is_forgotten() {
    let temp = TempDir::new();
    run(async {
        let options = Options { expire_after: Duration::from_secs(100), ..options(&temp) };
        let uploads = open_with(&options);
        let upload = uploads.create(new("f", Some(10))).await.unwrap();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);

        uploads.sweep(after(50)).await;
        assert_eq!(uploads.settle(&upload).await.unwrap(), 0);
        let turn = uploads.append(&upload, at(0)).await.unwrap();
        uploads.sweep(after(101)).await;
        assert_eq!(uploads.settle(&upload).await.unwrap(), 0, "someone appends");
        drop(turn);
        uploads.sweep(after(101)).await;
        assert!(matches!(uploads.settle(&upload).await, Err(Failure::Ended(State::Expired))));
        let ended = Refused::Ended(State::Expired);
        assert_eq!(refused(uploads.append(&upload, at(0)).await), ended);
        assert_eq!(work_files(&temp), 1);

        uploads.sweep(after(202)).await;
        assert!(uploads.find(upload.id).is_none());
        assert_eq!(work_files(&temp), 0);
    });
}

#[test]
fn what_waited_while_nobody_served_expires_too() {
    let temp = TempDir::new();
    let options = Options { expire_after: Duration::from_secs(100), ..options(&temp) };
    run(async {
        let uploads = open_with(&options);
        let old = uploads.create(new("old", Some(10))).await.unwrap();
        let new = uploads.create(new("new", Some(10))).await.unwrap();
        drop(uploads);
        let long_ago = SystemTime::now() - Duration::from_secs(200);
        for leaf in [info_leaf(old.id), data_leaf(old.id)] {
            let file = File::options().write(true).open(temp.path().join(".baton").join(leaf));
            file.unwrap().set_modified(long_ago).unwrap();
        }

        let uploads = open_with(&options);
        uploads.sweep(Instant::now()).await;

        let state = |id| uploads.find(id).unwrap().state.get();
        assert_eq!((state(old.id), state(new.id)), (State::Expired, State::Growing));
    });
}

#[test]
fn a_removed_upload_fences_its_append_and_leaves_nothing() {
    let temp = TempDir::new();
    run(async {
        let uploads = open(&temp);
        let upload = uploads.create(new("f", Some(10))).await.unwrap();
        let (turn, file) = uploads.append(&upload, at(0)).await.unwrap();

        uploads.remove(&upload).await.unwrap();

        turn.lost().await;
        let written = turn.write(&file.unwrap(), b"x", Instant::now());
        assert!(matches!(written, Err(WriteError::Fenced)));
        assert_eq!((uploads.count(), work_files(&temp)), (0, 0));
    });
}

#[test]
fn bytes_that_a_failed_sync_may_have_lost_no_longer_count() {
    let temp = TempDir::new();
    run(async {
        let uploads = open_with(&Options { sync: Sync::Always, ..options(&temp) });
        let upload = uploads.create(new("f", Some(10))).await.unwrap();
        append(&uploads, &upload, 0, b"0123").await;
        uploads.settle(&upload).await.unwrap();
        let (turn, file) = uploads.append(&upload, at(4)).await.unwrap();
        turn.write(&file.unwrap(), b"4567", Instant::now()).unwrap();

        uploads.roll_back(&upload, io::ErrorKind::Other.into());

        turn.lost().await;
        assert_eq!(uploads.settle(&upload).await.unwrap(), 4);
        assert_eq!(refused(uploads.append(&upload, at(8)).await), Refused::Offset);
        append(&uploads, &upload, 4, b"456789").await;
        uploads.settle(&upload).await.unwrap();
        assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"0123456789");
    });
}

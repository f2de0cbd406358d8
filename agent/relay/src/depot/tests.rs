//! The depot on a device in memory.

use super::*;
use baton_hal::fake::FakeSegments;

const OPTIONS: DepotOptions = DepotOptions { size: 8 << 20, eviction: Eviction::Refuse, seed: 1 };

fn whose(name: &str) -> Whose {
    Whose { name: name.to_owned(), urgency: 3, ..Whose::default() }
}

/// No two places of it look alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32 / 4 + 1).flat_map(u32::to_le_bytes).take(len).collect()
}

async fn stow(depot: &Depot, name: &str, content: &[u8]) -> Result<u64, ShelfError> {
    let id = depot.begin(whose(name), Vec::new()).await?;
    for piece in content.chunks(PIECE) {
        depot.push(id, &RefCell::new(piece.to_vec())).await?;
    }
    depot.commit(id, [name.len() as u8; 32]).await?;
    Ok(id)
}

async fn next(depot: &Depot, busy: &[u64]) -> Option<Parcel> {
    let busy = busy.to_vec();
    depot.ask(|reply| Job::Next { busy, reply }).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_parcel_is_read_from_any_offset_also_while_what_was_delivered_is_let_go_of() {
    let device = FakeSegments::new(1);
    let depot = Depot::open(device.clone(), OPTIONS).await.unwrap();
    let content = pattern((4 << 20) + 12_345);
    let id = stow(&depot, "a", &content).await.unwrap();
    let parcel = next(&depot, &[]).await.unwrap();
    let check = |offset: usize| {
        let mut buf = [0; 5000];
        let read = parcel.body.read_at(&mut buf, offset as u64).unwrap();
        assert!(read > 0 && buf[..read] == content[offset..offset + read], "at {offset}");
        offset + read
    };

    for offset in [0, 1, PIECE - 1, PIECE, 4 << 20, 100, 3_000_000, 2_999_999, content.len() - 1] {
        check(offset);
    }
    let mut offset = 0;
    while offset < content.len() {
        offset = check(offset);
    }
    assert!(parcel.body.read_at(&mut [0; 1], content.len() as u64).is_err());

    // Another upload needs the room.
    depot.begin(whose("b"), vec![(id, 2 << 20)]).await.unwrap();
    let before = depot.summary().used;
    let whose = Whose { total: Some(5 << 20), ..whose("c") };
    depot.begin(whose, vec![(id, 2 << 20)]).await.unwrap();
    assert!(depot.summary().used < before + (5 << 20), "some of it is gone");
    for offset in [2 << 20, 3 << 20, content.len() - 1, 2 << 20] {
        check(offset);
    }
    assert_eq!(parcel.body.read_at(&mut [0; 1], 0), Err(ShelfError::LetGo(id)));
}

#[tokio::test(flavor = "current_thread")]
async fn clients_that_commit_together_share_a_flush_of_the_folder() {
    let device = FakeSegments::new(1);
    let depot = Depot::open(device, OPTIONS).await.unwrap();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        ids.push(depot.begin(whose(name), Vec::new()).await.unwrap());
    }
    let before = depot.summary().tally.flushes;

    let depot = &depot;
    let commits = ids.iter().map(|id| depot.commit(*id, [0; 32]));
    let mut commits: Vec<_> = commits.map(Box::pin).collect();
    let all = core::future::poll_fn(|context| {
        // All are asked before any answer is waited for.
        commits.retain_mut(|commit| commit.as_mut().poll(context).is_pending());
        if commits.is_empty() { core::task::Poll::Ready(()) } else { core::task::Poll::Pending }
    });
    all.await;

    let flushes = depot.summary().tally.flushes - before;
    assert!((9..16).contains(&flushes), "{flushes} flushes for 8 commits");
    assert_eq!(depot.summary().kept, 8);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_damaged_is_lost_and_said_so_and_the_next_goes_on() {
    let device = FakeSegments::new(1);
    let depot = Depot::open(device.clone(), OPTIONS).await.unwrap();
    let id = stow(&depot, "a", &pattern(100)).await.unwrap();
    let other = stow(&depot, "bb", &pattern(100)).await.unwrap();
    let parcel = next(&depot, &[]).await.unwrap();
    assert_eq!(parcel.chain.id(), id);

    device.damage(baton_core::spool::Position { chain: id, index: 0 }, 120);
    let read = parcel.body.read_at(&mut [0; 8], 0);
    assert_eq!(read, Err(ShelfError::Damaged(id)));
    depot.ask(|reply| Job::Lose { id, cause: Cause::Damaged, reply }).await.unwrap().unwrap();

    assert_eq!(next(&depot, &[]).await.map(|parcel| parcel.chain.id()), Some(other));
    let summary = depot.summary();
    assert_eq!((summary.kept, summary.tally.damaged), (1, 1));
    assert_eq!(summary.losses[0].name, "a");
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_on_its_way_is_not_dropped_under_it() {
    let depot = Depot::open(FakeSegments::new(1), OPTIONS).await.unwrap();
    let id = stow(&depot, "a", &pattern(100)).await.unwrap();
    let way = UnderWay { name: "a".into(), upload: None };
    depot.under_way.borrow_mut().insert(id, way);

    assert_eq!(depot.lose(id, Cause::Dropped).await, Err(ShelfError::UnderWay(id)));
    depot.under_way.borrow_mut().clear();
    assert_eq!(depot.lose(id, Cause::Dropped).await, Ok(()));
    assert_eq!(depot.retry(id).await, Err(ShelfError::NoSuch(id)));
}

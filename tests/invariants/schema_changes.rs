//! The shared tables change under a running worker.

use serde_json::Value;

use crate::support::compare::until;
use crate::support::{World, booking};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_prepared_before_a_change_of_the_schema_are_prepared_anew() {
    const LANES: i32 = 4;
    let world = World::new(LANES).await;
    let mut worker = world.worker();
    // All lanes at once, behind a lock: each prepares its statements on a connection of its own.
    let lock = world.lock_user("ana").await;
    for lane in 0..LANES {
        world.book_all(lane, ["first".to_owned(), "second".to_owned()]).await;
    }
    world.transactions_wait(4).await;
    lock.release().await;
    world.settled().await;
    let change = "ALTER TABLE bookings ALTER booking_id TYPE text, ALTER payment_id TYPE text";
    world.database.batch_execute(change).await.unwrap();
    // One lane alone meets one connection after the other whose statements are stale.
    for round in 1..=5 {
        world.book(&booking("first")).await;
        until("a duplicate to be recorded", async || {
            assert!(worker.exited().is_none(), "the worker ended:\n{}", worker.text());
            world.verdicts(&world.bookings).await.len() == 8 + round
        })
        .await;
    }
    let lines = worker.stop().await;
    let stale = |line: &Value| line["error"].as_str().is_some_and(|error| error.contains("0A000"));
    assert!(lines.iter().any(stale), "no statement was stale");
    let verdicts = world.verdicts(&world.bookings).await;
    let count = |word: &str| verdicts.iter().filter(|verdict| *verdict == word).count();
    assert_eq!((count("accepted"), count("duplicate")), (2, 11), "{verdicts:?}");
}

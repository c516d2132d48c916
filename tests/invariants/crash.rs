//! `kill -9`: at random moments under load, and at the two moments that matter most.

use std::sync::Arc;
use std::time::Duration;

use crate::support::compare::{assert_exact, until};
use crate::support::load::{Load, seed};
use crate::support::proxy::{Cut, Proxy};
use crate::support::{World, booking, stack};

const KILLS: usize = 22;

/// A restart takes its partitions over at once, instead of waiting for the dead member's session to end.
const STATIC_MEMBER: (&str, &str) = ("KAFKA_PROPERTIES", "group.instance.id=crash\nsession.timeout.ms=6000");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_random_moments_loses_and_doubles_nothing() {
    let seed = seed();
    println!("to repeat this run: INVARIANTS_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = Arc::new(World::new(3).await);
    let load = Load::start(&world, seed, 0).await;
    let observer = world.another_connection().await;
    let (mut kills, mut killed_at_work, mut applied) = (0, 0, 0);
    // On a quick machine some workers have nothing left to do when they die: those kills prove little.
    while kills < KILLS || (killed_at_work < KILLS / 2 && kills < 3 * KILLS) {
        kills += 1;
        load.more(40);
        // Small batches: many moments at which something is half done.
        let batch = random.usize(1..25).to_string();
        let mut worker = world.worker_with(&[STATIC_MEMBER, ("BATCH_MAX_RECORDS", &batch)]);
        // Every fourth dies while it starts.
        if kills % 4 > 0 {
            until("the worker to apply records", async || world.applied().await > applied).await;
            world.assert_no_offset_leads(&observer).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..250))).await;
        assert!(worker.exited().is_none(), "it ended by itself:\n{}", worker.text());
        worker.kill().await;
        let (now, produced) = (world.applied().await, world.produced().await);
        killed_at_work += usize::from(applied < now && now < produced);
        applied = now;
        world.assert_no_offset_leads(&observer).await;
    }
    let sent = load.stop().await;
    assert!(killed_at_work >= KILLS / 2, "only {killed_at_work} kills met a worker at work");
    let worker = world.worker_with(&[STATIC_MEMBER]);
    world.settled().await;
    assert_exact(&world, &sent).await;
    worker.stop().await;
    println!(
        "{} records, {applied} applied under {kills} kills, {killed_at_work} of them at work",
        sent.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_in_mid_transaction_leaves_nothing_of_its_batch() {
    let world = World::new(1).await;
    let lock = world.lock_user("ana").await;
    world.book(&booking("b1")).await;
    world.book(&booking("b1")).await;
    let mut worker = world.worker_with(&[STATIC_MEMBER]);
    world.transactions_wait(1).await;
    worker.kill().await;
    lock.release().await;
    world.connections_end().await;
    assert_eq!((world.applied().await, world.ledger().await), (0, vec![]));
    let worker = world.worker_with(&[STATIC_MEMBER]);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted", "duplicate"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_between_commit_and_its_answer_applies_nothing_again() {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let settings = [STATIC_MEMBER, ("DB_PORT", &*proxy.port())];
    let mut worker = world.worker_with(&settings);
    world.book(&booking("b1")).await;
    world.settled().await;
    proxy.cut_and_stay_down(Cut::Answer);
    world.book(&booking("b2")).await;
    until("the answer to be cut off", async || proxy.cuts() == 1).await;
    worker.kill().await;
    assert!(!worker.text().contains("\"bookingId\":\"b2\""), "it knew:\n{}", worker.text());
    proxy.up();
    let worker = world.worker_with(&settings);
    world.book(&booking("b3")).await;
    world.settled().await;
    // Applied again, b2 would be a duplicate of itself, or the ledger's key would stop the worker.
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3]);
    let lines = worker.stop().await;
    assert!(lines.iter().all(|line| line["bookingId"] != "b2"), "{lines:#?}");
}

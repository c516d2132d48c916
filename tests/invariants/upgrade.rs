//! A release: two builds of the worker side by side on one schema, each taking over from the other under load.
//!
//! `UPGRADE_FROM` is another build's binary (`make upgrade`); without it both are this one, and what is shown is
//! the taking over alone.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stack::Signal;

use crate::support::compare::assert_exact;
use crate::support::load::{Load, seed};
use crate::support::{Stop, Worker, World, booking, eventually};

const GRACE: Duration = Duration::from_secs(35);

/// As on Kubernetes: a Job migrates.
const MIGRATED: (&str, &str) = ("MIGRATE_ON_START", "false");

fn this_build() -> PathBuf {
    env!("CARGO_BIN_EXE_worker").into()
}

fn other_build() -> PathBuf {
    env::var_os("UPGRADE_FROM").map_or_else(this_build, PathBuf::from)
}

/// Lets the load flow until the story is over.
async fn flow(load: &Load, stop: &Stop) {
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    while !stop.is_set() {
        pace.tick().await;
        load.more(1);
    }
}

/// Replaces one worker after the other, as a rolling update with a surge of one does: the new one has its share, and
/// only then the old one leaves.
async fn roll(world: &World, mut workers: Vec<Worker>, build: &Path) -> Vec<Worker> {
    for _ in 0..workers.len() {
        let mut leaves = workers.remove(0);
        let mut comes = world.worker_of(build, &[MIGRATED]);
        let all: Vec<&Worker> = workers.iter().chain([&leaves, &comes]).collect();
        world.shared_among(&all).await;
        comes.applies().await;
        leaves.signal(Signal::TERM);
        assert_eq!(leaves.ended_within(GRACE).await.code(), Some(0), "{}", leaves.text());
        workers.push(comes);
        world.shared_among(&workers.iter().collect::<Vec<_>>()).await;
    }
    workers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_applied_once_while_one_build_takes_over_from_another_and_back() {
    let seed = seed();
    println!("to repeat this run: INVARIANTS_SEED={seed}");
    let world = Arc::new(World::new(6).await);
    let load = Load::start(&world, seed, 20).await;
    let (this, other) = (this_build(), other_build());
    let stop = Stop::default();
    let story = async {
        let mut workers: Vec<Worker> = (0..2).map(|_| world.worker_of(&other, &[MIGRATED])).collect();
        world.shared_among(&workers.iter().collect::<Vec<_>>()).await;
        for worker in &mut workers {
            worker.applies().await;
        }
        let workers = roll(&world, workers, &this).await;
        let workers = roll(&world, workers, &other).await;
        let workers = roll(&world, workers, &this).await;
        stop.set();
        workers
    };
    let (compared, (), workers) = tokio::join!(world.watch_kafkas_offset(&stop), flow(&load, &stop), story);
    let sent = load.stop().await;
    world.settled().await;
    assert_exact(&world, &sent).await;
    assert!(compared > 0, "Kafka's offset was never looked at");
    let verified = world.command(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
    for worker in workers {
        worker.stop().await;
    }
    println!("{} records applied once across three takeovers", sent.len());
}

/// What a release after this one may bring before its binary comes: a migration that only adds.
const NEXT_SCHEMA: &str = "
    ALTER TABLE public.bookings ADD COLUMN channel text;
    ALTER TABLE worker.ledger ADD COLUMN next_release text;
    ALTER TABLE worker.held ADD COLUMN next_release text;
    ALTER TABLE worker.positions ADD COLUMN next_release text;
    CREATE TABLE worker.next_release (id bigint PRIMARY KEY);
    INSERT INTO worker.schema_history (version, name, applied_on, checksum)
    VALUES (99, 'next_release', '2030-01-01T00:00:00Z', '1');";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_under_a_schema_that_is_newer_and_can_be_restarted_where_a_job_migrates() {
    let world = World::new(1).await;
    let mut running = world.worker_with(&[MIGRATED]);
    world.book(&booking("before")).await;
    running.applies().await;
    world.database.batch_execute(NEXT_SCHEMA).await.unwrap();
    world.book(&booking("after")).await;
    world.settled().await;
    running.kill().await;

    let mut again = world.worker_with(&[MIGRATED]);
    world.book(&booking("restarted")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3]);
    assert!(again.exited().is_none());
    again.stop().await;

    let mut refused = world.worker();
    let status = refused.ended_within(GRACE).await;
    assert_eq!(status.code(), Some(1), "{}", refused.text());
    assert!(refused.text().contains("the database is newer than this worker"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_came_before_its_migration_ends_harms_nothing_and_works_once_it_is_there() {
    let world = World::new(1).await;
    world.database.batch_execute("ALTER TABLE worker.positions RENAME TO not_yet").await.unwrap();
    world.book(&booking("waits")).await;
    let mut early = world.worker_with(&[MIGRATED]);
    let status = early.ended_within(GRACE).await;
    assert_eq!(status.code(), Some(1), "{}", early.text());
    world.database.batch_execute("ALTER TABLE worker.not_yet RENAME TO positions").await.unwrap();
    let worker = world.worker_with(&[MIGRATED]);
    eventually("the booking", async || Ok::<_, ()>((world.bookings_made().await == 1).then_some(()))).await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    worker.stop().await;
}

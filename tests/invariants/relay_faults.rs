//! The relay killed, taken over, held up, and without Kafka: no event is missing, and none overtakes another.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::compare::until;
use crate::support::servers::{OwnKafka, OwnPostgres};
use crate::support::{World, booking};

const BEGINS: &str = "relay begins: this worker publishes its group's outcomes";
const WAITS: &str =
    "Kafka does not take status events and dead letters; they wait in the ledger until this passes";
const GOES_ON: &str = "status events and dead letters are published again";

/// The ids of all status events, in their order.
async fn ids(world: &World) -> Vec<String> {
    world.status_events().await.iter().map(crate::support::Published::id).collect()
}

/// How many sessions of relays there are that are in this state.
async fn relays(world: &World, state: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'worker relay' AND {state}"
    );
    world.database.query_one(&sql, &[]).await.unwrap().get(0)
}

/// Waits until the relay has looked at the database several times.
async fn relay_looks(world: &World) {
    let sql = "SELECT max(query_start)::text FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'worker relay'";
    let mut seen = BTreeSet::new();
    until("the relay to look", async || {
        let row = world.database.query_one(sql, &[]).await.unwrap();
        seen.extend(row.get::<_, Option<String>>(0));
        seen.len() > 10
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_killed_between_publishing_and_its_cursor_leaves_nothing_out_and_repeats_by_the_same_id() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book(&booking("b1")).await;
    world.settled().await;
    world.all_published().await;
    let blocker = world.another_connection().await;
    blocker.batch_execute("BEGIN; SELECT FROM worker.relay FOR UPDATE").await.unwrap();
    world.book(&booking("b2")).await;
    world.book(&booking("b3")).await;
    // It moves the cursor only after Kafka has acknowledged.
    until("the cursor to wait", async || relays(&world, "wait_event_type = 'Lock'").await == 1).await;
    let before = ids(&world).await;
    assert!(before.len() > 1, "{before:?}");
    worker.kill().await;
    until("the server to notice", async || relays(&world, "true").await == 0).await;
    blocker.batch_execute("COMMIT").await.unwrap();

    let worker = world.worker();
    world.book(&booking("b4")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let after = ids(&world).await;
    let expected: Vec<String> =
        (0..4).map(|offset| format!("{}/{}/0/{offset}/0", world.group, world.bookings)).collect();
    let distinct: BTreeSet<&String> = after.iter().collect();
    assert_eq!(distinct.into_iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert_eq!(after[..before.len()], before);
    assert_eq!(after[before.len()], before[1], "what was published without its cursor is published again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_relays_and_another_takes_over_within_seconds_of_its_death() {
    let world = World::new(1).await;
    let mut first = world.worker();
    first.said(BEGINS).await;
    let mut second = world.worker();
    until("the second relay to wait for its turn", async || relays(&world, "true").await == 2).await;
    let one = world.record_by_hand(&world.database, 1, "b1").await;
    world.all_published().await;
    relay_looks(&world).await;
    assert!(second.lines_with(BEGINS).is_empty(), "two relays at work");
    first.kill().await;
    let killed = Instant::now();
    let two = world.record_by_hand(&world.database, 2, "b2").await;
    second.said(BEGINS).await;
    world.all_published().await;
    assert!(killed.elapsed() < Duration::from_secs(30), "it took {:?}", killed.elapsed());
    assert_eq!(ids(&world).await, [one, two]);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_whose_connection_is_killed_begins_again_where_it_was() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let mut expected = Vec::new();
    for offset in 0..5 {
        until("a relay to be at work", async || worker.lines_with(BEGINS).len() > offset).await;
        expected.push(world.record_by_hand(&world.database, i64::try_from(offset).unwrap(), "b1").await);
        world.all_published().await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND application_name = 'worker relay'";
        world.database.execute(kill, &[]).await.unwrap();
    }
    assert!(worker.exited().is_none(), "{}", worker.text());
    worker.stop().await;
    assert_eq!(ids(&world).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_slips_behind_what_is_published() {
    let world = World::new(1).await;
    let worker = world.worker();
    let late = world.another_connection().await;
    for (round, ending) in (0..).zip(["COMMIT", "ROLLBACK", "COMMIT"]) {
        let before = ids(&world).await;
        late.batch_execute("BEGIN").await.unwrap();
        let first = world.record_by_hand(&late, round * 2, "late").await;
        let second = world.record_by_hand(&world.database, round * 2 + 1, "early").await;
        relay_looks(&world).await;
        assert_eq!(ids(&world).await, before, "the later number was published first");
        late.batch_execute(ending).await.unwrap();
        world.all_published().await;
        until("both to be published", async || ids(&world).await.contains(&second)).await;
        let expected = if ending == "COMMIT" { vec![first, second] } else { vec![second] };
        assert_eq!(ids(&world).await, [before, expected].concat());
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_does_not_write_to_the_ledger_holds_up_nothing() {
    let world = World::new(1).await;
    let worker = world.worker();
    let long = world.another_connection().await;
    long.batch_execute(
        "BEGIN; UPDATE users SET name = 'Anna' WHERE username = 'carl'; SELECT FROM worker.ledger",
    )
    .await
    .unwrap();
    world.book(&booking("b1")).await;
    world.settled().await;
    world.all_published().await;
    assert_eq!(ids(&world).await.len(), 1);
    long.batch_execute("COMMIT").await.unwrap();
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_transaction_is_waited_for_under_its_new_name() {
    let own = OwnPostgres::with(&[("max_prepared_transactions", "2")]).await;
    let world = own.world(1).await;
    let worker = world.worker();
    let late = own.postgres.connect(&world.database_name).await.unwrap();
    late.batch_execute("BEGIN").await.unwrap();
    let first = world.record_by_hand(&late, 0, "late").await;
    let second = world.record_by_hand(&world.database, 1, "early").await;
    relay_looks(&world).await;
    late.batch_execute("PREPARE TRANSACTION 'late'").await.unwrap();
    relay_looks(&world).await;
    assert_eq!(ids(&world).await, Vec::<String>::new());
    late.batch_execute("COMMIT PREPARED 'late'").await.unwrap();
    world.all_published().await;
    assert_eq!(ids(&world).await, [first, second]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_for_kafka_and_that_is_said_once() {
    let mut own = OwnKafka::start().await;
    let world = own.world(1).await;
    let mut worker = world.worker();
    world.book(&booking("b1")).await;
    world.settled().await;
    world.all_published().await;
    let mut expected = ids(&world).await;
    assert_eq!(expected.len(), 1);
    own.kafka.stop().await.unwrap();
    for offset in 0..3 {
        expected.push(world.record_by_hand(&world.database, offset, "b1").await);
    }
    worker.said(WAITS).await;
    own.kafka.start_again().await.unwrap();
    worker.said(GOES_ON).await;
    world.all_published().await;
    let found = ids(&world).await;
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct, expected.iter().collect());
    let lines = worker.stop().await;
    for message in [WAITS, GOES_ON] {
        assert_eq!(lines.iter().filter(|line| line["msg"] == message).count(), 1, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_begins_with_its_own_first_row_among_those_of_others() {
    let world = World::new(1).await;
    let others = "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome, announcement) \
                  SELECT 'other', 'by-hand', 0, number, 'b', 'accepted', '{}' FROM generate_series(1, $1::bigint) AS number";
    world.database.execute(others, &[&250_000_i64]).await.unwrap();
    let one = world.record_by_hand(&world.database, 1, "b1").await;
    let sql = "SELECT sequence FROM worker.ledger WHERE group_id = $1";
    let first: i64 = world.database.query_one(sql, &[&world.group]).await.unwrap().get(0);
    let two = world.record_by_hand(&world.database, 2, "b2").await;
    let blocker = world.another_connection().await;
    blocker.batch_execute("BEGIN; LOCK TABLE worker.relay IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    let worker = world.worker();
    until("the cursor to begin", async || relays(&world, "wait_event_type = 'Lock'").await == 1).await;
    blocker.batch_execute("COMMIT").await.unwrap();
    world.all_published().await;
    assert_eq!(ids(&world).await, [one, two]);
    worker.stop().await;
    let sql = "SELECT published_sequence FROM worker.relay WHERE group_id = $1";
    let published: i64 = world.database.query_one(sql, &[&world.group]).await.unwrap().get(0);
    assert_eq!(published, first + 1);
}

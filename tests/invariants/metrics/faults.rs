//! Faults that are waited out, each by its kind.

use stack::StopMode;

use crate::support::compare::until;
use crate::support::metrics::Scrape;
use crate::support::proxy::{Cut, Proxy};
use crate::support::servers::OwnPostgres;
use crate::support::{Worker, World, booking, eventually, stack};

fn retries(scrape: &Scrape, fault: &str) -> f64 {
    scrape
        .get("worker_retries_total", &[("fault", fault)])
        .unwrap_or_else(|| panic!("{fault}: {}", scrape.text))
}

fn failures(scrape: &Scrape, operation: &str) -> f64 {
    scrape.count("worker_db_operations_total", &[("operation", operation), ("result", "failure")])
}

async fn counted(worker: &mut Worker, fault: &str) -> Scrape {
    worker.metrics_until(&format!("{fault} to be counted"), |scrape| retries(scrape, fault) >= 1.0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_fault_begins_at_zero() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let scrape = worker.metrics().await;
    for fault in worker::fault::WORDS {
        assert_eq!(retries(&scrape, fault), 0.0, "{fault}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_or_takes_no_writes_is_seen() {
    let mut own = OwnPostgres::start().await;
    let mut world = own.world(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
    world.book(&booking("first")).await;
    world.settled().await;
    let set = async |value: &str| {
        let statement = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        world.database.batch_execute(&statement).await.unwrap();
        world.database.execute("SELECT pg_reload_conf()", &[]).await.unwrap();
        until("the setting to count", async || {
            let row = world.database.query_one("SHOW default_transaction_read_only", &[]).await.unwrap();
            row.get::<_, &str>(0) == value
        })
        .await;
    };
    set("on").await;
    world.book(&booking("second")).await;
    counted(&mut worker, "read_only").await;
    set("off").await;
    world.settled().await;

    own.postgres.stop(StopMode::Immediate).await.unwrap();
    world.book(&booking("third")).await;
    let topic = [("topic", &*world.bookings), ("state", "paused")];
    worker
        .metrics_until("the lane to pause, and its connections to fail", |scrape| {
            retries(scrape, "connection") >= 1.0
                && failures(scrape, "connection") >= 1.0
                && scrape.count("worker_lane_state", &topic) == 1.0
        })
        .await;
    own.postgres.start_again().await.unwrap();
    world.database = own.postgres.connect(&world.database_name).await.unwrap();
    world.settled().await;
    worker
        .metrics_until("the lane to have gone on", |scrape| scrape.count("worker_lane_state", &topic) == 0.0)
        .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_and_cancelled_statements_are_seen() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let lock = world.lock_ledger().await;
    world.book(&booking("one")).await;
    let waiting = world.transactions_wait(1).await;
    world.database.execute("SELECT pg_cancel_backend($1)", &[&waiting[0]]).await.unwrap();
    counted(&mut worker, "timeout").await;
    let scrape = counted(&mut worker, "lock").await;
    assert!(failures(&scrape, "ledger_insert") >= 2.0, "{}", scrape.text);
    lock.release().await;
    world.settled().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_are_seen() {
    let world = World::new(1).await;
    let patience = format!("ALTER DATABASE {} SET deadlock_timeout = '3s'", world.database_name);
    world.database.batch_execute(&patience).await.unwrap();
    let other = world.another_connection().await;
    // The worker looks for a deadlock once, three seconds after it began to wait, this session never: the worker is the
    // victim. Should this session be too late for that look, the next booking is another chance.
    other.batch_execute("SET deadlock_timeout = '10min'").await.unwrap();
    let mut worker = world.worker();
    let mut bookings = 0;
    eventually("a deadlock to be counted", async || {
        bookings += 1;
        let id = format!("b{bookings}");
        other.batch_execute("BEGIN; SELECT FROM rooms WHERE id = 1 FOR UPDATE").await.unwrap();
        world.book(&booking(&id)).await;
        // It has inserted the booking and waits for its room; this session waits for the booking's id.
        world.transactions_wait(1).await;
        let same = format!(
            "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
             VALUES ('{id}', 1, 1, 1, '2027-01-01', '2027-01-02')"
        );
        other.batch_execute(&same).await.unwrap();
        other.batch_execute("ROLLBACK").await.unwrap();
        // A fault is counted before the next try.
        world.settled().await;
        let seen = retries(&worker.metrics().await, "conflict") >= 1.0;
        if seen { Ok(Some(())) } else { Err(format!("not with {bookings} bookings")) }
    })
    .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_without_an_answer_are_seen() {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let mut worker = world.worker_with(&[("DB_PORT", &proxy.port())]);
    world.book(&booking("one")).await;
    world.settled().await;
    proxy.cut(Cut::Answer);
    world.book(&booking("two")).await;
    let scrape = counted(&mut worker, "commit_unknown").await;
    assert_eq!(failures(&scrape, "commit"), 1.0, "{}", scrape.text);
    world.settled().await;
    let topic = [("topic", &*world.bookings), ("outcome", "accepted")];
    worker
        .metrics_until("what was committed to be counted all the same", |scrape| {
            scrape.count("worker_events_processed_total", &topic) == 2.0
        })
        .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_no_longer_fit_are_seen() {
    let world = World::new(1).await;
    // The connection that has prepared them is the one that is used again.
    let mut worker = world.worker_with(&[("DB_POOL_SIZE", "1")]);
    world.book(&booking("one")).await;
    world.settled().await;
    world.book(&booking("one")).await;
    world.settled().await;
    let change = "ALTER TABLE bookings ALTER booking_id TYPE text, ALTER payment_id TYPE text";
    world.database.batch_execute(change).await.unwrap();
    world.book(&booking("one")).await;
    counted(&mut worker, "stale_statement").await;
    world.settled().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_cannot_be_written_is_seen() {
    let world = World::new(1).await;
    // Kafka refuses two topics whose names differ in `.` and `_` alone.
    world.admin().create_topic(&format!("{}.taken", world.status), 1, &[]).await.unwrap();
    let mut worker = world.worker_with(&[("KAFKA_STATUS_TOPIC", &format!("{}_taken", world.status))]);
    world.book(&booking("one")).await;
    counted(&mut worker, "kafka").await;
    worker.stop().await;
}

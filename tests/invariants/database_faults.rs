//! PostgreSQL stopped, broken or not there: the worker waits, says so once, and goes on by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use stack::{Signal, StopMode};

use crate::support::compare::{assert_exact, assert_logged_once, until};
use crate::support::load::Load;
use crate::support::servers::OwnPostgres;
use crate::support::{World, booking};

const PAUSED: &str = "lane paused; it retries until this passes, and nothing is lost";
const RESUMED: &str = "lane resumed";
const WAITING: &str = "waiting for PostgreSQL";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_under_load_loses_and_doubles_nothing() {
    const OUTAGES: [StopMode; 3] = [StopMode::Immediate, StopMode::Fast, StopMode::Immediate];
    let mut own = OwnPostgres::start().await;
    let world = Arc::new(own.world(2).await);
    let load = Load::start(&world, 11, 0).await;
    let mut worker = world.worker_with(&[("BATCH_MAX_RECORDS", "50")]);
    for mode in OUTAGES {
        let database = own.postgres.connect(&world.database_name).await.unwrap();
        let applied = async || {
            let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM worker.positions";
            database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
        };
        let before = applied().await;
        load.more(10);
        until("records to be applied", async || applied().await > before).await;
        let pauses = worker.lines_with(PAUSED).len();
        own.postgres.stop(mode).await.unwrap();
        load.more(10);
        until("the worker to notice", async || worker.lines_with(PAUSED).len() > pauses).await;
        assert!(worker.exited().is_none(), "{}", worker.text());
        own.postgres.start_again().await.unwrap();
    }
    let sent = load.stop().await;
    let mut world = Arc::into_inner(world).unwrap();
    world.database = own.postgres.connect(&world.database_name).await.unwrap();
    world.settled().await;
    assert_exact(&world, &sent).await;
    let lines = worker.stop().await;
    assert_logged_once(&world, &lines, &sent).await;
    assert_pauses_in_pairs(&lines, OUTAGES.len());
}

/// Each lane says once that it pauses and once that it goes on, at most once an outage.
fn assert_pauses_in_pairs(lines: &[Value], outages: usize) {
    let mut said = BTreeMap::<String, Vec<&str>>::new();
    for line in lines.iter().filter(|line| line["msg"] == PAUSED || line["msg"] == RESUMED) {
        let lane = format!("{}/{}", line["topic"], line["partition"]);
        said.entry(lane).or_default().push(line["msg"].as_str().unwrap());
    }
    assert!(!said.is_empty());
    for (lane, said) in said {
        assert!(said.chunks(2).all(|pair| pair == [PAUSED, RESUMED]), "{lane}: {said:?}");
        assert!(said.len() <= outages * 2, "{lane}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_killed_in_mid_transaction_lose_and_double_nothing() {
    const SLOW: &str = "
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END';
        CREATE TRIGGER slow AFTER INSERT ON worker.ledger FOR EACH STATEMENT EXECUTE FUNCTION slow();";
    const TERMINATE: &str = "
        SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'worker' AND xact_start IS NOT NULL";
    let world = Arc::new(World::new(2).await);
    world.database.batch_execute(SLOW).await.unwrap();
    let load = Load::start(&world, 13, 0).await;
    let worker = world.worker_with(&[("BATCH_MAX_RECORDS", "20")]);
    let mut killed = 0;
    while killed < 40 {
        let applied = world.applied().await;
        load.more(2);
        until("records to be applied", async || world.applied().await > applied).await;
        let row = world.database.query_one(TERMINATE, &[]).await.unwrap();
        killed += row.get::<_, i64>(0);
    }
    let sent = load.stop().await;
    world.settled().await;
    assert_exact(&world, &sent).await;
    let lines = worker.stop().await;
    assert_logged_once(&world, &lines, &sent).await;
    let said = |line: &Value| line["msg"] == PAUSED && line["error"].as_str().unwrap().contains("57P01");
    assert!(lines.iter().any(said), "no lane met a killed connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_waited_out_and_makes_nothing_dead() {
    let own = OwnPostgres::start().await;
    let world = own.world(1).await;
    let mut worker = world.worker();
    world.book(&booking("b1")).await;
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
    world.book(&booking("b2")).await;
    let line = worker.said(PAUSED).await;
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("25006") || error.contains("does not allow writes"), "{line}");
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    set("off").await;
    worker.said(RESUMED).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_at_start_is_waited_for() {
    let mut own = OwnPostgres::start().await;
    let mut world = own.world(1).await;
    world.book(&booking("b1")).await;
    own.postgres.stop(StopMode::Fast).await.unwrap();

    let mut impatient = world.worker();
    impatient.said(WAITING).await;
    impatient.signal(Signal::TERM);
    let status = impatient.ended_within(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}:\n{}", impatient.text());

    let mut worker = world.worker();
    worker.said(WAITING).await;
    own.postgres.start_again().await.unwrap();
    worker.said("PostgreSQL answers").await;
    world.database = own.postgres.connect(&world.database_name).await.unwrap();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    let lines = worker.stop().await;
    assert_eq!(lines.iter().filter(|line| line["msg"] == WAITING).count(), 1, "{lines:#?}");
}

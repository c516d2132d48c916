//! Kafka stopped, killed or not there: the worker waits, says so once, and goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use stack::Signal;

use crate::support::booking;
use crate::support::compare::{assert_exact, assert_logged_once, until};
use crate::support::load::Load;
use crate::support::servers::OwnKafka;

const WAITING: &str = "waiting for Kafka";
const ANSWERS: &str = "Kafka answers";

/// Waits less than by default between two tries to connect, and for the session of a member that is gone.
const QUICK: (&str, &str) =
    ("KAFKA_PROPERTIES", "reconnect.backoff.max.ms=500\nsession.timeout.ms=2000\nheartbeat.interval.ms=300");

/// Whoever is in the group stays there until it leaves, however busy the machine is.
const PATIENT: (&str, &str) = ("KAFKA_PROPERTIES", "session.timeout.ms=30000");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_under_load_loses_and_doubles_nothing() {
    let mut own = OwnKafka::start().await;
    let world = Arc::new(own.world(2).await);
    let load = Load::start(&world, 19, 0).await;
    let mut worker = world.worker_with(&[QUICK, ("BATCH_MAX_RECORDS", "50")]);
    for (outage, killed) in [false, true].into_iter().enumerate() {
        let applied = world.applied().await;
        load.more(10);
        until("records to be applied", async || world.applied().await > applied).await;
        if killed {
            own.kafka.kill().await.unwrap();
        } else {
            own.kafka.stop().await.unwrap();
        }
        load.more(10);
        until("the worker to notice", async || worker.lines_with(WAITING).len() > outage).await;
        assert!(worker.exited().is_none(), "{}", worker.text());
        own.kafka.start_again().await.unwrap();
        until("the worker to go on", async || worker.lines_with(ANSWERS).len() > outage).await;
    }
    let sent = load.stop().await;
    world.settled().await;
    assert_exact(&world, &sent).await;
    let lines = worker.stop().await;
    assert_logged_once(&world, &lines, &sent).await;
    for message in [WAITING, ANSWERS] {
        assert_eq!(lines.iter().filter(|line| line["msg"] == message).count(), 2, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_at_start_is_waited_for() {
    let mut own = OwnKafka::start().await;
    let world = own.world(1).await;
    world.book(&booking("b1")).await;
    own.kafka.stop().await.unwrap();

    let mut impatient = world.worker_with(&[QUICK]);
    impatient.said(WAITING).await;
    impatient.signal(Signal::TERM);
    // Its grace is as long: one that hangs ends later.
    let status = impatient.ended_within(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}:\n{}", impatient.text());

    let mut worker = world.worker_with(&[QUICK]);
    worker.said(WAITING).await;
    own.kafka.start_again().await.unwrap();
    worker.said(ANSWERS).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    let lines = worker.stop().await;
    assert_eq!(lines.iter().filter(|line| line["msg"] == WAITING).count(), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_brokers_are_away_ends_in_time_when_asked() {
    const GRACE: Duration = Duration::from_secs(5);
    let mut own = OwnKafka::start().await;
    let world = own.world(2).await;
    let mut worker = world.worker_with(&[QUICK, ("SHUTDOWN_GRACE", "5s")]);
    for number in 0..20 {
        world.book(&booking(&format!("b{number}"))).await;
    }
    world.settled().await;
    own.kafka.kill().await.unwrap();
    worker.said(WAITING).await;
    worker.signal(Signal::TERM);
    // The default grace is as long as this: what ends in it has heeded its own.
    let status = worker.ended_within(GRACE * 6).await;
    assert!(status.success(), "{status}:\n{}", worker.text());

    own.kafka.start_again().await.unwrap();
    let worker = world.worker_with(&[QUICK]);
    world.book(&booking("b20")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 21]);
    world.assert_positions_at_the_end().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_kafka_refuses_says_why_and_goes_on_when_it_may() {
    let own = OwnKafka::with(&[("group.max.size", "1")]).await;
    let world = own.world(1).await;
    let mut first = world.worker_with(&[PATIENT]);
    first.said("lane begins").await;
    let mut second = world.worker_with(&[PATIENT]);
    let line = second.said("Kafka reports an error; the worker goes on trying").await;
    assert!(line["error"].as_str().unwrap().contains("GroupMaxSizeReached"), "{line}");
    first.stop().await;
    world.book(&booking("b1")).await;
    world.settled().await;
    second.stop().await;
}

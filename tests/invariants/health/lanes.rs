//! Lanes that pause, wait for a person, or are wedged; and what `/health/detailed` says of them.

use serde_json::{Value, json};

use crate::support::compare::until;
use crate::support::proxy::{Cut, Proxy};
use crate::support::{Message, World, booking, booking_of, cancellation, eventually, names, stack};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_behind_a_lock_makes_the_worker_unready_and_restarts_nobody() {
    let world = World::new(2).await;
    // One connection: while the lane has it, nobody but the probe reaches the database.
    let mut worker = world.worker_with(&[("LANE_STALL_LIMIT", "30s"), ("DB_POOL_SIZE", "1")]);
    worker.is_ready().await;
    let lock = world.lock_user("bo").await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "locked")]).await;
    world.transactions_wait(1).await;
    let answer = worker.is_unready(&["lane_paused"]).await;
    let reason = &answer.json()["reasons"][0];
    assert_eq!(
        (&reason["topic"], &reason["partition"]),
        (&world.bookings.as_str().into(), &0.into()),
        "{reason}"
    );
    assert!(reason["message"].as_str().unwrap().contains("55P03"), "{reason}");
    let lane = lane(&worker.get("/health/detailed").await.json(), &world.bookings, 0);
    assert!(lane["lastError"]["message"].as_str().unwrap().contains("55P03"), "{lane}");
    assert!(lane["oldestUnappliedSeconds"].as_f64().unwrap() > 10.0, "{lane}");
    worker.lives().await;
    lock.release().await;
    worker.is_ready().await;
    world.settled().await;
    worker.stop().await;
}

fn lane(report: &Value, topic: &str, partition: i32) -> Value {
    let lanes = report["lanes"].as_array().unwrap();
    lanes.iter().find(|lane| lane["topic"] == topic && lane["partition"] == partition).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_past_its_limit_of_dead_records_makes_the_worker_unready_until_a_person_goes_on() {
    let world = World::new(1).await;
    let poison: Vec<Message> = (0..7).map(|_| Message::bytes("{").key("poison")).collect();
    world.produce_all(&world.bookings, &poison).await;
    let mut worker = world.worker_with(&[("DEAD_LIMIT_RUN", "5")]);
    let answer = worker.is_unready(&["lane_past_dead_limit"]).await;
    let advice = format!("worker held accept {} 0", world.bookings);
    assert!(answer.body.contains(&advice), "{answer:?}");
    worker.lives().await;
    world.command_text(&["held", "accept", &world.bookings, "0"]).await;
    worker.is_ready().await;
    world.settled().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_whose_topic_was_recreated_makes_the_worker_unready() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book_all(0, names("old", 5)).await;
    world.settled().await;
    worker.stop().await;
    world.admin().delete_topic(&world.bookings).await.unwrap();
    world.admin().create_topic(&world.bookings, 1, &[]).await.unwrap();
    let mut worker = world.worker();
    let answer = worker.is_unready(&["lane_halted"]).await;
    assert_eq!(answer.json()["reasons"][0]["topic"], world.bookings.as_str(), "{answer:?}");
    worker.lives().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wedged_lane_is_named_by_life_itself_and_a_restart_mends_it() {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let settings = [("DB_PORT", &*proxy.port()), ("LANE_STALL_LIMIT", "30s")]
        .map(|(name, value)| (name, value.to_owned()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut worker = world.worker_with(&settings);
    world.book(&booking("first")).await;
    world.settled().await;
    worker.is_ready().await;
    proxy.cut(Cut::Silence);
    world.book(&booking("stuck")).await;
    until("a COMMIT to be lost", async || proxy.cuts() == 1).await;
    worker.lives().await;
    let answer = worker
        .get_until("/health/live", "the worker to say that it is wedged", |answer| answer.status == 503)
        .await;
    assert_eq!(answer.reasons(), ["lane_stalled"]);
    let reason = &answer.json()["reasons"][0];
    assert_eq!(
        (&answer.json()["live"], &reason["topic"]),
        (&json!(false), &json!(world.bookings)),
        "{reason}"
    );
    assert_eq!(reason["partition"], 0);
    let message = reason["message"].as_str().unwrap();
    assert!(message.contains("its oldest unapplied record is 3"), "{message}");
    worker.is_unready(&["lane_stalled"]).await;

    worker.kill().await;
    proxy.down();
    world.connections_end().await;
    proxy.up();
    let mut worker = world.worker_with(&settings);
    world.settled().await;
    worker.is_ready().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_lets_older_records_of_others_go_first_is_not_taken_for_wedged() {
    const SLOW: &str = "
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END';
        CREATE TRIGGER slow AFTER INSERT ON worker.ledger FOR EACH STATEMENT EXECUTE FUNCTION slow();";
    let world = World::new(1).await;
    world.database.batch_execute(SLOW).await.unwrap();
    // Long ago, so that it is a backlog.
    let old = 1_700_000_000_000;
    let bookings: Vec<Message> = (0..400)
        .map(|number| Message::event(&booking(&format!("b{number}"))).timestamp(old + number))
        .collect();
    world.produce_all(&world.bookings, &bookings).await;
    // Many, of bookings that nobody makes: where the machine stands still for a moment, the bookings' lane is not
    // waited for, and one after the other gets through.
    let later: Vec<Message> = (0..100)
        .map(|number| {
            Message::event(&cancellation(&format!("nobody-{number}"), "ana")).timestamp(old + 10_000 + number)
        })
        .collect();
    world.produce_all(&world.cancellations, &later).await;
    let mut worker = world.worker_with(&[("BATCH_MAX_RECORDS", "1")]);
    eventually("the cancellations to wait for the bookings, without standing still", async || {
        let report = worker.get("/health/detailed").await.json();
        let lanes = report["lanes"].as_array().unwrap();
        let seconds = |lane: &Value, name: &str| lane[name].as_f64().unwrap();
        // It says each second that it is alive. One that did not would stand still for as long as it waits.
        let waits = lanes.iter().any(|lane| {
            lane["topic"] == world.cancellations
                && lane["state"] == "waiting"
                && seconds(lane, "stateSeconds") > 5.0
                && seconds(lane, "stillSeconds") < 3.0
        });
        if waits { Ok(Some(())) } else { Err(report["lanes"].clone()) }
    })
    .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_tells_each_lane_and_nothing_of_its_records() {
    let world = World::new(2).await;
    let mut worker = world.worker_with(&[("DB_POOL_SIZE", "3")]);
    world.book_all(1, names("guest", 5)).await;
    world.settled().await;
    worker.is_ready().await;
    let report = eventually("the lane to rest", async || {
        let report = worker.get("/health/detailed").await.json();
        let at_rest = lane(&report, &world.bookings, 1)["state"] == "idle";
        Ok::<_, ()>(at_rest.then_some(report))
    })
    .await;
    let shown = lane(&report, &world.bookings, 1);
    assert_eq!((&shown["position"], &shown["lastError"]), (&json!(5), &Value::Null), "{shown}");
    assert_eq!(shown["oldestUnappliedSeconds"], Value::Null, "{shown}");
    assert_eq!(report["lanes"].as_array().unwrap().len(), 4);
    assert_eq!((&report["phase"], &report["group"]), (&json!("running"), &json!(world.group)));
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["uptimeSeconds"].is_u64() && report["startedAt"].is_string(), "{report}");
    assert_eq!((&report["live"]["holds"], &report["ready"]["holds"]), (&json!(true), &json!(true)));
    assert_eq!(report["pool"]["max"], 3);
    assert!(report.get("held").is_some() && report.get("relayBacklog").is_some(), "{report}");
    assert!(!report.to_string().contains("guest"), "{report}");
    worker.stop().await;
}

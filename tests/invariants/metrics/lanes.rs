//! What is said of lanes: what they do, how far they are behind, and nothing of those that are another worker's.

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::support::metrics::Scrape;
use crate::support::servers::OwnKafka;
use crate::support::{DEADLINE, Message, World, booking, eventually, stack};

/// Its session ends soon.
const QUICK: (&str, &str) = ("KAFKA_PROPERTIES", "session.timeout.ms=2000\nheartbeat.interval.ms=300");

const LAG: &str = "worker_consumer_lag_records";
const DELAY: &str = "worker_consumer_delay_seconds";

fn states<'s>(scrape: &'s Scrape, topic: &str) -> Vec<&'s str> {
    let states = ["starting", "idle", "waiting", "applying", "paused", "dead_limit", "halted"];
    let is_it = |state: &&str| scrape.count("worker_lane_state", &[("topic", topic), ("state", state)]) > 0.0;
    states.into_iter().filter(is_it).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_and_delay_grow_behind_a_lock_and_return_to_zero() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let topic = [("topic", &*world.bookings), ("partition", "0")];
    let is_zero =
        |scrape: &Scrape| scrape.get(LAG, &topic) == Some(0.0) && scrape.get(DELAY, &topic) == Some(0.0);
    worker.metrics_until("lag to be known to be 0", is_zero).await;
    let lock = world.lock_ledger().await;
    // Far more than queue and fetch hold: the partition is paused, and librdkafka knows an old end.
    let events: Vec<Message> =
        (0..9_000).map(|number| Message::event(&booking(&format!("b{number}")))).collect();
    world.produce_all(&world.bookings, &events).await;
    let before = worker
        .metrics_until("the lag to be that of all records", |scrape| {
            scrape.get(LAG, &topic) == Some(9000.0) && scrape.count(DELAY, &topic) > 0.0
        })
        .await;
    // Paused, where the worker has given the lock up meanwhile and is about to try again.
    let state = states(&before, &world.bookings);
    assert!(state == ["applying"] || state == ["paused"], "{state:?}");
    world.produce_all(&world.bookings, &events[..100]).await;
    let after = worker
        .metrics_until("the lag to follow the end", |scrape| scrape.get(LAG, &topic) == Some(9100.0))
        .await;
    assert!(after.count(DELAY, &topic) > before.count(DELAY, &topic), "{} {}", before.text, after.text);
    let other = [("topic", &*world.cancellations), ("partition", "0")];
    assert_eq!((after.get(LAG, &other), after.get(DELAY, &other)), (Some(0.0), Some(0.0)));
    lock.release().await;
    worker
        .metrics_until("lag and delay to be 0, and the lane to be idle", |scrape| {
            is_zero(scrape) && states(scrape, &world.bookings) == ["idle"]
        })
        .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_marker_of_a_transaction_is_no_lag() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let topic = [("topic", &*world.bookings), ("partition", "0")];
    worker.metrics_until("lag to be known", |scrape| scrape.get(LAG, &topic) == Some(0.0)).await;
    let (bookings, bootstrap) = (world.bookings.clone(), stack().await.kafka.bootstrap().to_owned());
    let transactions = move || {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("transactional.id", &bookings)
            .create()
            .unwrap();
        producer.init_transactions(DEADLINE).unwrap();
        for (id, keep) in [("kept", true), ("aborted", false)] {
            producer.begin_transaction().unwrap();
            let event = booking(id).to_string();
            let record: FutureRecord<'_, str, str> = FutureRecord::to(&bookings).key(id).payload(&event);
            let sent = producer.send_result(record).map_err(|(error, _)| error).unwrap();
            tokio::runtime::Handle::current().block_on(sent).unwrap().map_err(|(error, _)| error).unwrap();
            if keep { producer.commit_transaction(DEADLINE) } else { producer.abort_transaction(DEADLINE) }
                .unwrap();
        }
    };
    // Nothing is applied meanwhile: else the end might be seen only when it is no lag any more.
    let lock = world.lock_ledger().await;
    tokio::task::spawn_blocking(transactions).await.unwrap();
    // The record, its marker, the aborted one and its marker, which is written after its transaction was answered.
    eventually("the markers to be written", async || {
        let ends = world.admin().end_offsets(&world.bookings).await.map_err(|error| error.to_string())?;
        if ends == [4] { Ok(Some(())) } else { Err(format!("{ends:?}")) }
    })
    .await;
    worker
        .metrics_until("the marker to be seen as the end that it is", |scrape| {
            scrape.get(LAG, &topic) == Some(4.0)
        })
        .await;
    lock.release().await;
    worker
        .metrics_until("what is left to be no lag", |scrape| {
            scrape.get(LAG, &topic) == Some(0.0) && scrape.get(DELAY, &topic) == Some(0.0)
        })
        .await;
    // And a record after it is.
    let lock = world.lock_ledger().await;
    world.book(&booking("later")).await;
    worker.metrics_until("the next record to be lag", |scrape| scrape.count(LAG, &topic) >= 1.0).await;
    lock.release().await;
    worker.metrics_until("no lag", |scrape| scrape.get(LAG, &topic) == Some(0.0)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_unknown_while_the_brokers_are_down() {
    let mut own = OwnKafka::start().await;
    let world = own.world(1).await;
    // The lanes stay: their session does not end meanwhile.
    let mut worker = world.worker_with(&[("KAFKA_PROPERTIES", "session.timeout.ms=300000")]);
    let topic = [("topic", &*world.bookings)];
    worker.metrics_until("lag to be known", |scrape| scrape.get(LAG, &topic) == Some(0.0)).await;
    own.kafka.kill().await.unwrap();
    let scrape = worker
        .metrics_until("lag to be unknown", |scrape| {
            scrape.get(LAG, &[]).is_none() && scrape.get(DELAY, &[]).is_none()
        })
        .await;
    assert_eq!(states(&scrape, &world.bookings), ["idle"], "the lane is there all the same");
    own.kafka.start_again().await.unwrap();
    worker.metrics_until("lag to be known again", |scrape| scrape.get(LAG, &topic) == Some(0.0)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_gone_to_another_worker_is_seen_there_only() {
    let world = World::new(2).await;
    let mut first = world.worker();
    let known = |lanes: usize| {
        move |scrape: &Scrape| {
            let series = |name: &str| scrape.names().iter().filter(|series| series.starts_with(name)).count();
            series(LAG) == lanes && series(DELAY) == lanes && series("worker_lane_state") == lanes * 7
        }
    };
    let event = |event: &'static str| [("event", event)];
    let scrape = first.metrics_until("four lanes", known(4)).await;
    assert!(scrape.count("worker_rebalances_total", &event("assigned")) >= 1.0);
    assert_eq!(scrape.get("worker_rebalances_total", &event("revoked")), Some(0.0));
    assert_eq!(scrape.get("worker_rebalances_total", &event("lost")), Some(0.0));
    let mut second = world.worker();
    world.shared_among(&[&first, &second]).await;
    let at_first = first.metrics_until("the first to have half of them", known(2)).await;
    let at_second = second.metrics_until("the second to have the other half", known(2)).await;
    assert!(at_first.count("worker_rebalances_total", &event("revoked")) >= 1.0, "{}", at_first.text);
    for series in at_first.names().iter().filter(|series| series.starts_with(LAG)) {
        assert!(!at_second.names().contains(series), "{series} is seen at both");
    }
    second.stop().await;
    first.metrics_until("the first to have all of them again", known(4)).await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_is_lost_is_counted() {
    let world = World::new(1).await;
    let mut sleeper = world.worker_with(&[QUICK]);
    sleeper.begins(2).await;
    sleeper.signal(stack::Signal::STOP);
    let mut other = world.worker_with(&[QUICK]);
    other.begins(2).await;
    sleeper.signal(stack::Signal::CONT);
    sleeper
        .metrics_until("the loss to be counted", |scrape| {
            scrape.count("worker_rebalances_total", &[("event", "lost")]) >= 1.0
        })
        .await;
    sleeper.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_past_its_dead_limit_and_one_whose_topic_was_recreated_are_seen() {
    let world = World::new(1).await;
    let mut worker = world.worker_with(&[("DEAD_LIMIT_RUN", "3")]);
    for _ in 0..5 {
        world.produce(&world.bookings, &Message::bytes("{")).await;
    }
    worker
        .metrics_until("the lane to stand still", |scrape| states(scrape, &world.bookings) == ["dead_limit"])
        .await;
    worker.stop().await;
    let beyond = "UPDATE worker.positions SET next_offset = 1000 WHERE topic = $1";
    world.database.execute(beyond, &[&world.bookings]).await.unwrap();
    let mut worker = world.worker();
    let scrape = worker
        .metrics_until("the lane to halt", |scrape| states(scrape, &world.bookings) == ["halted"])
        .await;
    assert_eq!(scrape.get(LAG, &[("topic", &world.bookings)]), None, "nobody knows");
    worker.stop().await;
}

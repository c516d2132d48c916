//! Brokers that are down or hang, topics that are missing, a share that is empty or never comes.

use stack::{Signal, port};

use crate::support::servers::OwnKafka;
use crate::support::{World, booking, cancellation};

const QUICK: (&str, &str) =
    ("KAFKA_PROPERTIES", "reconnect.backoff.max.ms=500\nsession.timeout.ms=2000\nheartbeat.interval.ms=300");

/// Whoever is in the group stays there until it leaves, however busy the machine is.
const PATIENT: (&str, &str) = ("KAFKA_PROPERTIES", "session.timeout.ms=30000");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_hang_or_are_down_make_the_worker_unready_and_restart_nobody() {
    let mut own = OwnKafka::start().await;
    let world = own.world(1).await;
    let mut worker = world.worker_with(&[QUICK]);
    worker.is_ready().await;

    own.kafka.signal(Signal::STOP).unwrap();
    worker.is_unready(&["brokers_unreachable"]).await;
    worker.lives().await;
    own.kafka.signal(Signal::CONT).unwrap();
    worker.is_ready().await;

    own.kafka.kill().await.unwrap();
    worker.is_unready(&["brokers_unreachable"]).await;
    worker.lives().await;
    own.kafka.start_again().await.unwrap();
    worker.is_ready().await;
    world.book(&booking("b1")).await;
    world.settled().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_waits_for_its_brokers_at_start_lives_and_says_so() {
    let world = World::new(1).await;
    let nobody = format!("127.0.0.1:{}", port::free().unwrap());
    let mut worker = world.worker_with(&[("KAFKA_BROKERS", &nobody)]);
    worker.said("waiting for Kafka").await;
    worker.is_unready(&["brokers_unreachable"]).await;
    worker.lives().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_missing_are_named_until_they_appear() {
    let world = World::new(0).await;
    let mut worker = world.worker();
    let named = |topics: &[&String]| {
        let topics: Vec<String> = topics.iter().map(|topic| format!("no topic {topic}")).collect();
        move |answer: &crate::support::http::Answer| {
            let missing = answer.reasons().iter().filter(|reason| *reason == "topic_missing").count();
            missing == topics.len() && topics.iter().all(|topic| answer.body.contains(topic))
        }
    };
    worker.get_until("/health/ready", "both", named(&[&world.bookings, &world.cancellations])).await;
    world.admin().create_topic(&world.cancellations, 1, &[]).await.unwrap();
    worker.get_until("/health/ready", "one", named(&[&world.bookings])).await;
    worker.lives().await;
    world.admin().create_topic(&world.bookings, 1, &[]).await.unwrap();
    worker.is_ready().await;
    world.admin().delete_topic(&world.cancellations).await.unwrap();
    worker.get_until("/health/ready", "the other", named(&[&world.cancellations])).await;
    worker.lives().await;
    worker.stop().await;
}

/// Two partitions and three workers.
async fn a_spare_worker_is_ready(settings: &[(&str, &str)]) {
    let world = World::new(1).await;
    let mut workers = [0; 3].map(|_| world.worker_with(settings));
    for worker in &mut workers {
        worker.is_ready().await;
    }
    let mut spare = 0;
    for worker in &mut workers {
        let lanes = worker.get("/health/detailed").await.json()["lanes"].as_array().unwrap().len();
        spare += usize::from(lanes == 0);
    }
    assert!(spare >= 1, "two partitions are shared among three");
    world.book(&booking("b1")).await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    for worker in &mut workers {
        worker.is_ready().await;
        worker.lives().await;
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_worker_of_a_classic_group_is_ready() {
    a_spare_worker_is_ready(&[("KAFKA_PROPERTIES", "heartbeat.interval.ms=300")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_worker_under_the_consumer_protocol_is_ready() {
    a_spare_worker_is_ready(&[("KAFKA_GROUP_PROTOCOL", "consumer")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_the_group_does_not_take_is_not_ready_until_it_does() {
    let own = OwnKafka::with(&[("group.max.size", "1")]).await;
    let world = own.world(1).await;
    let mut first = world.worker_with(&[PATIENT]);
    first.is_ready().await;
    let mut second = world.worker_with(&[PATIENT]);
    second.said("Kafka reports an error; the worker goes on trying").await;
    second.is_unready(&["not_assigned"]).await;
    second.lives().await;
    first.stop().await;
    second.is_ready().await;
    second.stop().await;
}

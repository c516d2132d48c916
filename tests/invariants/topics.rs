//! Topics that are missing, grow, vanish and come back.

use serde_json::Value;

use crate::support::{World, cancellation, eventually, names};

const MISSING: &str = "the topic does not exist yet; it is read as soon as it appears";
const HALTED: &str = "lane halted: the position lies beyond the topic's end";

fn halted(log: &[Value]) -> Vec<&Value> {
    let halted = |line: &&Value| line["msg"].as_str().is_some_and(|text| text.starts_with(HALTED));
    log.iter().filter(halted).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_topics_are_said_once_and_read_as_soon_as_they_appear() {
    let world = World::new(0).await;
    let mut worker = world.worker();
    worker.said(MISSING).await;
    world.admin().create_topic(&world.cancellations, 2, &[]).await.unwrap();
    world.cancel(&cancellation("nobody", "ana")).await;
    worker.begins(2).await;
    world.admin().create_topic(&world.bookings, 2, &[]).await.unwrap();
    for partition in 0..2 {
        world.book_all(partition, names(&format!("first-{partition}"), 5)).await;
    }
    world.each_record_is_recorded_once().await;
    let said: Vec<Value> = worker.lines_with(MISSING).iter().map(|line| line["topic"].clone()).collect();
    assert_eq!(said, [world.bookings.as_str(), world.cancellations.as_str()]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_a_topic_gets_later_are_read_from_their_beginning() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
    world.admin().add_partitions(&world.bookings, 3).await.unwrap();
    for partition in 0..3 {
        world.book_all(partition, names(&format!("new-{partition}"), 5)).await;
    }
    world.each_record_is_recorded_once().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_recreated_halts_its_own_lane_until_a_person_does_what_the_log_says() {
    let world = World::new(1).await;
    let worker = world.worker();
    let old = world.book_all(0, names("old", 5)).await;
    world.settled().await;
    worker.stop().await;
    world.admin().delete_topic(&world.bookings).await.unwrap();
    world.admin().create_topic(&world.bookings, 1, &[]).await.unwrap();
    let end = world.book_all(0, names("new", 3)).await;

    let worker = world.worker();
    let line = eventually("the lane to halt", async || {
        Ok::<_, ()>(halted(&worker.lines()).first().map(|line| (*line).clone()))
    })
    .await;
    assert_eq!((&line["level"], &line["topic"]), (&"ERROR".into(), &world.bookings.as_str().into()));
    assert_eq!((line["offset"].as_i64(), line["endOffset"].as_i64()), (Some(old), Some(end)));
    assert!(line["msg"].as_str().unwrap().contains("delete this partition's row from worker.positions"));
    world.cancel(&cancellation("nobody", "ana")).await;
    eventually("the other lane to go on", async || {
        Ok::<_, ()>((world.verdicts(&world.cancellations).await.len() == 1).then_some(()))
    })
    .await;
    let log = worker.stop().await;
    assert_eq!(halted(&log).len(), 1, "said more than once");
    let position = world.positions().await.into_iter().find(|(topic, ..)| *topic == world.bookings);
    assert_eq!(position.map(|(_, _, next)| next), Some(old), "moved although it was halted");
    assert_eq!(world.bookings_made().await, old);

    for table in ["worker.positions", "worker.ledger"] {
        let sql = format!("DELETE FROM {table} WHERE topic = $1");
        world.database.execute(&sql, &[&world.bookings]).await.unwrap();
    }
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3]);
    assert_eq!(world.bookings_made().await, old + end);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_recreated_under_a_running_worker_halts_its_own_lane_only() {
    let world = World::new(1).await;
    let worker = world.worker();
    let old = world.book_all(0, names("old", 5)).await;
    world.settled().await;
    world.admin().delete_topic(&world.bookings).await.unwrap();
    world.admin().create_topic(&world.bookings, 1, &[]).await.unwrap();
    world.book_all(0, names("new", 3)).await;
    eventually("the lane to halt", async || {
        let log = worker.lines();
        Ok::<_, ()>((!halted(&log).is_empty()).then_some(()))
    })
    .await;
    world.cancel(&cancellation("nobody", "ana")).await;
    eventually("the other lane to go on", async || {
        Ok::<_, ()>((world.verdicts(&world.cancellations).await.len() == 1).then_some(()))
    })
    .await;
    worker.stop().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 5]);
    assert_eq!(world.bookings_made().await, old);
}

//! Where an overlay begins: at the end of what is there, at the beginning of what comes later, whatever crashes.

use serde_json::json;

use super::begins;
use crate::support::{Message, World, booking, cancellation, eventually, stack};

const ANA: [(&str, &str); 2] = [("OKTETO_NAMESPACE", "ana"), ("OKTETO_DIVERTED_ENVIRONMENT", "ana")];

fn of_ana(id: &str) -> Message {
    Message::event(&booking(id)).header("baggage", "okteto-divert=ana")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_begins_at_the_end_and_replays_history_only_where_a_person_says_so() {
    let world = World::new(1).await;
    world.produce_all(&world.bookings, &[of_ana("old1"), of_ana("old2")]).await;
    let mut worker = world.worker_with(&ANA);
    let expected = format!("{}/0@0 {}/0@2", world.cancellations, world.bookings);
    assert_eq!(begins(&mut worker).await, json!(expected));
    world.produce(&world.bookings, &of_ana("new1")).await;
    world.settled().await;
    let subjects: Vec<String> = world.ledger().await.into_iter().map(|entry| entry.subject).collect();
    assert_eq!(subjects, ["new1"]);
    worker.stop().await;
    let verified = world.command_with(&["verify", "--records"], &ANA).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");

    // The second start goes on where the first has ended.
    world.produce(&world.bookings, &of_ana("new2")).await;
    let worker = world.worker_with(&ANA);
    world.settled().await;
    assert!(worker.lines_with(super::BEGINS).is_empty());
    worker.stop().await;

    let set = world.command_with(&["positions", "set", &world.bookings, "0", "0"], &ANA).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    let worker = world.worker_with(&ANA);
    world.settled().await;
    assert_eq!(
        world.verdicts(&world.bookings).await,
        ["accepted", "accepted", "accepted", "duplicate", "accepted", "duplicate"]
    );
    world.assert_consistent().await;
    worker.stop().await;
    let verified = world.command_with(&["verify", "--records"], &ANA).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.out.contains("4 records"), "from the beginning: {}", verified.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_and_topics_that_appear_after_a_kill_are_read_from_their_beginning() {
    let world = World::new(1).await;
    world.produce(&world.bookings, &of_ana("old")).await;
    let mut worker = world.worker_with(&ANA);
    begins(&mut worker).await;
    worker.kill().await;
    world.admin().add_partitions(&world.cancellations, 3).await.unwrap();
    for partition in 0..3 {
        let event = cancellation(&format!("p{partition}"), "ana");
        world.produce_events(&world.cancellations, partition, &[event]).await;
    }
    let worker = world.worker_with(&ANA);
    world.settled().await;
    let subjects: Vec<String> = world.ledger().await.into_iter().map(|entry| entry.subject).collect();
    assert_eq!(subjects, ["p0", "p1", "p2"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_that_is_killed_before_its_topics_exist_reads_their_first_records() {
    let world = World::new(0).await;
    let mut worker = world.worker_with(&ANA);
    assert_eq!(begins(&mut worker).await, json!(""));
    worker.kill().await;
    for topic in [&world.bookings, &world.cancellations] {
        world.admin().create_topic(topic, 2, &[]).await.unwrap();
    }
    let messages = [of_ana("b0").partition(0), of_ana("b1").partition(1)];
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker_with(&ANA);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_the_first_start_leaves_nothing_and_the_next_start_is_the_first() {
    let world = World::new(2).await;
    world.produce(&world.bookings, &of_ana("old").partition(0)).await;
    // The group's row is written before, in the same statement; the positions wait.
    let mut connection = stack().await.postgres.connect(&world.database_name).await.unwrap();
    let lock = connection.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE worker.positions IN SHARE MODE").await.unwrap();
    let mut killed = world.worker_with(&ANA);
    let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'worker.positions'::regclass";
    eventually("the positions to wait", async || world.database.query_opt(waiting, &[]).await).await;
    killed.kill().await;
    lock.rollback().await.unwrap();
    world.connections_end().await;
    let begun =
        world.database.query("SELECT FROM worker.groups WHERE group_id = $1", &[&world.group]).await.unwrap();
    let half = begun.len() + world.positions().await.len();
    // The statement may have come through after its worker was gone; then it is whole.
    assert!(half == 0 || (begun.len(), world.positions().await.len()) == (1, 4), "{half}");
    world.produce(&world.bookings, &of_ana("meanwhile").partition(1)).await;
    let worker = world.worker_with(&ANA);
    world.settled().await;
    let subjects: Vec<String> = world.ledger().await.into_iter().map(|entry| entry.subject).collect();
    // What came before the first start that was kept is passed over, and nothing after it.
    let expected: &[&str] = if half == 0 { &[] } else { &["meanwhile"] };
    assert_eq!(subjects, expected);
    world.produce(&world.bookings, &of_ana("new").partition(0)).await;
    world.settled().await;
    assert_eq!(world.ledger().await.len(), expected.len() + 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_overlay_workers_that_start_at_once_one_places_the_group() {
    let world = World::new(4).await;
    let old: Vec<Message> =
        (0..4).map(|partition| of_ana(&format!("o{partition}")).partition(partition)).collect();
    world.produce_all(&world.bookings, &old).await;
    let workers: Vec<_> = (0..3).map(|_| world.worker_with(&ANA)).collect();
    world.settled().await;
    let new: Vec<Message> =
        (0..4).map(|partition| of_ana(&format!("n{partition}")).partition(partition)).collect();
    world.produce_all(&world.bookings, &new).await;
    world.settled().await;
    let subjects: Vec<String> = world.ledger().await.into_iter().map(|entry| entry.subject).collect();
    assert_eq!(subjects, ["n0", "n1", "n2", "n3"]);
    let mut said = 0;
    for worker in workers {
        let lines = worker.stop().await;
        said += lines.iter().filter(|line| line["msg"] == super::BEGINS).count();
    }
    assert_eq!(said, 1);
}

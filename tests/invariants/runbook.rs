//! What the runbook says about a recreated topic, followed to the letter.

use crate::support::{Message, World, booking, eventually};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The runbook's statement about a halted lane, for this world's booking topic.
fn statement(world: &World) -> String {
    let section = RUNBOOK.split("## LaneHalted").nth(1).unwrap();
    let block = section.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(block.contains("partition = 3"));
    block.replace("booking-events", &world.bookings).replace("partition = 3", "partition = 0")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_topic_is_read_whole_by_whoever_follows_the_runbook() {
    let world = World::new(1).await;
    let old = [
        Message::bytes("old poison").key("b0"),
        Message::event(&booking("b1")),
        Message::event(&booking("b2")),
    ];
    let new = [Message::bytes("new poison").key("n0"), Message::event(&booking("n1"))];
    world.produce_all(&world.bookings, &old).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    world.admin().delete_topic(&world.bookings).await.unwrap();
    world.admin().create_topic(&world.bookings, 1, &[]).await.unwrap();
    world.produce_all(&world.bookings, &new).await;
    let worker = world.worker();
    eventually("the lane to halt", async || {
        let halted = worker.text().contains("lane halted");
        Ok::<_, ()>(halted.then_some(()))
    })
    .await;

    let said = world.command(&["held", "discard", "--topic", &world.bookings, "--note", "recreated"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    worker.stop().await;
    world.database.batch_execute(&statement(&world)).await.unwrap();
    let said = world.command(&["positions", "set", &world.bookings, "0", "0"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");

    let worker = world.worker();
    world.settled().await;
    let dead: Vec<_> = world.held().await.into_iter().filter(|held| held.status == "dead").collect();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].payload.as_deref(), &*dead[0].subject), (Some(&b"new poison"[..]), "n0"));
    let row = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 3, "the old bookings, and the new one");
    worker.stop().await;
    let said = world.command(&["verify"]).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
}

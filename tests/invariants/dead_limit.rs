//! Past a limit of dead records a lane pauses until a person has looked; no other lane does.

use serde_json::json;

use crate::support::{Message, World, booking, eventually, names};

const PAUSED: &str = "lane paused: one more dead record";

fn poison(count: usize) -> Vec<Message> {
    (0..count).map(|_| Message::bytes("{").key("poison").partition(0)).collect()
}

impl World {
    /// The position of the bookings' first partition.
    async fn first_position(&self) -> i64 {
        let positions = self.positions().await;
        positions
            .iter()
            .find(|(topic, number, _)| *topic == self.bookings && *number == 0)
            .map_or(0, |it| it.2)
    }

    /// Waits until the first partition stands there.
    async fn first_stands_at(&self, expected: i64) {
        eventually("the first partition's position", async || match self.first_position().await {
            found if found == expected => Ok(Some(())),
            found => Err(format!("{found}, not {expected}")),
        })
        .await;
    }

    /// Lets the first partition go on, as a person does.
    async fn accept_the_dead(&self) {
        self.command_text(&["held", "accept", &self.bookings, "0"]).await;
    }
}

fn pauses(lines: &[serde_json::Value]) -> usize {
    lines.iter().filter(|line| line["msg"].as_str().unwrap_or_default().starts_with(PAUSED)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_dead_in_a_row_as_allowed_pause_the_lane_and_no_other() {
    let world = World::new(2).await;
    world.produce_all(&world.bookings, &poison(100)).await;
    let limit = ("DEAD_LIMIT_RUN", "20");
    let worker = world.worker_with(&[limit]);
    world.first_stands_at(20).await;
    world.book_all(1, names("live", 50)).await;
    eventually("the other lane to go on", async || {
        Ok::<_, ()>((world.bookings_made().await == 50).then_some(()))
    })
    .await;
    let lines = worker.stop().await;
    assert_eq!(pauses(&lines), 1);
    let line = lines.iter().find(|line| line["msg"].as_str().unwrap().starts_with(PAUSED)).unwrap();
    assert_eq!(
        (&line["level"], &line["offset"], &line["partition"]),
        (&json!("ERROR"), &json!(20), &json!(0))
    );
    let text = line["msg"].as_str().unwrap();
    assert!(
        text.contains("DEAD_LIMIT_RUN=20")
            && text.contains(&format!("worker held accept {} 0", world.bookings))
    );

    // It counts what is recorded: a restart lets not one more through.
    let mut worker = world.worker_with(&[limit]);
    worker.begins(4).await;
    eventually("the lane to say that it is paused", async || {
        Ok::<_, ()>((pauses(&worker.lines()) == 1).then_some(()))
    })
    .await;
    assert_eq!(world.first_position().await, 20);
    // A person says so, and as many again pass.
    world.accept_the_dead().await;
    world.first_stands_at(40).await;
    assert_eq!(world.held().await.len(), 40);
    worker.stop().await;

    // A person raises the limit.
    let worker = world.worker_with(&[("DEAD_LIMIT_RUN", "1000")]);
    world.settled().await;
    assert_eq!(world.held().await.len(), 100);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_a_share_of_dead_records_pauses_the_lane() {
    let world = World::new(1).await;
    let messages: Vec<Message> = (0..60)
        .map(|number| match number % 3 {
            0 => Message::event(&booking(&format!("b{number}"))),
            _ => Message::bytes("{").key("poison"),
        })
        .collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker_with(&[("DEAD_LIMIT_RATIO", "0.4"), ("DEAD_LIMIT_WINDOW", "30")]);
    // Twelve of thirty may be dead; the thirteenth is the record at 19.
    world.first_stands_at(19).await;
    eventually("the lane to say that it is paused", async || {
        Ok::<_, ()>((pauses(&worker.lines()) == 1).then_some(()))
    })
    .await;
    assert_eq!(world.held().await.len(), 12);
    world.accept_the_dead().await;
    world.first_stands_at(37).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_postgresql_refuses_count_too() {
    let world = World::new(1).await;
    let refusal = "ALTER TABLE public.bookings ADD CONSTRAINT no_thirteen CHECK (number_of_guests <> 13)";
    world.database.batch_execute(refusal).await.unwrap();
    let messages: Vec<Message> = (0..30)
        .map(|number| {
            let mut event = booking(&format!("b{number}"));
            event["guests"] = json!(13);
            Message::event(&event)
        })
        .collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker_with(&[("DEAD_LIMIT_RUN", "5")]);
    world.first_stands_at(5).await;
    eventually("the lane to say that it is paused", async || {
        Ok::<_, ()>((pauses(&worker.lines()) == 1).then_some(()))
    })
    .await;
    assert_eq!(world.first_position().await, 5);
    // The deploy that did it is taken back: they are booked.
    world.database.batch_execute("ALTER TABLE public.bookings DROP CONSTRAINT no_thirteen").await.unwrap();
    world.accept_the_dead().await;
    world.settled().await;
    assert_eq!(world.bookings_made().await, 25);
    world.assert_consistent().await;
    worker.stop().await;
}

//! More records than memory: queues stay bounded, and a lane that stands still holds up no other.

use crate::support::{Message, World};

/// Bookings in each partition, padded: 150 MB in all.
const BOOKINGS: i64 = 50_000;
const PADDING: usize = 800;

/// What a worker may hold at most, debug build and all; its queues hold 12 MB.
const MEMORY: u64 = 100 << 20;

async fn fill(world: &World, partition: i32, user: &str) {
    let padding = "x".repeat(PADDING);
    let message = |number: &i64| {
        let payload = format!(
            r#"{{"bookingId":"{user}_{partition}_{number}","userId":"{user}","roomId":"room_ocean_001",
            "guests":2,"startDate":"2027-01-15T15:00:00Z","endDate":"2027-01-18T11:00:00Z","note":"{padding}"}}"#
        );
        Message::bytes(payload).partition(partition)
    };
    let numbers: Vec<i64> = (0..BOOKINGS).collect();
    for numbers in numbers.chunks(2_000) {
        let messages: Vec<Message> = numbers.iter().map(message).collect();
        world.produce_all(&world.bookings, &messages).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_behind_a_lock_holds_up_no_other_and_memory_stays_bounded() {
    let world = World::new(3).await;
    for (partition, user) in [(0, "bo"), (1, "ana"), (2, "ana")] {
        fill(&world, partition, user).await;
    }
    let lock = world.lock_user("bo").await;
    let mut worker = world.worker_with(&[("LOG_LEVEL", "warn")]);
    world.transactions_wait(1).await;
    world.applies(&mut worker, 2 * BOOKINGS).await;
    let first = |(topic, partition, next): &(String, i32, i64)| {
        *topic == world.bookings && *partition == 0 && *next == 0
    };
    assert!(world.positions().await.iter().any(first), "the locked lane went on");
    lock.release().await;
    world.applies(&mut worker, 3 * BOOKINGS).await;
    assert!(worker.peak_memory() < MEMORY, "{} bytes", worker.peak_memory());
    let count = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 3 * BOOKINGS);
    worker.stop().await;
}

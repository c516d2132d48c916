//! What the ledger's retention has taken is not asked for.

use serde_json::json;

use super::execute;
use crate::support::compare::until;
use crate::support::{World, booking};

const WEEK: (&str, &str) = ("LEDGER_RETENTION", "7d");

async fn rows(world: &World) -> i64 {
    world.database.query_one("SELECT count(*) FROM worker.ledger", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_whose_outcomes_went_early_or_late_are_verified_clean() {
    let world = World::new(1).await;
    let mut late = booking("late");
    late["userId"] = json!("dora");
    world.book(&late).await;
    world.book(&booking("early")).await;
    let worker = world.worker();
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let age = "UPDATE worker.ledger SET recorded_at = now() - interval '90 days';
        UPDATE bookings SET created_at = now() AT TIME ZONE 'UTC' - interval '90 days'";
    execute(&world, age).await;
    let worker = world.worker_with(&[WEEK]);
    until("the early booking's row to be deleted", async || rows(&world).await == 1).await;
    world.verify(&["--records"], &[]).await.assert_clean();
    worker.stop().await;

    // Accepted long after that; nothing else has happened since.
    let known = "INSERT INTO users (email, username) VALUES ('dora@example.com', 'dora');
        UPDATE worker.held SET next_attempt_at = now();
        UPDATE worker.positions SET pruned_before = now() - interval '60 days' WHERE topic = 'B'";
    execute(&world, known).await;
    let worker = world.worker();
    until("the late booking to be accepted", async || world.bookings_made().await == 2).await;
    world.all_published().await;
    worker.stop().await;
    world.verify(&["--records"], &[]).await.assert_clean();
    let age = "UPDATE worker.ledger SET recorded_at = now() - interval '30 days';
        UPDATE bookings SET created_at = now() AT TIME ZONE 'UTC' - interval '30 days'
        WHERE booking_id = 'late'";
    execute(&world, age).await;
    let worker = world.worker_with(&[WEEK]);
    until("the late booking's rows to be deleted", async || rows(&world).await == 0).await;
    world.verify(&["--records"], &[]).await.assert_clean();
    worker.stop().await;
}

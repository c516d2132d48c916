//! A known database: of each kind of record that is set aside, one.

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation};

/// The trace and the baggage of the booking `b1`.
pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const BAGGAGE: &str = "tenant=acme,requestId=r-17";

/// A booking by somebody who is not known.
pub fn of_nobody(id: &str) -> Value {
    let mut event = booking(id);
    event["userId"] = json!("nobody");
    event
}

/// `b1` stands; of `b2` the user is not known, and its cancellation queues behind it; `b3` is no JSON; `b4` ends on
/// the day it starts. No worker runs any more, and all were set aside two hours and five minutes ago.
pub async fn set_aside() -> World {
    let world = World::new(1).await;
    let mut bad = booking("b4");
    bad["endDate"] = bad["startDate"].clone();
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let messages = [
        Message::event(&booking("b1")).header("traceparent", &traceparent).header("baggage", BAGGAGE),
        Message::event(&of_nobody("b2")).header("baggage", "tenant=acme").bare_header("empty"),
        Message::bytes("{").key("b3"),
        Message::event(&bad),
    ];
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    world.cancel(&cancellation("b2", "nobody")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    age(&world).await;
    world
}

/// Moves what was set aside into the past, and the next tries into the future.
pub async fn age(world: &World) {
    let sql = "UPDATE worker.held SET created_at = now() - interval '2 hours 5 minutes 10 seconds', \
               next_attempt_at = CASE status WHEN 'waiting' THEN now() + interval '90 minutes 40 seconds' END";
    world.database.execute(sql, &[]).await.unwrap();
}

/// Every row of the tables, with its version: nothing may have touched them.
pub async fn everything(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["public.bookings", "worker.ledger", "worker.held", "worker.positions"] {
        let sql =
            format!("SELECT concat_ws('|', '{table}', xmin, row_to_json(t)) FROM {table} AS t ORDER BY 1");
        let found = world.database.query(&sql, &[]).await.unwrap();
        rows.extend(found.iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}

/// The outcomes of one record in the order of its revisions.
pub async fn revisions(world: &World, topic: &str, offset: i64) -> Vec<String> {
    let ledger = world.ledger().await;
    let of = ledger.iter().filter(|entry| entry.topic == topic && entry.offset == offset);
    let mut revisions = Vec::new();
    for (number, entry) in (0..).zip(of) {
        assert_eq!(entry.revision, number, "revisions have no gaps");
        revisions.push(entry.verdict());
    }
    revisions
}

/// The id of what was set aside of this booking, the latest where there are several.
pub async fn held_id(world: &World, subject: &str) -> i64 {
    let sql = "SELECT max(id) FROM worker.held WHERE group_id = $1 AND subject = $2";
    world.database.query_one(sql, &[&world.group, &subject]).await.unwrap().get(0)
}

/// Makes `nobody` known.
pub async fn nobody_appears(world: &World) {
    let sql = "INSERT INTO users (email, username) VALUES ('nobody@example.com', 'nobody')";
    world.database.execute(sql, &[]).await.unwrap();
}

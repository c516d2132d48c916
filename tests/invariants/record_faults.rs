//! Records that only PostgreSQL can refuse: found in their batch, dead, and nobody else's harm.

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation};

const DEAD: &str = "dead:refused_by_database";

/// Two ways in which a database refuses thirteen guests that the worker knows nothing of.
const REFUSALS: [(&str, &str); 2] = [
    ("23514", "ALTER TABLE bookings ADD CONSTRAINT no_thirteen CHECK (number_of_guests <> 13)"),
    (
        "22023",
        "CREATE FUNCTION no_thirteen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.number_of_guests = 13 THEN
                 RAISE EXCEPTION 'no_thirteen' USING ERRCODE = 'invalid_parameter_value';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER no_thirteen BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION no_thirteen()",
    ),
];

fn booking_for(id: &str, guests: usize) -> Value {
    let mut event = booking(id);
    event["guests"] = json!(guests);
    event
}

/// Produces all of these, before a worker starts: one batch.
async fn book_all(world: &World, events: &[Value]) {
    let messages: Vec<Message> = events.iter().map(Message::event).collect();
    world.produce_all(&world.bookings, &messages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_bookings_that_the_database_refuses_are_dead() {
    const COUNT: usize = 400;
    const REFUSED: [usize; 6] = [0, 1, 57, 200, 201, COUNT - 1];
    for (code, refusal) in REFUSALS {
        let world = World::new(1).await;
        world.database.batch_execute(refusal).await.unwrap();
        let guests = |index: usize| if REFUSED.contains(&index) { 13 } else { 2 };
        let mut events: Vec<Value> =
            (0..COUNT).map(|index| booking_for(&format!("b{index}"), guests(index))).collect();
        // The same booking again: what was refused before does not stand in its way.
        events.push(booking_for("b57", 2));
        events.push(booking_for("b58", 2));
        book_all(&world, &events).await;
        let worker = world.worker();
        world.settled().await;
        let mut expected: Vec<&str> =
            (0..COUNT).map(|index| if REFUSED.contains(&index) { DEAD } else { "accepted" }).collect();
        expected.extend(["accepted", "duplicate"]);
        assert_eq!(world.verdicts(&world.bookings).await, expected);
        assert_held(&world, &events, &REFUSED).await;
        let count = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap();
        assert_eq!(count.get::<_, i64>(0), 395);

        let lines = worker.stop().await;
        let dead: Vec<&Value> = lines.iter().filter(|line| line["outcome"] == "dead").collect();
        assert_eq!(dead.len(), REFUSED.len());
        for line in dead {
            assert_eq!((&line["level"], &line["msg"]), (&json!("ERROR"), &json!("booking dead")));
            let detail = line["detail"].as_str().unwrap();
            assert!(detail.contains(code) && detail.contains("no_thirteen"), "{line}");
        }
        assert_eq!(lines.iter().filter(|line| line["outcome"].is_string()).count(), events.len());
    }
}

/// Exactly these records are held, dead, with their bytes.
async fn assert_held(world: &World, events: &[Value], refused: &[usize]) {
    let held = world.held().await;
    assert_eq!(held.len(), refused.len());
    for (held, &index) in held.iter().zip(refused) {
        assert_eq!(held.offset, i64::try_from(index).unwrap());
        assert_eq!(held.payload.as_deref(), Some(events[index].to_string().as_bytes()));
        assert_eq!(held.subject, format!("b{index}"));
        assert_eq!((&*held.reason, &*held.status), ("refused_by_database", "dead"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_cancellations_that_the_database_refuses_are_dead() {
    const COUNT: usize = 200;
    const REFUSED: [usize; 3] = [3, 4, 150];
    let world = World::new(1).await;
    let keep =
        "ALTER TABLE bookings ADD CONSTRAINT keep CHECK (status <> 'Cancelled' OR number_of_guests <> 13)";
    world.database.batch_execute(keep).await.unwrap();
    let guests = |index: usize| if REFUSED.contains(&index) { 13 } else { 2 };
    let events: Vec<Value> =
        (0..COUNT).map(|index| booking_for(&format!("b{index}"), guests(index))).collect();
    book_all(&world, &events).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    let cancellations: Vec<Message> =
        (0..COUNT).map(|index| Message::event(&cancellation(&format!("b{index}"), "ana"))).collect();
    world.produce_all(&world.cancellations, &cancellations).await;
    let worker = world.worker();
    world.settled().await;
    let expected: Vec<&str> =
        (0..COUNT).map(|index| if REFUSED.contains(&index) { DEAD } else { "cancelled" }).collect();
    assert_eq!(world.verdicts(&world.cancellations).await, expected);
    let sql = "SELECT count(*) FROM bookings WHERE (status = 'Accepted') = (number_of_guests = 13)";
    assert_eq!(world.database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 200);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_which_the_database_refuses_every_record_is_dead_and_the_next_goes_on() {
    let world = World::new(1).await;
    world.database.batch_execute(REFUSALS[0].1).await.unwrap();
    let events: Vec<Value> = (0..50).map(|index| booking_for(&format!("b{index}"), 13)).collect();
    book_all(&world, &events).await;
    let worker = world.worker();
    world.settled().await;
    world.book(&booking("b0")).await;
    world.settled().await;
    let mut expected = vec![DEAD; 50];
    expected.push("accepted");
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    worker.stop().await;
}

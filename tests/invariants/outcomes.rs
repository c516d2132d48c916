//! Every row of the outcome table, and every identifier form of the contract.

use serde_json::json;

use crate::support::{World, booking, cancellation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_event_becomes_an_accepted_booking() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book(&booking("booking_1_aaaaaa")).await;
    world.settled().await;
    let sql = "SELECT user_id, room_id, number_of_guests, start_date::text, end_date::text, payment_id, status \
               FROM bookings WHERE booking_id = 'booking_1_aaaaaa'";
    let row = world.database.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1), row.get::<_, i32>(2)), (1, 1, 2));
    assert_eq!((row.get::<_, &str>(3), row.get::<_, &str>(4)), ("2027-01-15", "2027-01-18"));
    assert_eq!((row.get::<_, &str>(5), row.get::<_, &str>(6)), ("pay_789", "Accepted"));
    let lines = worker.stop().await;
    let line = lines.iter().find(|line| line["msg"] == "booking accepted").unwrap();
    assert_eq!(line["bookingId"], "booking_1_aaaaaa");
    assert_eq!(line["outcome"], "accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_of_a_booking_gives_a_create_its_outcome() {
    let world = World::new(1).await;
    let mut other = booking("b1");
    other["guests"] = json!(3);
    let mut nobody = booking("b2");
    nobody["userId"] = json!("nobody");
    let mut nowhere = booking("b3");
    nowhere["roomId"] = json!("nowhere");
    for event in [&booking("b1"), &booking("b1"), &other, &nobody, &nowhere] {
        world.book(event).await;
    }
    let worker = world.worker();
    world.settled().await;
    world.book(&booking("b1")).await;
    world.book(&other).await;
    world.settled().await;
    let expected = [
        "accepted",
        "duplicate",
        "rejected:conflicting_booking",
        "held:unknown_user",
        "held:unknown_room",
        "duplicate",
        "rejected:conflicting_booking",
    ];
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    world.cancel(&cancellation("b1", "ana@example.com")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"]);
    worker.stop().await;
}

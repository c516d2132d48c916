//! Every form that users, rooms and bookings are named in.

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation, of_records};

/// Beside the world's own: ids 1 ana, 2 bo, 3 carl alias "12345".
const MORE_USERS: &str = "INSERT INTO public.users (id, email, username) VALUES
    (7, 'seven@example.com', '1'),
    (8, '2', 'eight'),
    (9, 'nine@example.com', 'ana@example.com'),
    (10, 'ten@example.com', '12345678901234567890'),
    (11, 'eleven@example.com', '2147483648'),
    (12, 'twelve@example.com', '-1'),
    (13, 'thirteen@example.com', '007'),
    (14, 'fourteen@example.com', '00099'),
    (15, 'fifteen@example.com', '٣'),
    (16, 'sixteen@example.com', 'José Ñandú 🦩'),
    (17, 'seventeen@example.com', ' spaced '),
    (18, '+tag''quote\"@example.com', '1e3'),
    (19, 'bo', 'nineteen'),
    (20, 'twenty@example.com', '0x10'),
    (2147483647, 'last@example.com', 'last')";

/// How an event names its user, and whose id that is.
const USERS: [(&str, Option<i32>); 36] = [
    ("1", Some(1)),
    ("ana@example.com", Some(1)),
    ("ana", Some(1)),
    ("2", Some(2)),
    ("3", Some(3)),
    ("carl@example.com", Some(3)),
    // A username that looks like a number, where no id matches.
    ("12345", Some(3)),
    // Ids before e-mail addresses before usernames.
    ("seven@example.com", Some(7)),
    ("eight", Some(8)),
    ("nine@example.com", Some(9)),
    ("bo", Some(19)),
    // Digits that do not fit the column match no id and fail no cast.
    ("12345678901234567890", Some(10)),
    ("2147483648", Some(11)),
    ("2147483647", Some(2_147_483_647)),
    ("last", Some(2_147_483_647)),
    ("99999999999999999999", None),
    ("9223372036854775808", None),
    ("4294967297", None),
    ("2147483646", None),
    ("0", None),
    // Leading zeros do not make another number; where none matches, they are a name.
    ("007", Some(7)),
    ("0000000000000000000000001", Some(1)),
    ("00099", Some(14)),
    // What is no number in ASCII digits is a name.
    ("-1", Some(12)),
    ("+1", None),
    ("1.0", None),
    ("1e3", Some(18)),
    ("0x10", Some(20)),
    ("٣", Some(15)),
    ("３", None),
    // Names are compared as they are.
    ("José Ñandú 🦩", Some(16)),
    (" spaced ", Some(17)),
    ("spaced", None),
    (" 1", None),
    ("ANA", None),
    ("+tag'quote\"@example.com", Some(18)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_found_by_id_then_e_mail_then_username_in_both_topics() {
    let world = World::new(1).await;
    world.database.batch_execute(MORE_USERS).await.unwrap();
    let named = |index: usize| format!("booking_{index:02}");
    let bookings = USERS.iter().enumerate().map(|(index, (user, _))| {
        let mut event = booking(&named(index));
        event["userId"] = json!(user);
        Message::event(&event)
    });
    world.produce_all(&world.bookings, &bookings.collect::<Vec<_>>()).await;
    let worker = world.worker();
    world.settled().await;
    let sql = "SELECT booking_id, user_id FROM bookings ORDER BY booking_id";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let found: Vec<(String, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let owners = USERS.iter().enumerate().filter_map(|(index, (_, id))| Some((named(index), (*id)?)));
    assert_eq!(found, owners.collect::<Vec<_>>());

    // Who can be named can cancel, in the same words; a name that is nobody's is waited for.
    let verdicts = |known: &'static str| {
        let verdict =
            move |(_, id): &(&str, Option<i32>)| if id.is_some() { known } else { "held:unknown_user" };
        USERS.iter().map(verdict).collect::<Vec<_>>()
    };
    assert_eq!(world.verdicts(&world.bookings).await, verdicts("accepted"));
    let sql = "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
               VALUES ($1, 1, 1, 1, '2027-01-01', '2027-01-02') ON CONFLICT DO NOTHING";
    // Those whose user is nobody's wait, and so would all that comes after them: their bookings get other names.
    let booked =
        |index: usize| if USERS[index].1.is_some() { named(index) } else { format!("by_hand_{index}") };
    for index in 0..USERS.len() {
        world.database.execute(sql, &[&booked(index)]).await.unwrap();
    }
    let cancellations = USERS
        .iter()
        .enumerate()
        .map(|(index, (user, _))| Message::event(&cancellation(&booked(index), user)));
    world.produce_all(&world.cancellations, &cancellations.collect::<Vec<_>>()).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, verdicts("cancelled"));
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_found_by_its_internal_id_only() {
    let world = World::new(1).await;
    let rooms = "INSERT INTO rooms (id, internal_id) VALUES (90, '2'), (91, 'zimmer ß 部屋'), (92, '   x')";
    world.database.batch_execute(rooms).await.unwrap();
    let forms: [(&str, Option<i32>); 9] = [
        ("room_garden_002", Some(2)),
        ("2", Some(90)),
        ("zimmer ß 部屋", Some(91)),
        ("   x", Some(92)),
        ("x", None),
        ("1", None),
        ("Ocean", None),
        ("ROOM_GARDEN_002", None),
        ("room_garden_002 ", None),
    ];
    let messages = forms.iter().enumerate().map(|(index, (room, _))| {
        let mut event = booking(&format!("b{index}"));
        event["roomId"] = json!(room);
        Message::event(&event)
    });
    world.produce_all(&world.bookings, &messages.collect::<Vec<_>>()).await;
    let worker = world.worker();
    world.settled().await;
    let rows = world.database.query("SELECT room_id FROM bookings ORDER BY booking_id", &[]).await.unwrap();
    let found: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, forms.iter().filter_map(|(_, room)| *room).collect::<Vec<_>>());
    let expected: Vec<&str> =
        forms.iter().map(|(_, room)| if room.is_some() { "accepted" } else { "held:unknown_room" }).collect();
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_id_is_stored_and_found_as_it_was_written() {
    let world = World::new(1).await;
    let longest = "é".repeat(255);
    let ids = [
        "booking_1736935200_a1B2c3",
        "17",
        "017",
        "a b",
        " padded ",
        "'; DROP TABLE bookings; --",
        "\"quoted\" \\ {braces}, %s $1",
        "line\nbreak\ttab\u{1b}[2J\u{202e}",
        "予約 🏨",
        "BOOKING",
        "booking",
        &longest,
    ];
    let worker = world.worker();
    let bookings: Vec<Message> = ids.iter().map(|id| Message::event(&booking(id))).collect();
    world.produce_all(&world.bookings, &bookings).await;
    world.settled().await;
    let ledger = world.ledger().await;
    let found: Vec<(&str, &str)> = ledger.iter().map(|entry| (&*entry.subject, &*entry.outcome)).collect();
    assert_eq!(found, ids.map(|id| (id, "accepted")));
    let sql = "SELECT count(*) FROM bookings WHERE booking_id = ANY ($1)";
    let stored: i64 = world.database.query_one(sql, &[&ids.as_slice()]).await.unwrap().get(0);
    assert_eq!(usize::try_from(stored).unwrap(), ids.len());
    let cancellations: Vec<Message> = ids.iter().map(|id| Message::event(&cancellation(id, "ana"))).collect();
    world.produce_all(&world.cancellations, &cancellations).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"; 12]);
    world.assert_consistent().await;
    // In the log, too, and no line of it is broken or forged by an id.
    let text = worker.stop_and_show().await;
    assert!(!text.contains(|acting: char| acting != '\n' && (acting.is_control() || acting == '\u{202e}')));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<&str> = of_records(&lines).iter().map(|line| line["bookingId"].as_str().unwrap()).collect();
    assert_eq!(said, [ids, ids].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_client_cancels_by_row_id_and_username() {
    let world = World::new(2).await;
    let worker = world.worker();
    world.produce(&world.bookings, &Message::event(&booking("booking_1736935200_a1B2c3")).partition(0)).await;
    world.settled().await;
    let row: i32 = world.database.query_one("SELECT id FROM bookings", &[]).await.unwrap().get(0);
    // Its key is not the one that the booking came with: another partition, too.
    let event = cancellation(&row.to_string(), "ana");
    let place = world.produce(&world.cancellations, &Message::event(&event).partition(1)).await;
    world.settled().await;
    let ledger = world.ledger().await;
    let entry = ledger.iter().find(|entry| entry.topic == world.cancellations).unwrap();
    assert_eq!((entry.partition, entry.offset), place);
    assert_eq!((entry.verdict().as_str(), &*entry.subject), ("cancelled", "booking_1736935200_a1B2c3"));
    let lines = worker.stop().await;
    let line = lines.iter().find(|line| line["msg"] == "booking cancelled").unwrap();
    assert_eq!((&line["bookingId"], &line["subject"]), (&json!(row.to_string()), &json!(entry.subject)));
}

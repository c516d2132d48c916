//! A random stream of mixed records against a small oracle, in batches of one, of a few and of all there is.

mod oracle;
mod records;

use crate::support::{Message, World};
use oracle::{Oracle, Stay};
use records::Round;

const PARTITIONS: i32 = 3;

/// Rows that no event made.
const BY_HAND: &str = "INSERT INTO public.bookings
        (id, user_id, room_id, number_of_guests, start_date, end_date, status)
    SELECT 9000 + n, 1 + n % 3, 1, 1, '2027-01-01', '2027-01-02',
        CASE WHEN n % 5 < 2 THEN 'Refused' WHEN n % 5 = 2 THEN 'Cancelled' ELSE 'Accepted' END
    FROM generate_series(0, 29) AS n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_stream_ends_as_the_oracle_says_whatever_the_size_of_batches() {
    let seed = std::env::var("INVARIANTS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    println!("to repeat this run: INVARIANTS_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let rounds: Vec<Round> = (0..3).map(|_| records::round(&mut random)).collect();
    let (one, few, all) =
        tokio::join!(replay(&rounds, Some("1")), replay(&rounds, Some("7")), replay(&rounds, None));
    assert_eq!(one, few, "batches of one and of up to seven differ");
    assert_eq!(one, all, "batches of one and of up to a thousand differ");
    // A stream that leaves an outcome out proves nothing about it.
    for word in records::WORDS {
        assert!(one.iter().any(|(_, verdict)| verdict == word), "no record of {} ended as {word}", one.len());
    }
}

/// Plays the stream in a world of its own, checks it against the oracle round by round, and returns what each
/// record is about and its verdict.
async fn replay(rounds: &[Round], batch: Option<&str>) -> Vec<(String, String)> {
    let world = World::new(PARTITIONS).await;
    world.database.batch_execute(BY_HAND).await.unwrap();
    let settings: Vec<(&str, &str)> = batch.map(|most| ("BATCH_MAX_RECORDS", most)).into_iter().collect();
    let worker = world.worker_with(&settings);
    let mut oracle = Oracle::new();
    let mut history = Vec::new();
    for round in rounds {
        let messages: Vec<Message> = round.creations.iter().map(records::Creation::message).collect();
        let expected = round.creations.iter().map(|creation| oracle.create(creation));
        let named = round.creations.iter().map(|creation| creation.id.clone());
        history.extend(play(&world, &world.bookings, &messages, expected.collect(), named.collect()).await);

        let rows = row_ids(&world).await;
        let row_of = |id: &str| rows.iter().find(|(found, _)| found == id).map_or(8_000_000, |(_, row)| *row);
        let messages: Vec<Message> = round.cancellations.iter().map(|event| event.message(row_of)).collect();
        let expected = round.cancellations.iter().map(|event| oracle.cancel(event));
        let named = round.cancellations.iter().map(|event| format!("{:?}", event.target));
        history
            .extend(play(&world, &world.cancellations, &messages, expected.collect(), named.collect()).await);
    }
    assert_eq!(stays(&world).await, oracle.stays, "the bookings that events made");
    assert_eq!(by_hand(&world).await, oracle.by_hand, "the bookings that no event made");
    world.assert_consistent().await;
    worker.stop().await;
    history
}

async fn play(
    world: &World,
    topic: &str,
    messages: &[Message],
    expected: Vec<String>,
    named: Vec<String>,
) -> Vec<(String, String)> {
    let places = world.produce_all(topic, messages).await;
    world.settled().await;
    world.nothing_is_due().await;
    let ledger = world.ledger().await;
    let verdict = |place: &(i32, i64)| {
        let here =
            ledger.iter().find(|entry| entry.topic == topic && (entry.partition, entry.offset) == *place);
        here.unwrap().verdict()
    };
    let found: Vec<String> = places.iter().map(verdict).collect();
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(found[index], expected[index], "record {index} at {:?}: {message:?}", places[index]);
    }
    named.into_iter().zip(found).collect()
}

async fn row_ids(world: &World) -> Vec<(String, i32)> {
    let sql = "SELECT booking_id, id FROM bookings WHERE booking_id IS NOT NULL";
    world.database.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn stays(world: &World) -> Vec<Stay> {
    let sql = "SELECT booking_id, user_id, room_id, number_of_guests, start_date::text, end_date::text, \
               payment_id, status FROM bookings WHERE booking_id IS NOT NULL ORDER BY booking_id COLLATE \"C\"";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let stay = |row: &tokio_postgres::Row| Stay {
        id: row.get(0),
        user: row.get(1),
        room: row.get(2),
        guests: i64::from(row.get::<_, i32>(3)),
        start: row.get(4),
        end: row.get(5),
        payment: row.get(6),
        status: row.get(7),
    };
    rows.iter().map(stay).collect()
}

async fn by_hand(world: &World) -> Vec<(i32, i32, String)> {
    let sql = "SELECT id, user_id, status FROM bookings WHERE booking_id IS NULL ORDER BY id";
    let rows = world.database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

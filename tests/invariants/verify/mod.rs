//! `worker verify`: clean where the promise holds, whatever a worker does meanwhile, and small in memory.

mod damage;
mod retention;
mod status;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use worker::config::{Environment, Settings};
use worker::metrics::Metrics;
use worker::retry::{Ending, Take};
use worker::shared::Shared;
use worker::store::held::Claim;
use worker::store::pool;

use crate::support::load::Load;
use crate::support::schema::ended;
use crate::support::{Message, Stop, World, booking, booking_of, cancellation, eventually};

/// What a verification may hold at most, debug build and all.
const MEMORY: u64 = 48 << 20;

/// What one verification has told.
struct Told {
    code: Option<i32>,
    report: Value,
}

impl Told {
    /// Each kind of finding with its total, in the order in which they were found.
    fn kinds(&self) -> Vec<(&str, u64)> {
        let kinds = self.report["findings"].as_array().unwrap().iter();
        kinds.map(|kind| (kind["kind"].as_str().unwrap(), kind["total"].as_u64().unwrap())).collect()
    }

    fn looked_at(&self, check: &str) -> u64 {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["check"] == check);
        found.unwrap_or_else(|| panic!("no check {check}: {:#}", self.report))["looked_at"].as_u64().unwrap()
    }

    fn assert_clean(&self) {
        assert_eq!((self.code, self.kinds()), (Some(0), vec![]), "{:#}", self.report);
        assert!(self.report["summary"].as_str().unwrap().starts_with("the promise holds: "));
    }
}

impl World {
    /// Runs `worker verify` with further arguments and settings.
    async fn verify(&self, arguments: &[&str], extra: &[(&str, &str)]) -> Told {
        let arguments: Vec<&str> = ["verify", "--json"].iter().chain(arguments).copied().collect();
        let (code, text) = ended(self.run(&arguments, extra)).await;
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Told { code, report }
    }

    /// Sends all dead records of the bookings on their way again, as a person does.
    async fn redrive(&self) {
        let environment: Environment = self.settings(&[]).into_iter().collect();
        let settings = Settings::from_snapshot(&environment).unwrap();
        let (pool, metrics) = (pool::pool(&settings.database).unwrap(), Arc::new(Metrics::new().unwrap()));
        let shared = Shared::new(&settings, pool, Arc::default(), metrics);
        let dead = "SELECT id FROM worker.held WHERE topic = $1 AND status = 'dead'";
        let rows = self.database.query(dead, &[&self.bookings]).await.unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let routes = worker::booking::routes(&settings);
        let route = routes.iter().find(|route| **route.topic() == *self.bookings).unwrap();
        let retried = route.retry(&shared, Take::Held(Claim::These(&ids)), Ending::Commit).await;
        assert_eq!(retried.unwrap_or_else(|fault| panic!("{fault}")).len(), ids.len());
    }
}

/// Runs statements; B stands for the topic of the bookings, G for the group.
async fn execute(world: &World, sql: &str) {
    let sql =
        sql.replace("'B'", &format!("'{}'", world.bookings)).replace("'G'", &format!("'{}'", world.group));
    world.database.batch_execute(&sql).await.unwrap();
}

/// A booking that [`no_thirteen`] refuses.
fn refused(id: &str) -> Message {
    let mut event = booking(id);
    event["guests"] = 13.into();
    Message::event(&event)
}

async fn no_thirteen(world: &World, refuse: bool) {
    let what = if refuse {
        "ADD CONSTRAINT no_thirteen CHECK (number_of_guests <> 13)"
    } else {
        "DROP CONSTRAINT no_thirteen"
    };
    world.database.batch_execute(&format!("ALTER TABLE public.bookings {what}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_held_retried_redriven_and_replayed_is_verified_clean() {
    let world = Arc::new(World::new(2).await);
    let settings = [("HELD_BACKOFF_MIN", "50ms"), ("HELD_BACKOFF_MAX", "200ms")];
    let worker = world.worker_with(&settings);
    let load = Load::start(&world, 7, 8).await;
    world.book(&booking_of("dora", "late")).await;
    world.cancel(&cancellation("late", "dora")).await;
    load.more(8);
    load.stop().await;
    world.settled().await;
    world.verify(&[], &[]).await.assert_clean();
    // Who was unknown is known now; what was refused is not any more.
    let dora = "INSERT INTO users (email, username) VALUES ('dora@example.com', 'dora')";
    world.database.batch_execute(dora).await.unwrap();
    eventually("the held cancellation to be applied", async || {
        let sql = "SELECT 1 FROM worker.ledger WHERE outcome = 'cancelled' AND subject = 'late'";
        world.database.query_opt(sql, &[]).await
    })
    .await;
    no_thirteen(&world, false).await;
    world.redrive().await;
    worker.stop().await;
    world.move_position(5).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert!(told.looked_at("outcomes") > told.report["records"].as_u64().unwrap(), "{:#}", told.report);
    assert_eq!(told.looked_at("records"), told.report["records"].as_u64().unwrap());
    assert_eq!(told.looked_at("positions"), 4);
    for check in ["held", "bookings"] {
        assert!(told.looked_at(check) > 0, "{check}: {:#}", told.report);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_at_work_raises_no_alarm() {
    let world = World::new(3).await;
    let mut worker = world.worker_with(&[
        ("HELD_BACKOFF_MIN", "10ms"),
        ("HELD_BACKOFF_MAX", "50ms"),
        ("LOG_LEVEL", "warn"),
    ]);
    let stop = Stop::default();
    let watch = async {
        let (mut before, mut rounds) = (0, 0);
        // Verifications that saw nothing new would prove nothing.
        while rounds < 8 {
            let told = world.verify(&["--records"], &[]).await;
            told.assert_clean();
            let records = told.report["records"].as_u64().unwrap();
            rounds += i32::from(records > before);
            before = records;
        }
        stop.set();
    };
    tokio::join!(world.load(&stop), watch);
    world.settled().await;
    world.verify(&["--records"], &[]).await.assert_clean();
    assert!(worker.exited().is_none());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_are_verified_in_little_memory() {
    let world = World::new(1).await;
    let rows = 200_000_i64;
    for sql in [
        "INSERT INTO public.bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date)
         SELECT 'booking_' || n, 1, 1, 2, '2027-01-15', '2027-01-18' FROM generate_series(1, $2::bigint) AS n
         WHERE $1::text <> ''",
        "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome, baggage)
         SELECT $1, 'generated', 0, n - 1, 'booking_' || n, 'accepted', repeat('a=b,', 50)
         FROM generate_series(1, $2::bigint) AS n",
        "INSERT INTO worker.positions (group_id, topic, partition, next_offset, first_offset)
         VALUES ($1, 'generated', 0, $2, 0)",
    ] {
        world.database.execute(sql, &[&world.group, &rows]).await.unwrap();
    }
    world.database.batch_execute("ANALYZE").await.unwrap();
    let clean = peak(&world, &["verify"], 0).await;
    // As many findings as rows are no other matter.
    world.database.batch_execute("UPDATE worker.ledger SET revision = 3").await.unwrap();
    let broken = peak(&world, &["verify"], 1).await;
    for peak in [clean, broken] {
        assert!((1..MEMORY).contains(&peak), "{clean} and {broken} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_records_are_compared_in_little_memory() {
    let world = World::new(1).await;
    let (records, chunk) = (60_000_i64, 2_000_i64);
    let message = Message::bytes("x".repeat(1_000)).partition(0);
    for _ in 0..records / chunk {
        world.produce_all(&world.bookings, &vec![message.clone(); usize::try_from(chunk).unwrap()]).await;
    }
    for sql in [
        "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome)
         SELECT $1, $3, 0, n, 's', 'diverted' FROM generate_series(0, $2::bigint - 1) AS n",
        "INSERT INTO worker.positions (group_id, topic, partition, next_offset, first_offset)
         VALUES ($1, $3, 0, $2, 0)",
    ] {
        world.database.execute(sql, &[&world.group, &records, &world.bookings]).await.unwrap();
    }
    let clean = peak(&world, &["verify", "--records"], 0).await;
    world
        .database
        .batch_execute("UPDATE worker.ledger SET record_offset = -1 - record_offset")
        .await
        .unwrap();
    let broken = peak(&world, &["verify", "--records"], 1).await;
    for peak in [clean, broken] {
        assert!((1..MEMORY).contains(&peak), "{clean} and {broken} bytes");
    }
}

/// Verifies, expects that it ends so, and returns the most memory that it took.
async fn peak(world: &World, arguments: &[&str], code: i32) -> u64 {
    let mut verify = world.run(arguments, &[]);
    let mut peak = 0;
    let status = loop {
        // Its end is no moment to ask: what it held is gone then.
        peak = verify.peak_memory_so_far().unwrap_or(peak);
        match verify.exited() {
            Some(status) => break status,
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    assert_eq!(status.code(), Some(code), "{}", verify.text());
    peak
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_servers_it_ends_with_what_is_missing_and_proves_nothing() {
    let world = World::new(1).await;
    let (code, text) = ended(world.run(&["verify", "--records"], &[("KAFKA_BROKERS", "127.0.0.1:9")])).await;
    assert_eq!(code, Some(1));
    let said =
        "worker: nothing is proven about the topics: Kafka at 127.0.0.1:9 does not answer as it should: ";
    assert!(text.starts_with(said) && text.lines().count() == 1, "{text}");
    // The tables can be verified without Kafka.
    world.verify(&[], &[("KAFKA_BROKERS", "127.0.0.1:9")]).await.assert_clean();
    let (code, text) = ended(world.run(&["verify"], &[("DB_PORT", "9")])).await;
    assert_eq!(code, Some(1));
    assert!(text.starts_with("worker: nothing is proven: PostgreSQL: "), "{text}");
    let (code, text) = ended(world.run(&["verify", "--help"], &[])).await;
    assert_eq!(code, Some(0));
    for said in ["--records", "--all-groups", "--json", "0 only where nothing breaks the promise"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_reads_a_table_and_a_last_line_that_says_it_all() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book(&booking("b1")).await;
    world.book(&booking("b1")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let (code, text) = ended(world.run(&["verify"], &[])).await;
    assert_eq!(code, Some(0), "{text}");
    let expected = "check      looked at            findings\n\
                    positions  2 partitions         0\n\
                    outcomes   2 outcomes           0\n\
                    held       0 records set aside  0\n\
                    relay      1 cursors            0\n\
                    bookings   1 bookings           0\n\
                    \n\
                    the promise holds: 2 records, 2 partitions, 2 outcomes, 0 records set aside, 1 cursors, 1 \
                    bookings; nothing contradicts";
    assert_eq!(text, expected);
    world.database.batch_execute("DELETE FROM bookings").await.unwrap();
    let (code, text) = ended(world.run(&["verify"], &[])).await;
    assert_eq!(code, Some(1), "{text}");
    let named = format!(
        "accepted_without_booking (1)\n  {} {}/0@0  b1  it is accepted, but no row of bookings has this booking_id\n",
        world.group, world.bookings
    );
    assert!(text.contains(&named), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("the promise is broken: 1 finding (accepted_without_booking)"),
        "{text}"
    );
}

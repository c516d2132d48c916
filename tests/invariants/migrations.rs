//! Migrations on every kind of database, by any number of processes, cut off at any point.

use stack::Signal;

use serde_json::json;

use crate::support::schema::{Empty, THEIR_SCRIPT, ended};
use crate::support::{DEADLINE, World, eventually, stack};

const ALL: [&str; 3] = ["V1__shared_tables", "V2__worker_tables", "V3__retries_and_relay"];
const APPLIED: &str = "applied V1__shared_tables\napplied V2__worker_tables\napplied V3__retries_and_relay";
const NOTHING: &str = "the schema is up to date; nothing to apply";

/// What their script has put in, row by row.
const THEIR_DATA: &str = "
    SELECT users::text FROM users UNION ALL SELECT rooms::text FROM rooms UNION ALL
    SELECT (id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)::text FROM bookings
    ORDER BY 1";

/// The worker's advisory lock, held or waited for in this database.
const LOCKS: &str = "SELECT granted::text FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The key of that lock: "worker" in ASCII.
const KEY: i64 = 0x776f_726b_6572;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_gets_the_contracts_tables_and_the_workers_own() {
    let database = Empty::new().await;
    assert_eq!(database.migrate().await, (Some(0), APPLIED.to_owned()));
    let shared = database.shared_schema().await;
    for expected in [
        "users.email character varying(255) not null",
        "users.username character varying(100) not null",
        "users.date_of_birth date",
        "users.created_at timestamp without time zone default CURRENT_TIMESTAMP",
        "rooms.internal_id character varying(50) not null",
        "rooms.capacity integer",
        "bookings.id integer not null default nextval('bookings_id_seq'::regclass)",
        "bookings.payment_id character varying(255)",
        "bookings.status character varying(50) not null default 'Accepted'::character varying",
        "bookings.booking_id character varying(255)",
        "bookings CHECK ((end_date > start_date))",
        "bookings CHECK ((number_of_guests > 0))",
        "bookings FOREIGN KEY (room_id) REFERENCES rooms(id)",
        "bookings FOREIGN KEY (user_id) REFERENCES users(id)",
        "users UNIQUE (email)",
        "users UNIQUE (username)",
        "rooms UNIQUE (internal_id)",
        "bookings unique (booking_id)",
        "bookings (start_date, end_date)",
        "bookings (user_id)",
        "bookings (room_id)",
        "users (email)",
        "users (username)",
        "rooms (internal_id)",
    ] {
        assert!(shared.iter().any(|found| found == expected), "{expected} is missing from {shared:#?}");
    }
    let own = "SELECT relname::text FROM pg_class WHERE relnamespace = 'worker'::regnamespace \
               AND relkind = 'r' ORDER BY 1";
    assert_eq!(
        database.texts(own).await,
        ["groups", "held", "ledger", "positions", "relay", "schema_history"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_either_order_with_booking_managements_script_the_schema_is_the_same_and_the_data_stays() {
    let (theirs_first, ours_first) = (Empty::new().await, Empty::new().await);
    theirs_first.run(THEIR_SCRIPT).await;
    let data = theirs_first.texts(THEIR_DATA).await;
    assert_eq!(data.len(), 7);
    assert_eq!(theirs_first.migrate().await, (Some(0), APPLIED.to_owned()));
    assert_eq!(theirs_first.texts(THEIR_DATA).await, data);
    // Their service starts again.
    theirs_first.run(THEIR_SCRIPT).await;
    assert_eq!(theirs_first.texts(THEIR_DATA).await, data);

    assert_eq!(ours_first.migrate().await, (Some(0), APPLIED.to_owned()));
    ours_first.run(THEIR_SCRIPT).await;
    assert_eq!(ours_first.texts("SELECT status FROM bookings ORDER BY id").await.len(), 3);
    assert_eq!(ours_first.migrate().await, (Some(0), NOTHING.to_owned()));
    assert_eq!(ours_first.shared_schema().await, theirs_first.shared_schema().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_services_may_start_at_the_same_moment_on_an_empty_database() {
    let database = Empty::new().await;
    // Their tables are made, but not committed: nobody else sees them yet, and nobody else can make them.
    database.run(&format!("BEGIN; {THEIR_SCRIPT}")).await;
    let migrates = database.start(&["migrate"], &[]);
    eventually("the migration to run into their tables", async || {
        let waiting = "SELECT pid::text FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
        Ok::<_, ()>((!database.texts(waiting).await.is_empty()).then_some(()))
    })
    .await;
    database.run("COMMIT").await;
    let (code, text) = ended(migrates).await;
    assert!(code == Some(0) && text.ends_with(APPLIED), "{text}");
    assert_eq!(database.texts(THEIR_DATA).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_processes_at_once_all_succeed_and_each_migration_is_applied_once() {
    let database = Empty::new().await;
    database.run(THEIR_SCRIPT).await;
    let workers: Vec<_> = (0..8).map(|_| database.start(&["migrate", "--json"], &[])).collect();
    let mut printed = Vec::new();
    for worker in workers {
        let (code, text) = ended(worker).await;
        assert_eq!(code, Some(0), "{text}");
        printed.push(text);
    }
    let mut expected = vec![r#"{"applied":[]}"#.to_owned(); 7];
    expected.insert(0, json!({ "applied": ALL }).to_string());
    printed.sort();
    expected.sort();
    assert_eq!(printed, expected);
    assert_eq!(database.history().await, ALL);
    assert_eq!(database.migrate().await, (Some(0), NOTHING.to_owned()), "again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_database_is_refused_in_one_plain_line_and_left_alone() {
    let database = Empty::new().await;
    database.migrate().await;
    database
        .run(
            "INSERT INTO worker.schema_history (version, name, applied_on, checksum)
             VALUES (99, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
        )
        .await;
    let before = database.shared_schema().await;
    for arguments in [["migrate"], ["run"]] {
        let (code, text) = ended(database.start(&arguments, &[("LOG_LEVEL", "off")])).await;
        assert_eq!(code, Some(1), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("worker: the database is newer than this worker"), "{text}");
        assert!(text.contains("V99__from_the_future") && text.contains("up to V3"), "{text}");
    }
    assert_eq!(database.shared_schema().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_table_that_has_the_column_already_keeps_it_with_its_content() {
    let database = Empty::new().await;
    database.run(THEIR_SCRIPT).await;
    database
        .run(
            "ALTER TABLE bookings ADD booking_id varchar(255); UPDATE bookings SET booking_id = 'old-' || id",
        )
        .await;
    assert_eq!(database.migrate().await, (Some(0), APPLIED.to_owned()));
    let kept = database.texts("SELECT booking_id FROM bookings ORDER BY id").await;
    assert_eq!(kept, ["old-1", "old-2", "old-3"]);
    let again = "INSERT INTO bookings (user_id, room_id, number_of_guests, start_date, end_date, booking_id) \
                 VALUES (1, 1, 1, '2026-01-01', '2026-01-02', 'old-1')";
    assert!(database.client.execute(again, &[]).await.is_err(), "the column is not unique");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_there_twice_fail_the_migration_and_leave_the_table_as_it_was() {
    let database = Empty::new().await;
    database.run(THEIR_SCRIPT).await;
    database
        .run("ALTER TABLE bookings ADD booking_id varchar(255); UPDATE bookings SET booking_id = 'x'")
        .await;
    let before = database.shared_schema().await;
    let (code, text) = database.migrate().await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("worker: ") && text.contains("bookings_booking_id_key"), "{text}");
    assert_eq!(database.shared_schema().await, before);
    assert!(database.history().await.is_empty());
    database.run("UPDATE bookings SET booking_id = id").await;
    assert_eq!(database.migrate().await, (Some(0), APPLIED.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_while_it_waits_for_its_turn_leaves_nothing_behind() {
    let database = Empty::new().await;
    database.client.execute("SELECT pg_advisory_lock($1)", &[&KEY]).await.unwrap();
    let mut waits = database.start(&["migrate"], &[]);
    eventually("it to wait for its turn", async || {
        Ok::<_, ()>(database.texts(LOCKS).await.contains(&"false".to_owned()).then_some(()))
    })
    .await;
    waits.kill().await;
    database.client.execute("SELECT pg_advisory_unlock($1)", &[&KEY]).await.unwrap();
    eventually("its lock to be gone", async || {
        let locks = database.texts(LOCKS).await;
        if locks.is_empty() { Ok(Some(())) } else { Err(locks) }
    })
    .await;
    let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname = 'worker'";
    assert!(database.texts(schemas).await.is_empty());
    assert!(database.shared_schema().await.is_empty());
    assert_eq!(database.migrate().await, (Some(0), APPLIED.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_cut_off_by_a_kill_or_a_signal_is_applied_as_a_whole_the_next_time() {
    for signal in [Signal::KILL, Signal::TERM] {
        let database = Empty::new().await;
        database.run(THEIR_SCRIPT).await;
        let before = database.shared_schema().await;
        database.run("BEGIN; LOCK TABLE bookings IN ACCESS SHARE MODE").await;
        let mut cut_off = database.start(&["migrate"], &[]);
        eventually("the migration to wait for the table", async || {
            let waiting =
                "SELECT pid::text FROM pg_locks WHERE NOT granted AND relation = 'bookings'::regclass";
            Ok::<_, ()>((!database.texts(waiting).await.is_empty()).then_some(()))
        })
        .await;
        cut_off.signal(signal);
        let status = cut_off.ended_within(DEADLINE).await;
        assert!(!status.success(), "{}", cut_off.text());
        database.run("COMMIT").await;
        eventually("its server process to be gone", async || {
            let locks = database.texts(LOCKS).await;
            if locks.is_empty() { Ok(Some(())) } else { Err(locks) }
        })
        .await;
        assert_eq!(database.shared_schema().await, before);
        assert_eq!(database.migrate().await, (Some(0), APPLIED.to_owned()));
        assert_eq!(database.history().await, ALL);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_migrate_on_start_off_the_worker_changes_no_schema_and_says_what_is_missing() {
    let database = Empty::new().await;
    let brokers = stack().await.kafka.bootstrap();
    let world = World::new(1).await;
    let settings = [
        ("MIGRATE_ON_START", "false"),
        ("KAFKA_BROKERS", brokers),
        ("KAFKA_GROUP_ID", &world.group),
        ("KAFKA_BOOKING_TOPIC", &world.bookings),
        ("KAFKA_CANCELLATION_TOPIC", &world.cancellations),
    ];
    let (code, text) = ended(database.start(&["run"], &settings)).await;
    assert_eq!(code, Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("worker: ") && last.contains("relation \"worker."), "{last}");
    assert!(database.history().await.is_empty());
    assert!(database.shared_schema().await.is_empty());
    database.migrate().await;
    let mut worker = database.start(&["run"], &settings);
    worker.begins(2).await;
    worker.stop().await;
}

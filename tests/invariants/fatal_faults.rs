//! What no waiting mends: the worker halts with one plain last line, and nothing is lost.

use std::time::Duration;

use crate::support::compare::until;
use crate::support::{Message, Worker, World, booking};

const HALTS: &str = "worker halts: positions stand below what was not applied";

/// Asserts that it ends with 1, says why as its last line, in plain text, and says so in the log.
async fn assert_halts(worker: &mut Worker, problem: &str) {
    let status = worker.ended_within(Duration::from_secs(30)).await;
    let text = worker.text();
    assert_eq!(status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("worker: ") && last.contains(problem), "{problem} is not named last:\n{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("worker: ")).count(), 1, "{text}");
    let halts = worker.lines_with(HALTS);
    assert_eq!(halts.len(), 1, "{text}");
    assert_eq!(halts[0]["level"], "ERROR");
    assert!(halts[0]["error"].as_str().unwrap().contains(problem), "{text}");
}

/// Breaks the database under a running worker, mends it, and asserts that the next worker goes on.
async fn assert_survives(breakage: &str, mend: &str, problem: &str, message: Message, verdict: &str) {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book(&booking("first")).await;
    world.settled().await;
    world.database.batch_execute(breakage).await.unwrap();
    world.produce(&world.bookings, &message).await;
    assert_halts(&mut worker, problem).await;
    assert_eq!((world.applied().await, world.ledger().await.len()), (1, 1), "{breakage}");
    assert!(world.committed(&world.bookings).await[0] <= Some(1));
    world.database.batch_execute(mend).await.unwrap();
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted", verdict], "{breakage}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_column_halts_the_worker_and_moves_nothing() {
    let breakage = "ALTER TABLE bookings DROP COLUMN payment_id";
    let mend = "ALTER TABLE bookings ADD COLUMN payment_id varchar(255)";
    assert_survives(breakage, mend, "42703", Message::event(&booking("b1")), "accepted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_table_halts_the_worker_and_moves_nothing() {
    let (breakage, mend) = ("ALTER TABLE bookings RENAME TO gone", "ALTER TABLE gone RENAME TO bookings");
    assert_survives(breakage, mend, "42P01", Message::event(&booking("b1")), "accepted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_whose_type_no_longer_fits_halts_the_worker_and_moves_nothing() {
    let breakage = "ALTER TABLE bookings ALTER number_of_guests TYPE bigint";
    let mend = "ALTER TABLE bookings ALTER number_of_guests TYPE integer";
    // Read only to be compared with an event that came before.
    assert_survives(breakage, mend, "int8", Message::event(&booking("first")), "duplicate").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_record_that_cannot_be_kept_halts_the_worker_and_is_not_passed_over() {
    let breakage = "ALTER TABLE worker.held RENAME TO gone";
    let mend = "ALTER TABLE worker.gone RENAME TO held";
    assert_survives(breakage, mend, "42P01", Message::bytes("poison"), "dead:undecodable").await;
    let breakage = "ALTER TABLE worker.ledger ADD CONSTRAINT no_dead CHECK (outcome <> 'dead')";
    let mend = "ALTER TABLE worker.ledger DROP CONSTRAINT no_dead";
    assert_survives(breakage, mend, "no_dead", Message::bytes("poison"), "dead:undecodable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_right_halts_the_worker_and_moves_nothing() {
    let world = World::new(1).await;
    let role = format!("reader_of_{}", world.database_name);
    let create = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret';
         GRANT USAGE ON SCHEMA worker TO {role};
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA worker, public TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA worker, public TO {role}"
    );
    world.database.batch_execute(&create).await.unwrap();
    // It may not migrate, which needs the right to create.
    let settings = [("DB_USER", &*role), ("DB_PASSWORD", "secret"), ("MIGRATE_ON_START", "false")];
    let mut worker = world.worker_with(&settings);
    world.book(&booking("first")).await;
    world.settled().await;
    world.database.batch_execute(&format!("REVOKE INSERT ON bookings FROM {role}")).await.unwrap();
    world.book(&booking("b1")).await;
    assert_halts(&mut worker, "permission denied for table bookings (SQLSTATE 42501)").await;
    assert_eq!((world.applied().await, world.ledger().await.len()), (1, 1));
    world.database.batch_execute(&format!("GRANT INSERT ON bookings TO {role}")).await.unwrap();
    let worker = world.worker_with(&settings);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    worker.stop().await;
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    until("the role to be free", async || world.database.batch_execute(&drop).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_the_worker_at_start_is_not_waited_for() {
    let world = World::new(1).await;
    for (settings, problem) in [
        (("DB_PASSWORD", "wrong"), "28P01"),
        (("DB_USER", "nobody_at_all"), "28P01"),
        (("DB_NAME", "no_such_database"), "3D000"),
    ] {
        let mut worker = world.worker_with(&[settings]);
        assert_halts(&mut worker, problem).await;
        assert!(!worker.text().contains("wrong"), "the password is in the log:\n{}", worker.text());
    }
    assert_eq!(world.positions().await, []);
}

//! The worker as the role of `config/postgres`: it can do all of its work, and nothing else.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::compare::until;
use crate::support::{Message, Said, World, booking, cancellation, stack};

const PASSWORD: &str = "role-password";

/// A world whose database is migrated by one role and used by another; whatever PUBLIC had is taken away.
struct Scene {
    world: World,
    owner: String,
    runner: String,
}

/// Runs a script of `config/postgres` as the superuser.
fn script(world: &World, file: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let settings = world.settings(&[]);
    let setting = |name: &str| settings.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let mut command = Command::new("psql");
    command
        .args(["-X", "-q", "-h", &setting("DB_HOST"), "-p", &setting("DB_PORT"), "-U", &setting("DB_USER")])
        .args(["-d", &setting("DB_NAME")])
        .env("PGPASSWORD", setting("DB_PASSWORD"));
    for (name, value) in variables {
        command.arg("-v").arg(format!("{name}={value}"));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/postgres").join(file);
    let output = command.arg("-f").arg(path).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

impl Scene {
    async fn new() -> Self {
        let world = World::new(1).await;
        let (owner, runner) =
            (format!("owner_of_{}", world.database_name), format!("runner_of_{}", world.database_name));
        // An empty database, and nothing for those who are nobody.
        let empty = format!(
            "DROP SCHEMA worker CASCADE; DROP TABLE bookings, rooms, users;
             REVOKE ALL ON DATABASE {} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
             CREATE TABLE salaries (name text)",
            world.database_name
        );
        world.database.batch_execute(&empty).await.unwrap();
        let scene = Self { world, owner, runner };
        scene.script("roles.sql").unwrap();
        for role in [&scene.owner, &scene.runner] {
            let password = format!("ALTER ROLE {role} PASSWORD '{PASSWORD}'");
            scene.world.database.batch_execute(&password).await.unwrap();
        }
        scene
    }

    /// The same, migrated by the owner, with people and rooms, and the runner's rights.
    async fn migrated() -> Self {
        let scene = Self::new().await;
        let mut migrate = scene.world.run(&["migrate"], &scene.as_owner());
        let status = migrate.ended_within(Duration::from_secs(30)).await;
        assert!(status.success(), "{}", migrate.text());
        scene.world.seed().await;
        scene.script("grants.sql").unwrap();
        // Whoever migrates again gives the rights again.
        scene.script("roles.sql").unwrap();
        scene.script("grants.sql").unwrap();
        scene
    }

    fn script(&self, file: &str) -> Result<(), String> {
        script(&self.world, file, &[("owner", &self.owner), ("runner", &self.runner)])
    }

    fn as_owner(&self) -> [(&str, &str); 2] {
        [("DB_USER", &self.owner), ("DB_PASSWORD", PASSWORD)]
    }

    fn as_runner<'a>(&'a self, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("DB_USER", &*self.runner), ("DB_PASSWORD", PASSWORD)], extra].concat()
    }

    async fn connect(&self) -> Client {
        let postgres = &stack().await.postgres;
        let mut config = tokio_postgres::Config::new();
        config.host(postgres.host()).port(postgres.port()).user(&self.runner).password(PASSWORD);
        stack::postgres::connect(config.dbname(&self.world.database_name)).await.unwrap()
    }

    /// Runs a command as the runner; it must succeed.
    async fn command(&self, arguments: &[&str]) -> String {
        let Said { code, out, err } = self.world.command_with(arguments, &self.as_runner(&[])).await;
        assert_eq!((code, &*err), (Some(0), ""), "{arguments:?}: {out}");
        out
    }
}

fn with(id: &str, member: &str, value: Value) -> Message {
    let mut event = booking(id);
    event[member] = value;
    Message::event(&event)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runners_rights_are_enough_for_all_outcomes_the_relay_and_retention() {
    let scene = Scene::migrated().await;
    let world = &scene.world;
    let settings = scene.as_runner(&[
        ("BOOKING_OVERLAP", "refuse"),
        ("BOOKING_CAPACITY", "refuse"),
        ("HELD_BACKOFF_MIN", "50ms"),
        ("HELD_BACKOFF_MAX", "100ms"),
        ("LEDGER_RETENTION", "7d"),
    ]);
    let worker = world.worker_with(&settings);
    let messages = [
        Message::event(&booking("b0")),
        Message::event(&booking("b0")),
        with("b1", "guests", json!(9)),
        Message::event(&booking("b2")),
        with("b3", "userId", json!("latecomer")),
        Message::bytes("{").key("b4"),
        Message::event(&booking("b5")).header("baggage", "okteto-divert=ana"),
        with("b0", "guests", json!(1)),
    ];
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    let cancellations = ["bo", "ana", "ana"].map(|user| Message::event(&cancellation("b0", user)));
    world.produce_all(&world.cancellations, &cancellations).await;
    world.produce(&world.cancellations, &Message::event(&cancellation("b9", "ana"))).await;
    world.settled().await;
    let expected = [
        "accepted",
        "duplicate",
        "rejected:over_capacity",
        "rejected:room_taken",
        "held:unknown_user",
        "dead:undecodable",
        "diverted",
        "rejected:conflicting_booking",
    ];
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    let expected = ["rejected:not_owner", "cancelled", "rejected:already_cancelled", "held:unknown_booking"];
    assert_eq!(world.verdicts(&world.cancellations).await, expected);
    let newcomer = "INSERT INTO users (email, username) VALUES ('l@x', 'latecomer')";
    world.database.batch_execute(newcomer).await.unwrap();
    until("the sweeper to apply it", async || {
        world.verdicts(&world.bookings).await.iter().filter(|verdict| *verdict == "accepted").count() == 2
    })
    .await;
    world.all_published().await;

    // Beside the running worker, and as the same role.
    for arguments in [
        &["held", "list"][..],
        &["held", "list", "--status", "diverted"],
        &["held", "redrive", "--all", "--dry-run"],
        &["held", "redrive", "--all"],
        &["held", "redrive", "--status", "diverted", "--all"],
        &["held", "discard", "--reason", "unknown_booking", "--status", "waiting", "--note", "gone"],
        &["held", "accept", &world.bookings, "0"],
        &["explain", "b0"],
        &["positions"],
        &["verify", "--records"],
        &["migrate"],
    ] {
        scene.command(arguments).await;
    }
    let id: i64 = world.database.query_one("SELECT min(id) FROM worker.held", &[]).await.unwrap().get(0);
    scene.command(&["held", "show", &id.to_string()]).await;
    worker.stop().await;

    let age = "UPDATE worker.ledger SET recorded_at = now() - interval '30 days';
               UPDATE worker.held SET updated_at = now() - interval '30 days'";
    world.database.batch_execute(age).await.unwrap();
    let worker = world.worker_with(&settings);
    until("retention to delete", async || world.ledger().await.iter().all(|entry| entry.subject == "b4"))
        .await;
    let lines = worker.stop().await;
    assert!(lines.iter().all(|line| !line.to_string().contains("permission denied")), "{lines:#?}");
    scene.command(&["positions", "set", &world.bookings, "0", "7", "--force"]).await;
    let worker = world.worker_with(&settings);
    world.settled().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_begins_with_the_runners_rights() {
    let mut scene = Scene::migrated().await;
    scene.world.group = format!("overlay-{}", scene.world.group);
    let world = &scene.world;
    let settings = scene.as_runner(&[
        ("OKTETO_NAMESPACE", "ana"),
        ("OKTETO_DIVERTED_ENVIRONMENT", "ana"),
        ("KAFKA_GROUP_ID", &world.group),
    ]);
    let worker = world.worker_with(&settings);
    until("the overlay to begin", async || world.positions().await.len() == 2).await;
    let message = Message::event(&booking("b0")).header("baggage", "okteto-divert=ana");
    world.produce(&world.bookings, &message).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_worker_does_not_need_is_refused_to_the_runner() {
    let scene = Scene::migrated().await;
    let client = scene.connect().await;
    for statement in [
        "DROP TABLE worker.ledger",
        "TRUNCATE worker.ledger",
        "UPDATE worker.ledger SET outcome = 'accepted'",
        "ALTER TABLE worker.positions ADD COLUMN more text",
        "DELETE FROM worker.positions",
        "UPDATE worker.groups SET began_at = now()",
        "DELETE FROM worker.schema_history",
        "INSERT INTO worker.schema_history (version) VALUES (99)",
        "DROP SCHEMA worker CASCADE",
        "CREATE TABLE worker.more ()",
        "CREATE TABLE public.more ()",
        "CREATE TEMPORARY TABLE more ()",
        "CREATE SCHEMA more",
        "ALTER TABLE public.bookings DROP COLUMN booking_id",
        "DROP TABLE public.bookings",
        "DELETE FROM public.bookings",
        "UPDATE public.bookings SET user_id = 1",
        "UPDATE public.bookings SET booking_id = NULL",
        "INSERT INTO public.bookings (id) VALUES (1)",
        "SELECT date_of_birth FROM public.users",
        "SELECT name, surname FROM public.users",
        "UPDATE public.users SET email = 'x'",
        "INSERT INTO public.users (email, username) VALUES ('x', 'x')",
        "UPDATE public.rooms SET capacity = 1000",
        "DELETE FROM public.rooms",
        "SELECT * FROM public.salaries",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE ROLE more",
    ] {
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_lacks_something_is_said_plainly_with_whom_to_ask() {
    let scene = Scene::new().await;
    let last = |text: String| text.lines().last().unwrap_or_default().to_owned();
    let world = &scene.world;
    // Nothing is there, and the runner may not make it.
    let mut worker = world.worker_with(&scene.as_runner(&[]));
    let status = worker.ended_within(Duration::from_secs(30)).await;
    let said = last(worker.text());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("V1__shared_tables, V2__worker_tables, V3__"), "{said}");
    assert!(said.contains("run `worker migrate` as the schema's owner"), "{said}");

    let migrate = world.command_with(&["migrate"], &scene.as_owner()).await;
    assert_eq!(migrate.code, Some(0), "{migrate:?}");
    // It is there, but nobody has given the runner its rights.
    let mut worker = world.worker_with(&scene.as_runner(&[]));
    let status = worker.ended_within(Duration::from_secs(30)).await;
    let said = last(worker.text());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("config/postgres/grants.sql"), "{said}");

    scene.script("grants.sql").unwrap();
    // One migration is missing.
    world.database.batch_execute("DELETE FROM worker.schema_history WHERE version = 3").await.unwrap();
    let refused = world.command_with(&["migrate"], &scene.as_runner(&[])).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let text = format!("{}{}", refused.out, refused.err);
    assert!(text.contains("the database has not had V3__retries_and_relay"), "{text}");
    assert!(text.contains("run `worker migrate` as the schema's owner"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_tables_of_another_owner_the_script_names_the_role_that_has_to_migrate() {
    let world = World::new(1).await;
    let theirs = format!("theirs_{}", world.database_name);
    let own = format!("CREATE ROLE {theirs}; ALTER TABLE bookings OWNER TO {theirs}");
    world.database.batch_execute(&own).await.unwrap();
    let (owner, runner) = (format!("o_{}", world.database_name), format!("r_{}", world.database_name));
    let refused = script(&world, "roles.sql", &[("owner", &owner), ("runner", &runner)]).unwrap_err();
    assert!(refused.contains(&format!("public.bookings belongs to {theirs}")), "{refused}");
    assert!(refused.contains(&format!("-v owner={theirs}")), "{refused}");
    script(&world, "roles.sql", &[("owner", &theirs), ("runner", &runner)]).unwrap();
}

//! TLS to PostgreSQL and Kafka, and a password to the latter: what is asked for is had, or said plainly to be missing.

use crate::support::certificates::Authority;
use crate::support::servers::{OwnKafka, OwnPostgres};
use crate::support::{World, booking, eventually};

/// Stands where a secret stands.
const SECRET: &str = "hunter2";
const WRONG_SECRET: &str = "swordfish";
const USER: &str = "worker-user";

/// How many of the worker's connections the server has, and how many of them are encrypted.
async fn connections(world: &World) -> (i64, i64) {
    let sql = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_activity \
               JOIN pg_stat_ssl USING (pid) WHERE application_name LIKE 'worker%' AND datname = current_database()";
    let row = world.database.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_to_postgresql_is_encrypted_where_that_is_asked_for() {
    let authority = Authority::new("the hotel");
    let own = OwnPostgres::secured(&authority.identity("localhost")).await;
    let world = own.world(1).await;
    let trusted = authority.file(world.scratch.path(), "ca.pem");
    let full = [
        ("DB_HOST", "localhost"),
        ("DB_SSL_MODE", "verify-full"),
        ("DB_SSL_ROOT_CERT", trusted.to_str().unwrap()),
    ];
    for (number, extra) in [&full[..], &[("DB_SSL_MODE", "require")], &[]].into_iter().enumerate() {
        let worker = world.worker_with(extra);
        world.book(&booking(&format!("b{number}"))).await;
        world.settled().await;
        world.all_published().await;
        let (all, encrypted) = connections(&world).await;
        assert!(all >= 2, "a lane's and the relay's: {all}");
        assert_eq!(all, encrypted, "{extra:?}");
        worker.stop().await;
    }
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_is_read_written_and_asked_through_tls_as_the_user_of_the_properties() {
    let authority = Authority::new("the hotel");
    let own = OwnKafka::secured(&authority.identity("localhost"), USER, SECRET).await;
    let world = own.world(1).await;
    let brokers = ("KAFKA_BROKERS", own.kafka.secured().unwrap());
    let authority = authority.file(world.scratch.path(), "ca.pem");
    let properties = properties(authority.to_str().unwrap(), SECRET);
    let file = world.scratch.path().join("properties");
    std::fs::write(&file, &properties).unwrap();
    let given = [("KAFKA_PROPERTIES", &*properties), ("KAFKA_PROPERTIES_FILE", file.to_str().unwrap())];
    for (number, given) in given.into_iter().enumerate() {
        let worker = world.worker_with(&[brokers, given]);
        world.book(&booking(&format!("b{number}"))).await;
        world.settled().await;
        eventually("the status event", async || {
            Ok::<_, ()>((world.status_events().await.len() > number).then_some(()))
        })
        .await;
        let said = world.command_with(&["positions"], &[brokers, given]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        let text = worker.stop_and_show().await;
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_whom_the_worker_trusts_is_told_plainly() {
    let (authority, stranger) = (Authority::new("the hotel"), Authority::new("a stranger"));
    let own = OwnPostgres::secured(&authority.identity("localhost")).await;
    let world = own.world(1).await;
    let right = authority.file(world.scratch.path(), "right.pem");
    let wrong = stranger.file(world.scratch.path(), "wrong.pem");
    for (host, trusted, told) in [
        ("localhost", &wrong, "invalid peer certificate: UnknownIssuer; DB_SSL_ROOT_CERT says whose"),
        (
            "127.0.0.1",
            &right,
            "only valid for DnsName(\"localhost\"); the certificate must be for what DB_HOST says",
        ),
    ] {
        let trusted = trusted.to_str().unwrap();
        let extra = [("DB_HOST", host), ("DB_SSL_MODE", "verify-full"), ("DB_SSL_ROOT_CERT", trusted)];
        assert_told(&world, &extra, "waiting for PostgreSQL", told).await;
    }
    // The shared server does not speak TLS.
    let world = World::new(1).await;
    for mode in ["require", "verify-full"] {
        let extra = [("DB_SSL_MODE", mode), ("DB_SSL_ROOT_CERT", right.to_str().unwrap())];
        assert_told(&world, &extra, "waiting for PostgreSQL", "server does not support TLS").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kafka_that_refuses_or_is_not_whom_the_worker_trusts_is_told_plainly() {
    let (authority, stranger) = (Authority::new("the hotel"), Authority::new("a stranger"));
    let own = OwnKafka::secured(&authority.identity("localhost"), USER, SECRET).await;
    let world = own.world(1).await;
    let right = authority.file(world.scratch.path(), "right.pem");
    let wrong = stranger.file(world.scratch.path(), "wrong.pem");
    let brokers = own.kafka.secured().unwrap();
    let elsewhere = brokers.replace("localhost", "127.0.0.1");
    let refused =
        "SASL authentication error: Authentication failed during authentication due to invalid credentials";
    let unknown =
        "the broker's certificate is not signed by an authority of ssl.ca.location, or not for the name";
    for (brokers, trusted, password, told) in [
        (brokers, &right, WRONG_SECRET, refused),
        (brokers, &wrong, SECRET, unknown),
        (&elsewhere, &right, SECRET, unknown),
    ] {
        let properties = properties(trusted.to_str().unwrap(), password);
        let extra = [("KAFKA_BROKERS", brokers), ("KAFKA_PROPERTIES", &properties)];
        assert_told(&world, &extra, "waiting for Kafka", told).await;
        if password == WRONG_SECRET {
            let said = world.command_with(&["verify", "--records"], &extra).await;
            assert!(said.err.contains(told) && !said.err.contains(WRONG_SECRET), "{said:?}");
        }
    }
}

/// Expects that a worker which cannot reach a server says why, once, that a command says so too, and that neither
/// says a secret.
async fn assert_told(world: &World, extra: &[(&str, &str)], waiting: &str, told: &str) {
    let mut worker = world.worker_with(extra);
    let line = worker.said(waiting).await;
    assert!(line["error"].as_str().unwrap().contains(told), "{line}");
    let said = world.command_with(&["positions"], extra).await;
    assert!(said.err.contains(told) && said.err.lines().count() == 1, "{said:?}");
    assert!(!said.err.contains(SECRET) && !said.err.contains(WRONG_SECRET), "{said:?}");
    let text = worker.stop_and_show().await;
    let lines = text.lines().filter(|line| !line.contains("\"level\":\"INFO\""));
    assert_eq!(lines.count(), 1, "{text}");
    assert!(!text.contains(SECRET) && !text.contains(WRONG_SECRET), "{text}");
}

fn properties(authority: &str, password: &str) -> String {
    format!(
        "security.protocol=SASL_SSL\nssl.ca.location={authority}\nsasl.mechanism=SCRAM-SHA-256\n\
         sasl.username={USER}\nsasl.password={password}"
    )
}

//! What must never be read in a log: passwords, and what bookings carry beside their names.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use crate::support::collector::{Collector, Span};
use crate::support::http::get;
use crate::support::{Message, World, booking, cancellation, of_records, stack};

const PASSWORD: &str = "pw-5e1f-marker";
const KAFKA_PASSWORD: &str = "sasl-77ab-marker";
const PAYMENT: &str = "payment-c0ffee-marker";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_level_reveals_passwords_or_the_parameters_of_statements() {
    let world = World::new(1).await;
    let role = format!("role_of_{}", world.database_name);
    let admin = stack().await.postgres.connect(&world.database_name).await.unwrap();
    let create = format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'");
    admin.batch_execute(&create).await.unwrap();
    let mut held = booking("b2");
    held["userId"] = json!("nobody");
    let mut messages = Vec::new();
    for mut event in [booking("b1"), booking("b1"), held] {
        event["paymentId"] = json!(PAYMENT);
        messages.push(Message::event(&event));
    }
    world.produce_all(&world.bookings, &messages).await;
    let sasl = format!("sasl.password={KAFKA_PASSWORD}");
    let secrets =
        [("DB_USER", &*role), ("DB_PASSWORD", PASSWORD), ("KAFKA_PROPERTIES", &*sasl), ("RUST_LOG", "trace")];
    let worker = world.worker_with(&secrets);
    world.settled().await;
    let stored = "SELECT count(*) FROM bookings WHERE payment_id = $1";
    assert_eq!(world.database.query_one(stored, &[&PAYMENT]).await.unwrap().get::<_, i64>(0), 1);
    let text = worker.stop_and_show().await;
    for secret in [PASSWORD, KAFKA_PASSWORD, PAYMENT] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(of_records(&lines).len(), messages.len());
    let traced =
        lines.iter().filter(|line| matches!(line["level"].as_str(), Some("TRACE" | "DEBUG"))).count();
    assert!(traced > 0, "the level was meant to be trace");

    // Nor do the settings, or a refusal, which is said in the last line.
    let mut shown = world.run(&["config"], &secrets);
    assert!(shown.ended_within(Duration::from_secs(20)).await.success());
    assert!(!shown.text().contains(PASSWORD) && !shown.text().contains(KAFKA_PASSWORD), "{}", shown.text());
    let wrong = format!("{PASSWORD}-wrong");
    let mut refused = world.worker_with(&[secrets[0], ("DB_PASSWORD", &wrong), secrets[2], secrets[3]]);
    let status = refused.ended_within(Duration::from_secs(20)).await;
    let text = refused.text();
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains(KAFKA_PASSWORD), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("worker: ") && last.contains("28P01"), "{last}");
}

/// Whatever the worker serves, now or one day; what it does not know is a 404.
const PATHS: [&str; 12] = [
    "/",
    "/metrics",
    "/health",
    "/health/live",
    "/health/ready",
    "/health/detailed",
    "/config",
    "/env",
    "/debug",
    "/debug/pprof/cmdline",
    "/../etc/passwd",
    "/%00",
];

/// Every place that a secret can come from, each with one of its own.
struct Planted {
    settings: Vec<(String, String)>,
    secrets: Vec<&'static str>,
}

impl Planted {
    /// `role` has the planted password.
    fn new(world: &World, role: &str, collector: &Collector) -> Self {
        let password = world.scratch.path().join("password");
        std::fs::write(&password, "pw-file-2d1c-marker\n").unwrap();
        let properties = world.scratch.path().join("kafka.properties");
        let text = "sasl.password=sasl-9f3e-marker\nssl.key.password=key-4b2a-marker\n\
                    ssl.keystore.password=store-81c0-marker\ndebug=all\n";
        std::fs::write(&properties, text).unwrap();
        let pairs = [
            ("DB_USER", role),
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD_FILE", password.to_str().unwrap()),
            // The older name: it does not count beside the file.
            ("DB_PASS", "db-pass-7e55-marker"),
            ("KAFKA_PROPERTIES_FILE", properties.to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20otel-c3d4-marker"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            // Others in the same pod.
            ("PGPASSWORD", "pg-61aa-marker"),
            ("PGSSLPASSWORD", "pgssl-0b1d-marker"),
            ("KAFKA_PASSWORD", "kafka-e7f7-marker"),
            ("DATABASE_URL", "postgres://worker:url-5c5c-marker@db/x"),
            ("AWS_SECRET_ACCESS_KEY", "aws-f00d-marker"),
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let secrets = vec![
            "pw-file-2d1c",
            "db-pass-7e55",
            "sasl-9f3e",
            "key-4b2a",
            "store-81c0",
            "otel-c3d4",
            "pg-61aa",
            "pgssl-0b1d",
            "kafka-e7f7",
            "url-5c5c",
            "aws-f00d",
            "payment-c0ffee",
        ];
        Self { settings: pairs.map(owned).to_vec(), secrets }
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    /// None of them is in the text, nor in any of the usual encodings.
    fn are_not_in(&self, place: &str, text: &str) {
        let text = text.to_lowercase();
        for secret in &self.secrets {
            let base64 = STANDARD_NO_PAD.encode(secret).to_lowercase();
            for form in [secret, &*base64] {
                let line = text.lines().find(|line| line.contains(form));
                assert_eq!(line, None, "{secret} is in {place}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_worker_says_anywhere_reveals_a_planted_secret() {
    let world = World::new(1).await;
    let collector = Collector::start().await;
    let role = format!("planted_{}", world.database_name);
    let planted = Planted::new(&world, &role, &collector);
    let create = format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'pw-file-2d1c-marker'");
    world.database.batch_execute(&create).await.unwrap();
    let mut worker = world.worker_with(&planted.settings());
    let mut events = ["b1", "b2", "b3"].map(booking);
    events[1]["userId"] = json!("nobody");
    events[2]["guests"] = json!(-1);
    for event in &mut events {
        event["paymentId"] = json!("payment-c0ffee-marker");
        world.book(event).await;
    }
    world.cancel(&cancellation("b1", "bo")).await;
    world.settled().await;
    collector.eventually(4, Span::is_record).await;

    worker.get_until("/metrics", "metrics", |answer| answer.status == 200).await;
    let address = worker.address().await;
    for path in PATHS {
        let answer = get(address, path).await.unwrap();
        assert!([200, 400, 404, 503].contains(&answer.status), "{path}: {answer:?}");
        planted.are_not_in(path, &format!("{}\n{}", answer.head, answer.body));
    }
    for request in collector.requests() {
        planted.are_not_in("a span", &String::from_utf8_lossy(&request.body));
        assert!(request.head.contains("otel-c3d4"), "the collector's own token is for it: {}", request.head);
    }
    for arguments in [
        &["config"][..],
        &["positions"],
        &["held", "list"],
        &["held", "redrive", "--all", "--dry-run"],
        &["explain", "b2"],
        &["verify", "--records"],
        &["migrate"],
    ] {
        for arguments in [arguments.to_vec(), [arguments, &["--json"]].concat()] {
            let settings = [&planted.settings()[..], &[("RUST_LOG", "trace")]].concat();
            let said = world.command_with(&arguments, &settings).await;
            assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
            planted.are_not_in(&arguments.join(" "), &format!("{}\n{}", said.out, said.err));
        }
    }
    let text = worker.stop_and_show().await;
    planted.are_not_in("the log", &text);
    assert!(text.contains(r#""facility""#), "librdkafka was meant to say all that it does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_a_worker_its_last_words_reveal_no_planted_secret() {
    let world = World::new(1).await;
    let collector = Collector::start().await;
    let role = format!("refused_{}", world.database_name);
    // It has another password than the planted one.
    let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'another'");
    world.database.batch_execute(&create).await.unwrap();
    let planted = Planted::new(&world, &role, &collector);
    for (extra, code) in [
        // A refused login, a database that is not there, a server that speaks something else.
        (&[][..], 1),
        (&[("DB_NAME", "nowhere")], 1),
        // Settings that librdkafka takes one by one, but not together; and others that are none.
        (
            &[
                ("KAFKA_PROPERTIES_FILE", ""),
                (
                    "KAFKA_PROPERTIES",
                    "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\nsasl.password=sasl-9f3e-marker",
                ),
            ],
            2,
        ),
        (
            &[
                ("KAFKA_PROPERTIES_FILE", ""),
                (
                    "KAFKA_PROPERTIES",
                    "ssl.key.password=key-4b2a-marker\nssl.key.pem=key-4b2a-marker\nsecurity.protocol=SSL",
                ),
            ],
            2,
        ),
        (
            &[
                ("KAFKA_PROPERTIES_FILE", ""),
                ("KAFKA_PROPERTIES", "sasl-9f3e-marker\nsasl.pasword=sasl-9f3e-marker"),
            ],
            2,
        ),
        (&[("DB_PASSWORD_FILE", "pw-file-2d1c-marker")], 2),
        (&[("DB_PASSWORD", "pw-file-2d1c-marker")], 2),
        (&[("DB_HOST", "postgres://worker:pw-file-2d1c-marker@db/x")], 2),
        (&[("DB_PORT", "postgres://worker:pw-file-2d1c-marker@db/x")], 2),
        (&[("OTEL_EXPORTER_OTLP_HEADERS", "otel-c3d4-marker")], 2),
        (&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=otel-c3d4-marker\u{7f}")], 2),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://token:otel-c3d4-marker@localhost:4318")], 2),
    ] {
        let settings = [&planted.settings()[..], extra].concat();
        let mut worker = world.worker_with(&settings);
        let status = worker.ended_within(Duration::from_secs(30)).await;
        let text = worker.text();
        planted.are_not_in(&format!("the end after {extra:?}"), &text);
        assert_eq!(status.code(), Some(code), "{extra:?}: {text}");
        let said = world.command_with(&["config"], &settings).await;
        planted.are_not_in(&format!("config with {extra:?}"), &format!("{}{}", said.out, said.err));
    }
}

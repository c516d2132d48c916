//! What must never be read in a log: passwords, and what bookings carry beside their names.

use std::time::Duration;

use serde_json::json;

use crate::support::{Message, World, booking, of_records, stack};

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

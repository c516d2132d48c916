//! The producer's settings.

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::FutureProducer;
use secrecy::ExposeSecret as _;

use crate::config::{Fault, KafkaSettings};
use crate::librdkafka::{Listener, trust_the_system};
use crate::record::clean_text;

/// The producer.
pub(super) type Producer = FutureProducer<Listener>;

/// What a person may want to change.
const USUAL: [(&str, &str); 5] = [
    ("client.id", "worker"),
    // A window is handed over at once and waited for: there is nothing to linger for.
    ("linger.ms", "1"),
    ("compression.type", "zstd"),
    // As Java's producers do it, so that readers may join by partition.
    ("partitioner", "murmur2_random"),
    ("reconnect.backoff.max.ms", "2000"),
];

/// What correctness rests on. `KAFKA_PROPERTIES` may not change these.
const OWNED: [(&str, &str); 4] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Kafka may be away for any length of time: a message that gave up would be overtaken by the next.
    ("message.timeout.ms", "0"),
    // What a topic takes is the broker's to decide.
    ("message.max.bytes", "1000000000"),
];

/// Puts the settings together.
pub(super) fn config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in USUAL {
        config.set(name, value);
    }
    trust_the_system(&mut config);
    for property in &settings.properties {
        config.set(&property.name, property.value.expose_secret());
    }
    for (name, value) in OWNED {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &settings.brokers);
    config
}

/// Makes a producer. It connects by itself.
pub(super) fn create(config: &ClientConfig) -> KafkaResult<Producer> {
    config.create_with_context(Listener::default())
}

/// Lets librdkafka look at the producer's settings together without connecting.
///
/// # Errors
/// What librdkafka says: properties that exclude each other.
pub fn check(settings: &KafkaSettings) -> Result<(), Fault> {
    let mut config = config(settings);
    config.remove("bootstrap.servers");
    let reason = match create(&config) {
        Ok(_) => return Ok(()),
        Err(KafkaError::ClientCreation(reason)) => clean_text(&reason),
        // Never the error's own words: they may repeat a secret.
        Err(_) => "it does not say why".to_owned(),
    };
    let message = format!("librdkafka does not take these settings together for a producer: {reason}");
    Err(Fault { variable: "KAFKA_PROPERTIES".to_owned(), found: None, message })
}

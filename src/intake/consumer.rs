//! The consumer's settings: what the worker's promise rests on, then what was measured, then the person's own.

use rdkafka::ClientConfig;
use secrecy::ExposeSecret as _;

use crate::config::{GroupProtocol, KafkaSettings};

/// What correctness rests on. `KAFKA_PROPERTIES` may not change these.
const OWNED: [(&str, &str); 7] = [
    ("client.id", "worker"),
    // The position in PostgreSQL decides what was applied; Kafka's offset follows it.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // An offset that does not fit the topic must be heard of: `earliest` and `latest` jump without a word.
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
    // A topic that appears, or grows, is read within this time (milliseconds).
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// Small fetches and a small queue inside librdkafka: under deep backlog a quarter of the default's memory, at
/// twice its rate. The backoff matters most: at its default of a second, a small queue starves.
const FETCH: [(&str, &str); 5] = [
    ("queued.max.messages.kbytes", "1024"),
    ("max.partition.fetch.bytes", "131072"),
    ("fetch.max.bytes", "1048576"),
    ("fetch.queue.backoff.ms", "50"),
    ("fetch.wait.max.ms", "50"),
];

/// With the defaults, a killed worker's partitions stay idle for 45 s. Under the consumer protocol (KIP-848)
/// the broker sets these.
const CLASSIC: [(&str, &str); 3] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "1000"),
];

/// Puts the settings together.
pub(super) fn config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in FETCH {
        config.set(name, value);
    }
    if settings.group_protocol == GroupProtocol::Classic {
        for (name, value) in CLASSIC {
            config.set(name, value);
        }
    }
    for property in &settings.properties {
        config.set(&property.name, property.value.expose_secret());
    }
    for (name, value) in OWNED {
        config.set(name, value);
    }
    let protocol = match settings.group_protocol {
        GroupProtocol::Classic => "classic",
        GroupProtocol::Consumer => "consumer",
    };
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", &settings.group_id)
        .set("group.protocol", protocol);
    config
}

/// Lets librdkafka check the settings without connecting.
///
/// # Errors
/// What librdkafka says about the first property that it does not take.
pub fn check(settings: &KafkaSettings) -> Result<(), String> {
    match config(settings).create_native_config() {
        Ok(_) => Ok(()),
        // Never the value: it may be a secret.
        Err(rdkafka::error::KafkaError::ClientConfig(_, description, name, _)) => {
            let problem =
                if description.contains(&name) { description } else { format!("{name}: {description}") };
            Err(format!("KAFKA_PROPERTIES: {problem}; expected a property and a value that librdkafka knows"))
        }
        Err(_) => Err("KAFKA_PROPERTIES: librdkafka does not take these settings".into()),
    }
}

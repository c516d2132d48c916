//! The consumer's settings: what the worker's promise rests on, then what was measured, then the person's own.

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, KafkaResult};
use secrecy::ExposeSecret as _;

use crate::config::{Fault, GroupProtocol, KafkaSettings};
use crate::librdkafka::{Listener, trust_the_system};
use crate::record::clean_text;

/// What correctness rests on. `KAFKA_PROPERTIES` may not change these.
const OWNED: [(&str, &str); 5] = [
    // The position in PostgreSQL decides what was applied; Kafka's offset follows it.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // An offset that does not fit the topic must be heard of: `earliest` and `latest` jump without a word.
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
];

/// What a person may want to change.
const USUAL: [(&str, &str); 3] = [
    ("client.id", "worker"),
    // A topic that appears, or grows, is read within this time (milliseconds).
    ("topic.metadata.refresh.interval.ms", "5000"),
    // A broker that returns is met again within this time (milliseconds); the default is 10 s.
    ("reconnect.backoff.max.ms", "2000"),
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
    for (name, value) in USUAL.into_iter().chain(FETCH) {
        config.set(name, value);
    }
    if settings.group_protocol == GroupProtocol::Classic {
        for (name, value) in CLASSIC {
            config.set(name, value);
        }
    }
    trust_the_system(&mut config);
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

/// A client of the group that never joins it: for questions, and for offsets of a group without members.
///
/// # Errors
/// What librdkafka says of the settings.
pub(crate) fn client(settings: &KafkaSettings) -> KafkaResult<BaseConsumer<Listener>> {
    config(settings).create_with_context(Listener::default())
}

/// The settings of a reader that is no member of the group: it is given its partitions, and commits nothing. The
/// group's name is there because librdkafka assigns nothing without one.
pub(crate) fn reader(settings: &KafkaSettings) -> ClientConfig {
    let mut config = config(settings);
    config
        .set("client.id", "worker-reader")
        .set("enable.partition.eof", "true")
        // Retention may take records in front of it.
        .set("auto.offset.reset", "earliest");
    config
}

/// Lets librdkafka look at the settings together without connecting: it makes a consumer that knows no broker.
///
/// # Errors
/// What librdkafka says: properties that exclude each other, a certificate that it cannot read.
pub fn check(settings: &KafkaSettings) -> Result<(), Fault> {
    let mut config = config(settings);
    config.remove("bootstrap.servers");
    let reason = match config.create::<BaseConsumer>() {
        Ok(_) => return Ok(()),
        Err(KafkaError::ClientCreation(reason)) => clean_text(&reason),
        // Never the error's own words: they may repeat a secret.
        Err(_) => "it does not say why".to_owned(),
    };
    let message = format!("librdkafka does not take these settings together: {reason}");
    Err(Fault { variable: "KAFKA_PROPERTIES".to_owned(), found: None, message })
}

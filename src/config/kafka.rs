//! The `KAFKA_` settings: where the records come from and as which group they are read.

use serde::Deserialize;

use super::address::brokers;
use super::catalogue::{
    KAFKA_BOOKING_TOPIC, KAFKA_BROKERS, KAFKA_CANCELLATION_TOPIC, KAFKA_GROUP_ID, KAFKA_GROUP_PROTOCOL,
    KAFKA_PROPERTIES, KAFKA_STATUS_TOPIC,
};
use super::fault::Fault;
use super::findings::Findings;
use super::parse::{name, one_of};
use super::properties::{self, KafkaProperty};

/// The longest topic name that Kafka takes.
const LONGEST_TOPIC: usize = 249;

/// Where the records come from.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// Brokers to start from, separated by commas, without blanks.
    pub brokers: String,
    /// The consumer group.
    pub group_id: String,
    /// The topic of the bookings.
    pub booking_topic: String,
    /// The topic of the cancellations; never that of the bookings.
    pub cancellation_topic: String,
    /// The topic that is told what became of each booking, never one of the above; none tells nobody.
    pub status_topic: Option<String>,
    /// How the group shares out its partitions.
    pub group_protocol: GroupProtocol,
    /// Further librdkafka settings, none of which the worker owns, each once.
    pub properties: Vec<KafkaProperty>,
}

/// How the members of a group share out the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The members agree among themselves, cooperative-sticky.
    Classic,
    /// The broker decides (KIP-848).
    Consumer,
}

#[derive(Default, Deserialize)]
struct Texts {
    brokers: Option<String>,
    group_id: Option<String>,
    booking_topic: Option<String>,
    cancellation_topic: Option<String>,
    status_topic: Option<String>,
    group_protocol: Option<String>,
    properties: Option<String>,
}

impl KafkaSettings {
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let texts: Texts = findings.texts("KAFKA_");
        let brokers = findings.required(&KAFKA_BROKERS, texts.brokers.as_deref(), brokers);
        let group_id = findings.required(&KAFKA_GROUP_ID, texts.group_id.as_deref(), name);
        let booking_topic = findings.required(&KAFKA_BOOKING_TOPIC, texts.booking_topic.as_deref(), topic);
        let cancellation_topic =
            findings.required(&KAFKA_CANCELLATION_TOPIC, texts.cancellation_topic.as_deref(), |text| {
                topic_other_than(text, booking_topic.as_deref())
            });
        let status_topic = findings.required(&KAFKA_STATUS_TOPIC, texts.status_topic.as_deref(), |text| {
            let others = [booking_topic.as_deref(), cancellation_topic.as_deref()];
            if others.contains(&Some(text)) {
                return Err("another topic than the worker reads".to_owned());
            }
            if text.is_empty() { Ok(None) } else { topic(text).map(Some) }
        });
        let group_protocol =
            findings.required(&KAFKA_GROUP_PROTOCOL, texts.group_protocol.as_deref(), group_protocol);
        let properties = read_properties(findings, texts.properties.as_deref(), group_protocol);
        Some(Self {
            brokers: brokers?,
            group_id: group_id?,
            booking_topic: booking_topic?,
            cancellation_topic: cancellation_topic?,
            status_topic: status_topic?,
            group_protocol: group_protocol?,
            properties,
        })
    }
}

fn group_protocol(text: &str) -> Result<GroupProtocol, String> {
    one_of(text, &[("classic", GroupProtocol::Classic), ("consumer", GroupProtocol::Consumer)])
}

fn topic(text: &str) -> Result<String, String> {
    let is_topic = (1..=LONGEST_TOPIC).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !is_topic {
        return Err(format!("a topic name of 1 to {LONGEST_TOPIC} letters, digits, '.', '_' and '-'"));
    }
    Ok(text.to_owned())
}

fn topic_other_than(text: &str, booking_topic: Option<&str>) -> Result<String, String> {
    if booking_topic == Some(text) {
        return Err(format!("another topic than {} names", KAFKA_BOOKING_TOPIC.name));
    }
    topic(text)
}

fn read_properties(
    findings: &mut Findings,
    text: Option<&str>,
    protocol: Option<GroupProtocol>,
) -> Vec<KafkaProperty> {
    let (properties, messages) = match properties::read(text.unwrap_or_default(), protocol) {
        Ok(properties) => {
            let refused = properties::refused_by_librdkafka(&properties);
            (properties, refused)
        }
        Err(messages) => (Vec::new(), messages),
    };
    let variable = findings.given.variable(&KAFKA_PROPERTIES);
    findings.faults.extend(messages.into_iter().map(|message| Fault::new(variable, message)));
    properties
}

#[cfg(test)]
mod tests {
    use super::{topic, topic_other_than};

    #[test]
    fn a_topic_has_a_name_that_kafka_takes() {
        for text in ["booking-events", "a", "A.b_c-1", "...", &"x".repeat(249)] {
            assert_eq!(topic(text), Ok(text.to_owned()), "{text}");
        }
        for text in ["", ".", "..", "a b", "a/b", "a,b", "é", "^booking.*", &"x".repeat(250)] {
            assert!(topic(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_topics_differ() {
        assert!(topic_other_than("a", Some("a")).is_err());
        assert!(topic_other_than("a", Some("b")).is_ok());
        assert!(topic_other_than("a", None).is_ok());
    }
}

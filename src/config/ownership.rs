//! The librdkafka settings on which the worker's promise rests: nobody else may set them.

use super::catalogue::{KAFKA_BROKERS, KAFKA_GROUP_ID, KAFKA_GROUP_PROTOCOL};
use super::kafka::GroupProtocol;

/// Why a property is refused.
enum Reason {
    /// Another setting of the worker says it.
    SetBy(&'static str),
    /// The worker fixes it.
    Fixed(&'static str),
}

const COMMITS: Reason = Reason::Fixed("the worker commits offsets itself, after the database has");
const START: Reason = Reason::Fixed(
    "the worker starts at its stored position, else at the committed offset, else at the earliest (an overlay at the end)",
);
const ORDER: Reason = Reason::Fixed(
    "status events are published in order, acknowledged by all replicas, however long it takes",
);

/// What the worker owns whatever the group protocol.
const OWNED: [(&str, Reason); 31] = [
    ("bootstrap.servers", Reason::SetBy(KAFKA_BROKERS.name)),
    ("metadata.broker.list", Reason::SetBy(KAFKA_BROKERS.name)),
    ("test.mock.num.brokers", Reason::SetBy(KAFKA_BROKERS.name)),
    ("group.id", Reason::SetBy(KAFKA_GROUP_ID.name)),
    ("group.protocol", Reason::SetBy(KAFKA_GROUP_PROTOCOL.name)),
    ("partition.assignment.strategy", Reason::SetBy(KAFKA_GROUP_PROTOCOL.name)),
    ("enable.auto.commit", COMMITS),
    ("auto.commit.enable", COMMITS),
    ("auto.commit.interval.ms", COMMITS),
    ("enable.auto.offset.store", COMMITS),
    ("offset.store.method", COMMITS),
    ("offset.store.path", COMMITS),
    ("offset.store.sync.interval.ms", COMMITS),
    ("auto.offset.reset", START),
    ("isolation.level", Reason::Fixed("the worker applies committed records only")),
    ("allow.auto.create.topics", Reason::Fixed("the worker waits for its topics and never creates them")),
    ("enable.partition.eof", Reason::Fixed("the worker has no use for the end of a partition")),
    ("group.protocol.type", Reason::Fixed("librdkafka knows one type only")),
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("acks", ORDER),
    ("request.required.acks", ORDER),
    ("retries", ORDER),
    ("message.send.max.retries", ORDER),
    ("max.in.flight", ORDER),
    ("max.in.flight.requests.per.connection", ORDER),
    ("message.timeout.ms", ORDER),
    ("delivery.timeout.ms", ORDER),
    ("queuing.strategy", ORDER),
    ("transactional.id", Reason::Fixed("the worker publishes without Kafka's transactions")),
    ("message.max.bytes", Reason::Fixed("what a topic takes is the broker's to decide")),
];

/// What the broker decides under KIP-848; librdkafka refuses to start with it.
const OWNED_BY_THE_BROKER: [&str; 2] = ["session.timeout.ms", "heartbeat.interval.ms"];

/// Why a property may not be passed through; none where it may.
pub(super) fn refusal(name: &str, protocol: Option<GroupProtocol>) -> Option<String> {
    if protocol == Some(GroupProtocol::Consumer) && OWNED_BY_THE_BROKER.contains(&name) {
        return Some(format!("the broker sets it under {}=consumer", KAFKA_GROUP_PROTOCOL.name));
    }
    let (_, reason) = OWNED.iter().find(|(owned, _)| *owned == name)?;
    Some(match reason {
        Reason::SetBy(setting) => format!("set {setting} instead"),
        Reason::Fixed(why) => (*why).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{GroupProtocol, OWNED, OWNED_BY_THE_BROKER, refusal};

    #[test]
    fn what_the_worker_owns_is_refused_with_what_to_do_or_why() {
        for (name, _) in &OWNED {
            for protocol in [None, Some(GroupProtocol::Classic), Some(GroupProtocol::Consumer)] {
                assert!(refusal(name, protocol).is_some(), "{name}");
            }
        }
        let remedy = refusal("bootstrap.servers", None).unwrap();
        assert_eq!(remedy, "set KAFKA_BROKERS instead");
    }

    #[test]
    fn what_the_broker_sets_is_refused_under_its_protocol_only() {
        for name in OWNED_BY_THE_BROKER {
            assert_eq!(refusal(name, Some(GroupProtocol::Classic)), None, "{name}");
            assert!(refusal(name, Some(GroupProtocol::Consumer)).is_some(), "{name}");
        }
    }

    #[test]
    fn tls_sasl_and_tuning_pass_through() {
        for name in ["security.protocol", "sasl.password", "check.crcs", "fetch.max.bytes", "client.id"] {
            assert_eq!(refusal(name, Some(GroupProtocol::Consumer)), None, "{name}");
        }
    }
}

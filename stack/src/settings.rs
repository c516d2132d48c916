//! The settings of a private broker: one node, frugal, and quick to forget a dead member or broker.

use std::path::Path;

/// Given before the caller's own settings, which win.
const SETTINGS: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
    ("auto.create.topics.enable", "false"),
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    // One node.
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    // A killed broker may register again only when its old session is over: 9 s by default.
    ("broker.session.timeout.ms", "3000"),
    ("broker.heartbeat.interval.ms", "500"),
    // A group need not wait: neither for its first members nor long for a dead one.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.heartbeat.interval.ms", "500"),
    // Retention and compaction within a test's patience; the cleaner's buffer is 128 MB by default.
    ("log.retention.check.interval.ms", "1000"),
    // Records keep the time that their producer says, however long ago that was.
    ("log.retention.ms", "-1"),
    ("log.segment.delete.delay.ms", "1000"),
    ("log.cleaner.backoff.ms", "1000"),
    ("log.cleaner.dedupe.buffer.size", "4194304"),
];

/// A second listener, on 127.0.0.1 under the name `localhost`, that speaks TLS and asks for a user's password.
pub(crate) fn secured(
    broker: &str,
    controller: &str,
    port: u16,
    keystore: &Path,
) -> Vec<(&'static str, String)> {
    let protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL";
    let listeners = format!("PLAINTEXT://{broker},CONTROLLER://{controller},SASL_SSL://127.0.0.1:{port}");
    vec![
        ("listener.security.protocol.map", protocols.to_owned()),
        ("listeners", listeners),
        ("advertised.listeners", format!("PLAINTEXT://{broker},SASL_SSL://localhost:{port}")),
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.location", keystore.display().to_string()),
        ("sasl.enabled.mechanisms", "SCRAM-SHA-256".to_owned()),
        (
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned(),
        ),
    ]
}

/// The text of `server.properties` for a broker on these addresses and this data folder.
pub(crate) fn properties(broker: &str, controller: &str, data: &Path, own: &[(&str, &str)]) -> String {
    let listeners = format!("PLAINTEXT://{broker},CONTROLLER://{controller}");
    let advertised = format!("PLAINTEXT://{broker}");
    let voters = format!("1@{controller}");
    let data = data.display().to_string();
    let addresses = [
        ("listeners", listeners.as_str()),
        ("advertised.listeners", &advertised),
        ("controller.quorum.voters", &voters),
        ("log.dirs", &data),
    ];
    let lines = SETTINGS.iter().chain(&addresses).chain(own);
    let lines: Vec<String> = lines.map(|(name, value)| format!("{name}={value}")).collect();
    lines.join("\n")
}

//! Hosts and brokers: checked here, so that a mistake is told at start and not by a resolver half a minute later.

use std::net::Ipv6Addr;

use super::parse::{elements, whole_number};

const BROKERS: &str = "host:port or host, several separated by commas, such as kafka-0:9092,kafka-1:9092, an IPv6 address in brackets, without a scheme (TLS and SASL: security.protocol in KAFKA_PROPERTIES)";

/// A port to connect to.
pub(super) fn port(text: &str) -> Result<u16, String> {
    whole_number(text, &(1..=u16::MAX))
}

/// An address of this machine to listen at, with a port.
pub(super) fn listen(text: &str) -> Result<String, String> {
    let is_host = |host: &str| {
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        host.is_empty() || bracketed.map_or_else(|| is_host(host), |host| host.parse::<Ipv6Addr>().is_ok())
    };
    match text.rsplit_once(':') {
        // As Go and others have it: no address means all of them.
        Some(("", digits)) if whole_number(digits, &(0..=u16::MAX)).is_ok() => Ok(format!("0.0.0.0:{digits}")),
        Some((host, digits)) if is_host(host) && whole_number(digits, &(0..=u16::MAX)).is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("address:port, such as 0.0.0.0:2112 or 127.0.0.1:2112, an IPv6 address in brackets; port 0 takes a free one".to_owned()),
    }
}

/// A database host: a name, an address, or the absolute folder of a Unix socket.
pub(super) fn database_host(text: &str) -> Result<String, String> {
    let is_folder = text.starts_with('/') && !text.chars().any(char::is_control);
    if is_folder || is_host(text) || text.parse::<Ipv6Addr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("one host name or address, or the folder of a Unix socket; port, user and database have settings of their own".to_owned())
}

/// A list of brokers, blanks and empty elements removed.
pub(super) fn brokers(text: &str) -> Result<String, String> {
    let listed: Vec<&str> = elements(text).collect();
    if listed.is_empty() || !listed.iter().all(|broker| is_broker(broker)) {
        return Err(BROKERS.to_owned());
    }
    Ok(listed.join(","))
}

fn is_broker(text: &str) -> bool {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let has_port = rest.strip_prefix(':').is_some_and(|digits| port(digits).is_ok());
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || has_port);
    }
    match text.split_once(':') {
        Some((host, digits)) => is_host(host) && port(digits).is_ok(),
        None => is_host(text),
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::{brokers, database_host, port};

    #[test]
    fn a_port_is_a_number_that_can_be_connected_to() {
        assert_eq!(port("5432"), Ok(5432));
        for text in ["0", "65536", "-1", "http", "5432/tcp", "tcp:5432"] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_database_host_is_one_host_and_nothing_else() {
        for text in ["localhost", "db.prod-1.internal", "10.0.0.1", "::1", "/var/run/postgresql", "my_db"] {
            assert_eq!(database_host(text), Ok(text.to_owned()), "{text}");
        }
        for text in ["db:5432", "a,b", "postgres://db", "user@db", "[::1]", "host=db", "d b", "./run", ":::1"]
        {
            assert!(database_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn brokers_are_trimmed_and_empty_ones_dropped() {
        for (text, expected) in [
            ("localhost:9092", "localhost:9092"),
            (" a:1 , b:2,", "a:1,b:2"),
            (",a,,", "a"),
            ("[::1]:9092,[fe80::1]", "[::1]:9092,[fe80::1]"),
            ("10.0.0.1:9092", "10.0.0.1:9092"),
        ] {
            assert_eq!(brokers(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_broker_that_cannot_be_reached_as_written_is_refused() {
        for text in [
            ",",
            ", ,",
            "a:",
            ":9092",
            "a:b",
            "a:0",
            "a:65536",
            "a:1:2",
            "::1",
            "::1:9092",
            "[::1",
            "[::1]9092",
            "[::1]:",
            "[x]:9092",
            "a b:9092",
            "a:9092;b:9092",
            "SSL://a:9093",
            "user:secret@a:9092",
            "a:9092,b:x",
        ] {
            assert!(brokers(text).is_err(), "{text}");
        }
    }
}

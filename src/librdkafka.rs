//! What librdkafka says of itself, in the worker's log, with restraint; and whom it trusts.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::record::clean_text;

/// How often librdkafka may repeat a message of one kind.
const REPEAT: Duration = Duration::from_secs(30);

/// The variables by which OpenSSL, and the database's TLS too, is told where the authorities are.
const AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Lets librdkafka look for the system's certificate authorities where distributions keep them: an OpenSSL inside the
/// binary has a folder of its own in mind, which no system has. What a person says comes first.
pub(crate) fn trust_the_system(config: &mut ClientConfig) {
    let is_told = AUTHORITIES.iter().any(|name| env::var_os(name).is_some_and(|path| !path.is_empty()));
    if !is_told {
        config.set("ssl.ca.location", "probe");
    }
}

/// Remembers what one client has said.
#[derive(Default)]
pub(crate) struct Voice {
    said: Mutex<HashMap<String, Instant>>,
}

impl Voice {
    /// Whether a message of this kind may be said again.
    pub(crate) fn may_say(&self, kind: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_new = said.get(kind).is_none_or(|last| now.duration_since(*last) >= REPEAT);
        if is_new {
            said.insert(kind.to_owned(), now);
        }
        is_new
    }

    /// Says a message of librdkafka's log.
    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if !self.may_say(facility) {
            return;
        }
        let message = clean_text(message);
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, "{message}");
            }
            // A broken connection is an error to librdkafka and mends itself; lanes and brokers report what
            // lasts.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    /// Says an error that librdkafka reports beside its log.
    pub(crate) fn error(error: &KafkaError, reason: &str) {
        let reason = clean_text(reason);
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

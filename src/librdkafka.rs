//! What librdkafka says of itself, in the worker's log, with restraint.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::record::clean_text;

/// How often librdkafka may repeat a message of one kind.
const REPEAT: Duration = Duration::from_secs(30);

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

//! What librdkafka says of itself, in the worker's log, with restraint; and whom it trusts.

use std::collections::HashMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::record::clean_text;

/// How often librdkafka may repeat a message of one kind.
const REPEAT: Duration = Duration::from_secs(30);

/// Among how many of librdkafka's events its reason is looked for.
const EVENTS: usize = 100;

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
    trouble: Mutex<Option<String>>,
    is_hushed: AtomicBool,
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
        let is_told = facility == "FAIL" && self.is_hushed.load(Ordering::Relaxed);
        if is_told || !self.may_say(facility) {
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

    /// Whether somebody else tells of brokers that do not answer.
    pub(crate) fn hush(&self, is_hushed: bool) {
        self.is_hushed.store(is_hushed, Ordering::Relaxed);
    }

    /// Hears an error that librdkafka reports beside its log.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        let reason = clean_text(reason);
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        // That all brokers are away is no reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(plain(&reason));
        }
    }

    /// Why the brokers do not answer (a refused password, a certificate that is not trusted), as far as librdkafka has
    /// said: what it answers to a question is a code at best.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The brokers answer: what was said before explains nothing any more.
    pub(crate) fn trouble_is_over(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// librdkafka's reason without its own book-keeping, and a refused certificate with what may be wrong: OpenSSL's code
/// is the same for an unknown authority and for another name.
fn plain(reason: &str) -> String {
    match reason.split_once(": error:") {
        Some((broker, openssl)) if openssl.contains("certificate verify failed") => format!(
            "{broker}: the broker's certificate is not signed by an authority of ssl.ca.location, or not for the name \
             by which the worker reaches it"
        ),
        _ => reason.split(" (after ").next().unwrap_or_default().to_owned(),
    }
}

/// What hears librdkafka where nothing else has to be done about what it says.
#[derive(Default)]
pub(crate) struct Listener {
    voice: Voice,
}

impl Listener {
    /// Why the brokers do not answer. Only who polls the client hears it, one event at a time.
    pub(crate) fn trouble(&self, mut poll: impl FnMut()) -> Option<String> {
        (0..EVENTS).find_map(|_| {
            poll();
            self.voice.trouble()
        })
    }
}

impl ConsumerContext for Listener {}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Properties that concern the other kind of client: the person's settings are for all.
        if facility != "CONFWARN" {
            self.voice.log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(&error, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_reason_is_told_without_what_only_librdkafka_needs() {
        for (reason, told) in [
            (
                "sasl_ssl://b:1/bootstrap: SASL authentication error: no (after 3ms in state AUTH_REQ, 1 identical",
                "sasl_ssl://b:1/bootstrap: SASL authentication error: no",
            ),
            (
                "ssl://b:1/1: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker",
                "ssl://b:1/1: SSL handshake failed: the broker's certificate is not signed by an authority of \
                 ssl.ca.location, or not for the name by which the worker reaches it",
            ),
            (
                "ssl://b:1/1: SSL handshake failed: error:0A00010B:wrong version",
                "ssl://b:1/1: SSL handshake failed: error:0A00010B:wrong version",
            ),
            (
                "b:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in",
                "b:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ),
        ] {
            assert_eq!(plain(reason), told);
        }
    }
}

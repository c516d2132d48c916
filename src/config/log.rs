//! What is logged, and how.

use serde::Deserialize;

use super::catalogue::{BAGGAGE_LOG_KEYS, LOG_FORMAT, LOG_LEVEL, RUST_LOG};
use super::findings::Findings;
use super::parse::{elements, one_of};
use crate::telemetry;

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// How a line looks; none leaves it to whether standard output is a terminal.
    pub format: Option<LogFormat>,
    /// `RUST_LOG` as it was given, else the level of `LOG_LEVEL`.
    pub filter: String,
    /// The only baggage members that lines may show; none allows all.
    pub baggage_keys: Option<Vec<String>>,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person's eyes.
    Pretty,
}

#[derive(Default, Deserialize)]
struct Texts {
    format: Option<String>,
    level: Option<String>,
}

/// The settings of the log whose names other programs chose, or that are not about the log alone.
#[derive(Default, Deserialize)]
struct UnprefixedTexts {
    rust_log: Option<String>,
    baggage_log_keys: Option<String>,
}

impl LogSettings {
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let texts: Texts = findings.texts("LOG_");
        let unprefixed: UnprefixedTexts = findings.texts("");
        let format = findings.optional(&LOG_FORMAT, texts.format.as_deref(), format);
        let level = findings.required(&LOG_LEVEL, texts.level.as_deref(), level);
        let filter = findings.optional(&RUST_LOG, unprefixed.rust_log.as_deref(), filter);
        let baggage_keys =
            findings.optional(&BAGGAGE_LOG_KEYS, unprefixed.baggage_log_keys.as_deref(), baggage_keys);
        Some(Self { format, filter: filter.or(level)?, baggage_keys })
    }
}

fn format(text: &str) -> Result<LogFormat, String> {
    one_of(text, &[("json", LogFormat::Json), ("pretty", LogFormat::Pretty)])
}

fn level(text: &str) -> Result<String, String> {
    let levels = ["trace", "debug", "info", "warn", "error", "off"].map(|level| (level, level));
    one_of(text, &levels).map(str::to_owned)
}

fn filter(text: &str) -> Result<String, String> {
    telemetry::check(text).map(|()| text.to_owned())
}

/// The keys listed; a list without any is a mistake, because it would read as "all".
fn baggage_keys(text: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> = elements(text).map(str::to_owned).collect();
    if keys.is_empty() || !keys.iter().all(|key| key.bytes().all(is_token_byte)) {
        return Err("baggage member names separated by commas, such as tenant,trace-id".to_owned());
    }
    Ok(keys)
}

/// Whether a byte may stand in a baggage key (a `token` of RFC 9110).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{baggage_keys, level};

    #[test]
    fn a_level_is_one_that_logging_knows_in_small_letters() {
        for text in ["trace", "debug", "info", "warn", "error", "off"] {
            assert_eq!(level(&text.to_uppercase()), Ok(text.to_owned()));
        }
        for text in ["warning", "fatal", "3", "worker=debug"] {
            assert!(level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_of_baggage_keys_never_turns_into_all_of_them() {
        assert_eq!(baggage_keys("tenant, trace-id,"), Ok(vec!["tenant".to_owned(), "trace-id".to_owned()]));
        for text in [",", " , ", "a b", "tenant;trace-id", "a=b", "é", "\"a\""] {
            assert!(baggage_keys(text).is_err(), "{text}");
        }
    }
}

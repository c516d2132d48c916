//! A record's headers as `worker.held` keeps them: JSON, whatever bytes they have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fault::{Cause, Fault};
use crate::record::Record;

// jsonb takes no NUL and nothing but UTF-8: a name that has other bytes is shown with U+FFFD and kept beside.
pub(super) fn headers(record: &Record) -> Value {
    record
        .headers()
        .map(|(name, value)| {
            let shown = String::from_utf8_lossy(name).replace('\0', "\u{FFFD}");
            let is_exact = shown.as_bytes() == name;
            let mut header = json!({"name": shown, "value": value.map(|value| STANDARD.encode(value))});
            if !is_exact {
                header["nameBytes"] = STANDARD.encode(name).into();
            }
            header
        })
        .collect()
}

/// A header as the producer wrote it: its name, which need not be UTF-8, and its value, which may be absent.
pub type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// Reads the headers of a row of `worker.held`.
///
/// # Errors
/// [`Fault::Fatal`] where they are not what the worker writes.
pub fn headers_of(value: Value) -> Result<Vec<OwnedHeader>, Fault> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        name: String,
        name_bytes: Option<String>,
        value: Option<String>,
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        Fault::Fatal(Cause::new(format!("worker.held has headers that the worker did not write: {error}")))
    };
    let kept: Vec<Kept> = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
    kept.into_iter()
        .map(|header| {
            let decoded = |text: String| STANDARD.decode(text).map_err(|error| unreadable(&error));
            let name = header.name_bytes.map(decoded).transpose()?;
            let name = name.unwrap_or_else(|| header.name.into_bytes());
            Ok((name, header.value.map(decoded).transpose()?))
        })
        .collect()
}

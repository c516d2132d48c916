//! Which lines are written: the directives of `RUST_LOG` or `LOG_LEVEL`, and two rules above them.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::{EnvFilter, Registry};

/// A filter that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "RUST_LOG or LOG_LEVEL: {filter:?} is no log filter ({reason}); expected one of {LEVELS}, \
     or a list such as \"info,worker::lane=debug\""
)]
pub struct FilterFault {
    filter: String,
    reason: String,
}

const LEVELS: &str = "off, error, warn, info, debug, trace";

/// Checks directives before anything starts, and says what is expected instead of a bad one.
pub fn check(directives: &str) -> Result<(), String> {
    match parse::<Registry>(directives) {
        Ok(_) => Ok(()),
        Err(fault) => Err(format!("one of {LEVELS}, or a list such as info,worker=debug ({})", fault.reason)),
    }
}

/// Reads the directives.
pub(super) fn parse<S: Subscriber>(directives: &str) -> Result<impl Filter<S> + use<S>, FilterFault> {
    let fault = |reason: String| FilterFault { filter: directives.to_owned(), reason };
    if let Some(word) = directives.split(',').map(str::trim).find(|word| is_unknown_word(word)) {
        return Err(fault(format!("{word:?} is no level")));
    }
    let chosen = EnvFilter::builder().parse(directives).map_err(|error| fault(error.to_string()))?;
    // A record's span is opened at ERROR and exists whatever is chosen, or its fields would be missing
    // from lines of a module that is chosen alone.
    let spans = filter_fn(is_error_span).with_max_level_hint(LevelFilter::ERROR);
    let discreet =
        filter_fn(|metadata| !reveals_parameters(metadata)).with_max_level_hint(LevelFilter::TRACE);
    Ok(chosen.or(spans).and(discreet))
}

fn is_error_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() == Level::ERROR
}

/// `tokio_postgres` prints the parameters of statements at DEBUG: never, whoever asks.
fn reveals_parameters(metadata: &Metadata<'_>) -> bool {
    *metadata.level() > Level::INFO && metadata.target().starts_with("tokio_postgres")
}

/// What is no `target=level` must be a level: the filter's grammar takes any other word for a target,
/// and a mistyped level would silence everything.
fn is_unknown_word(word: &str) -> bool {
    !word.is_empty() && !word.contains(['=', '[', ']', '{', '}']) && word.parse::<LevelFilter>().is_err()
}

//! Which records a person means: by reason, topic, subject, age and namespace.

use std::time::Duration;

use clap::ValueEnum;

use crate::config::duration;
use crate::ops::Failure;

/// The filters. Where several are given, all must fit.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Filter {
    /// Only records set aside for this reason, such as `unknown_user` or `invalid_dates`
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only records of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Only records about this booking
    #[arg(long, visible_alias = "booking", value_name = "BOOKING_ID")]
    subject: Option<String>,
    /// Only records set aside at least this long ago, such as `30m`, `2h` or `7d`
    #[arg(long, value_name = "AGE", value_parser = duration)]
    older_than: Option<Duration>,
    /// Only records diverted to this namespace; with `--status diverted`
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// The filter's values, as statements take them.
pub(super) struct Values<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) topic: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    pub(super) seconds: Option<f64>,
}

impl Filter {
    /// The filters' names on the command line.
    pub(super) const NAMES: [&'static str; 5] = ["reason", "topic", "subject", "older_than", "namespace"];

    pub(super) fn values(&self) -> Values<'_> {
        Values {
            reason: self.reason.as_deref(),
            topic: self.topic.as_deref(),
            subject: self.subject.as_deref(),
            seconds: self.older_than.map(|age| age.as_secs_f64()),
        }
    }

    /// The namespace, where one is asked for.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether diverted records are meant, of which `worker.held` has none.
    ///
    /// # Errors
    /// What does not go together.
    pub(super) fn is_of_diverted<S: PartialEq>(&self, statuses: &[S], diverted: &S) -> Result<bool, Failure> {
        let refused = |text: &str| Err(Failure::Refused(text.to_owned()));
        if !statuses.contains(diverted) {
            return match self.namespace {
                None => Ok(false),
                Some(_) => refused("--namespace goes with --status diverted"),
            };
        }
        if statuses.iter().any(|status| status != diverted) {
            return refused(
                "--status diverted stands alone: these records are not set aside, but in the topics",
            );
        }
        match self.reason {
            None => Ok(true),
            Some(_) => refused("--status diverted goes without --reason: there is none"),
        }
    }
}

/// The status of a record that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Status {
    /// Tried again by itself
    Waiting,
    /// Needs a person
    Dead,
    /// Was dead, and done after a redrive
    Redriven,
    /// Given up by a person
    Discarded,
    /// Not set aside: left to the worker of a namespace, and taken by none
    Diverted,
}

impl Status {
    /// The word in `worker.held`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
            Self::Diverted => "diverted",
        }
    }
}

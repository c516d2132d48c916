//! Which records have spans: decided before their outcome is written, because the ledger carries the decision on.

use opentelemetry::trace::{SpanContext, SpanKind};
use opentelemetry_sdk::trace::{Sampler as SdkSampler, SamplingDecision, ShouldSample as _};

use crate::config::{RootSampler, SamplerSettings};
use crate::trace_context::TraceContext;

/// The sampler that `OTEL_TRACES_SAMPLER` names.
pub(super) struct Sampler {
    parent_based: bool,
    root: SdkSampler,
}

impl Sampler {
    pub(super) fn new(settings: SamplerSettings) -> Self {
        let root = match settings.root {
            RootSampler::On => SdkSampler::AlwaysOn,
            RootSampler::Off => SdkSampler::AlwaysOff,
            RootSampler::Ratio(share) => SdkSampler::TraceIdRatioBased(share),
        };
        Self { parent_based: settings.parent_based, root }
    }

    /// The producer's decision where it counts, else the sampler's own, which is the same for all of a trace.
    pub(super) fn samples(&self, trace: &TraceContext) -> bool {
        match &trace.remote {
            Some(producer) if self.parent_based => SpanContext::is_sampled(producer),
            _ => {
                let kind = &SpanKind::Consumer;
                let result = self.root.should_sample(None, trace.trace_id, "", kind, &[], &[]);
                result.decision == SamplingDecision::RecordAndSample
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(parent_based: bool, root: RootSampler, parent: Option<&str>) -> bool {
        let header =
            parent.map(|flags| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"));
        let trace = TraceContext::continue_from(header.as_ref().map(String::as_bytes), []);
        Sampler::new(SamplerSettings { parent_based, root }).samples(&trace)
    }

    #[test]
    fn the_producers_decision_counts_where_the_sampler_is_parent_based() {
        for root in [RootSampler::On, RootSampler::Off, RootSampler::Ratio(0.5)] {
            assert!(sampled(true, root, Some("01")), "{root:?}");
            assert!(!sampled(true, root, Some("00")), "{root:?}");
        }
        for (root, expected) in [(RootSampler::On, true), (RootSampler::Off, false)] {
            for parent in [None, Some("00"), Some("01")] {
                assert_eq!(sampled(false, root, parent), expected, "{root:?} {parent:?}");
            }
            assert_eq!(sampled(true, root, None), expected, "{root:?}");
        }
    }

    #[test]
    fn a_ratio_takes_its_share_of_new_traces() {
        for (share, range) in [(0.0, 0..=0), (0.25, 150..=350), (1.0, 1000..=1000)] {
            let count = (0..1000).filter(|_| sampled(true, RootSampler::Ratio(share), None)).count();
            assert!(range.contains(&count), "{share}: {count}");
        }
    }
}

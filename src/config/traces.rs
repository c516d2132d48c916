//! The `OTEL_` settings: whether and where traces go, which, and how many may wait.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::catalogue::{
    OTEL_BSP_EXPORT_TIMEOUT, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY, OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, OTEL_RESOURCE_ATTRIBUTES,
    OTEL_SDK_DISABLED, OTEL_SERVICE_NAME, OTEL_SPAN_LINK_COUNT_LIMIT, OTEL_TRACES_EXPORTER,
    OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
};
use super::findings::Findings;
use super::otel::{attributes, authorities, endpoint, headers, milliseconds, protocol, sampler, share};
use super::parse::{name, one_of, switch, whole_number};

/// What an endpoint for all signals gets appended for traces.
const TRACES_PATH: &str = "v1/traces";

/// The largest queue.
const LARGEST_QUEUE: usize = 65_536;

/// Spans of one request, where no setting says how many.
const USUAL_BATCH: usize = 512;

/// Where traces go, which, and how many may wait.
#[derive(Debug, Clone)]
pub struct TracesSettings {
    /// Who takes them.
    pub collector: CollectorSettings,
    /// What waits for the collector.
    pub queue: QueueSettings,
    /// Which records have spans.
    pub sampler: SamplerSettings,
    /// The worker's name, where it is set by itself.
    pub service_name: Option<String>,
    /// What else is to be said of this process.
    pub resource: Vec<(String, String)>,
    /// Records that a batch's span links at most.
    pub link_limit: usize,
}

/// The collector that takes the traces.
#[derive(Debug, Clone)]
pub struct CollectorSettings {
    /// Its URL for traces.
    pub endpoint: String,
    /// Header names and values for it; the values are percent-encoded.
    pub headers: Vec<(String, SecretString)>,
    /// How long it may take for an answer.
    pub timeout: Duration,
    /// Whether requests are compressed (gzip).
    pub compressed: bool,
    /// Certificate authorities to trust instead of the system's; readable when the settings were read.
    pub certificate: Option<PathBuf>,
}

/// How many spans wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// How long spans wait until they are sent, however few.
    pub schedule_delay: Duration,
    /// Spans that wait at most.
    pub size: usize,
    /// Spans of one request at most.
    pub batch_size: usize,
    /// How long one request and its repetitions may take.
    pub export_timeout: Duration,
}

/// Which records have spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerSettings {
    /// Whether the producer's decision counts where there is one.
    pub parent_based: bool,
    /// What decides otherwise.
    pub root: RootSampler,
}

/// What decides about a trace whose producer has not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RootSampler {
    /// Every trace.
    On,
    /// None.
    Off,
    /// This share of the traces, by their ids.
    Ratio(f64),
}

#[derive(Default, Deserialize)]
struct Texts {
    exporter_otlp_traces_endpoint: Option<String>,
    exporter_otlp_traces_headers: Option<String>,
    exporter_otlp_traces_protocol: Option<String>,
    exporter_otlp_traces_compression: Option<String>,
    exporter_otlp_traces_timeout: Option<String>,
    exporter_otlp_traces_certificate: Option<String>,
    sdk_disabled: Option<String>,
    traces_exporter: Option<String>,
    traces_sampler: Option<String>,
    traces_sampler_arg: Option<String>,
    service_name: Option<String>,
    resource_attributes: Option<String>,
    bsp_schedule_delay: Option<String>,
    bsp_max_queue_size: Option<String>,
    bsp_max_export_batch_size: Option<String>,
    bsp_export_timeout: Option<String>,
    span_link_count_limit: Option<String>,
}

impl TracesSettings {
    /// None where something is wrong; else none inside where traces are off. All is checked either way.
    #[expect(clippy::option_option, reason = "what is wrong, and what is off, are two things")]
    pub(super) fn read(findings: &mut Findings) -> Option<Option<Self>> {
        let texts: Texts = findings.texts("OTEL_");
        let collector = CollectorSettings::read(findings, &texts);
        let queue = QueueSettings::read(findings, &texts);
        let disabled = findings.required(&OTEL_SDK_DISABLED, texts.sdk_disabled.as_deref(), switch);
        let exports = findings.required(&OTEL_TRACES_EXPORTER, texts.traces_exporter.as_deref(), |text| {
            one_of(text, &[("otlp", true), ("none", false)])
        });
        let sampler = read_sampler(findings, &texts);
        let service_name = findings.optional(&OTEL_SERVICE_NAME, texts.service_name.as_deref(), name);
        let resource =
            findings.optional(&OTEL_RESOURCE_ATTRIBUTES, texts.resource_attributes.as_deref(), attributes);
        let link_limit =
            findings.required(&OTEL_SPAN_LINK_COUNT_LIMIT, texts.span_link_count_limit.as_deref(), |text| {
                whole_number(text, &(0..=10_000))
            });
        let is_on = texts.exporter_otlp_traces_endpoint.is_some() && !disabled? && exports?;
        if !is_on {
            return Some(None);
        }
        Some(Some(Self {
            collector: collector?,
            queue: queue?,
            sampler: sampler?,
            service_name,
            resource: resource.unwrap_or_default(),
            link_limit: link_limit?,
        }))
    }
}

impl CollectorSettings {
    /// None where something is wrong, or there is no collector.
    fn read(findings: &mut Findings, texts: &Texts) -> Option<Self> {
        let endpoint = read_endpoint(findings, texts);
        let headers = findings.optional(
            &OTEL_EXPORTER_OTLP_TRACES_HEADERS,
            texts.exporter_otlp_traces_headers.as_deref(),
            headers,
        );
        findings.required(
            &OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
            texts.exporter_otlp_traces_protocol.as_deref(),
            protocol,
        );
        let compressed = findings.required(
            &OTEL_EXPORTER_OTLP_TRACES_COMPRESSION,
            texts.exporter_otlp_traces_compression.as_deref(),
            |text| one_of(text, &[("none", false), ("gzip", true)]),
        );
        let timeout = findings.required(
            &OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
            texts.exporter_otlp_traces_timeout.as_deref(),
            milliseconds,
        );
        let certificate = findings.optional(
            &OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE,
            texts.exporter_otlp_traces_certificate.as_deref(),
            authorities,
        );
        Some(Self {
            endpoint: endpoint?,
            headers: headers.unwrap_or_default(),
            timeout: timeout?,
            compressed: compressed?,
            certificate,
        })
    }
}

impl QueueSettings {
    fn read(findings: &mut Findings, texts: &Texts) -> Option<Self> {
        let schedule_delay =
            findings.required(&OTEL_BSP_SCHEDULE_DELAY, texts.bsp_schedule_delay.as_deref(), milliseconds);
        let size = findings.required(&OTEL_BSP_MAX_QUEUE_SIZE, texts.bsp_max_queue_size.as_deref(), |text| {
            whole_number(text, &(1..=LARGEST_QUEUE))
        });
        let most = size.unwrap_or(LARGEST_QUEUE);
        let batch_size = findings.optional(
            &OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
            texts.bsp_max_export_batch_size.as_deref(),
            |text| whole_number(text, &(1..=most)),
        );
        let export_timeout =
            findings.required(&OTEL_BSP_EXPORT_TIMEOUT, texts.bsp_export_timeout.as_deref(), milliseconds);
        Some(Self {
            schedule_delay: schedule_delay?,
            size: size?,
            batch_size: batch_size.unwrap_or(most.min(USUAL_BATCH)),
            export_timeout: export_timeout?,
        })
    }
}

fn read_endpoint(findings: &mut Findings, texts: &Texts) -> Option<String> {
    let setting = &OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
    let is_whole = findings.given.variable(setting) == setting.name;
    let url = findings.optional(setting, texts.exporter_otlp_traces_endpoint.as_deref(), endpoint)?;
    Some(if is_whole { url } else { format!("{}/{TRACES_PATH}", url.trim_end_matches('/')) })
}

fn read_sampler(findings: &mut Findings, texts: &Texts) -> Option<SamplerSettings> {
    let ratio = findings.optional(&OTEL_TRACES_SAMPLER_ARG, texts.traces_sampler_arg.as_deref(), share);
    let named = findings.required(&OTEL_TRACES_SAMPLER, texts.traces_sampler.as_deref(), sampler)?;
    Some(match named.root {
        RootSampler::Ratio(all) => {
            SamplerSettings { root: RootSampler::Ratio(ratio.unwrap_or(all)), ..named }
        }
        RootSampler::On | RootSampler::Off => named,
    })
}

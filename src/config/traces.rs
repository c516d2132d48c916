//! The `OTEL_` settings: whether and where traces go, as OpenTelemetry names them; its times are milliseconds.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
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
use super::file::read_bytes;
use super::findings::Findings;
use super::parse::{elements, name, one_of, switch, whole_number};

/// What an endpoint for all signals gets appended for traces.
const TRACES_PATH: &str = "v1/traces";

/// Where traces go, which, and how many may wait.
#[derive(Debug, Clone)]
pub struct TracesSettings {
    /// The collector's URL for traces.
    pub endpoint: String,
    /// Header names and values for the collector; the values are percent-encoded.
    pub headers: Vec<(String, SecretString)>,
    /// How long the collector may take for an answer.
    pub timeout: Duration,
    /// Whether requests are compressed (gzip).
    pub compressed: bool,
    /// Certificate authorities to trust instead of the system's; readable when the settings were read.
    pub certificate: Option<PathBuf>,
    /// Which records have spans.
    pub sampler: SamplerSettings,
    /// The worker's name, where it is set by itself.
    pub service_name: Option<String>,
    /// What else is to be said of this process.
    pub resource: Vec<(String, String)>,
    /// How long spans wait until they are sent, however few.
    pub schedule_delay: Duration,
    /// Spans that wait at most.
    pub queue_size: usize,
    /// Spans of one request at most.
    pub batch_size: usize,
    /// How long one request and its repetitions may take.
    pub export_timeout: Duration,
    /// Records that a batch's span links at most.
    pub link_limit: usize,
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
        let endpoint = read_endpoint(findings, &texts);
        let headers = findings.optional(
            &OTEL_EXPORTER_OTLP_TRACES_HEADERS,
            texts.exporter_otlp_traces_headers.as_deref(),
            headers,
        );
        let protocol = &OTEL_EXPORTER_OTLP_TRACES_PROTOCOL;
        findings.required(protocol, texts.exporter_otlp_traces_protocol.as_deref(), protocol_spoken);
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
        let disabled = findings.required(&OTEL_SDK_DISABLED, texts.sdk_disabled.as_deref(), switch);
        let exports = findings.required(&OTEL_TRACES_EXPORTER, texts.traces_exporter.as_deref(), |text| {
            one_of(text, &[("otlp", true), ("none", false)])
        });
        let sampler = read_sampler(findings, &texts);
        let service_name = findings.optional(&OTEL_SERVICE_NAME, texts.service_name.as_deref(), name);
        let resource =
            findings.optional(&OTEL_RESOURCE_ATTRIBUTES, texts.resource_attributes.as_deref(), attributes);
        let delay =
            findings.required(&OTEL_BSP_SCHEDULE_DELAY, texts.bsp_schedule_delay.as_deref(), milliseconds);
        let queue_size =
            findings.required(&OTEL_BSP_MAX_QUEUE_SIZE, texts.bsp_max_queue_size.as_deref(), |text| {
                whole_number(text, &(1..=65_536))
            });
        let most = queue_size.unwrap_or(65_536);
        let batch_size = findings.optional(
            &OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
            texts.bsp_max_export_batch_size.as_deref(),
            |text| whole_number(text, &(1..=most)),
        );
        let export_timeout =
            findings.required(&OTEL_BSP_EXPORT_TIMEOUT, texts.bsp_export_timeout.as_deref(), milliseconds);
        let link_limit =
            findings.required(&OTEL_SPAN_LINK_COUNT_LIMIT, texts.span_link_count_limit.as_deref(), |text| {
                whole_number(text, &(0..=10_000))
            });
        let is_on = !disabled? && exports?;
        let settings = |endpoint| {
            Some(Self {
                endpoint,
                headers: headers.unwrap_or_default(),
                timeout: timeout?,
                compressed: compressed?,
                certificate,
                sampler: sampler?,
                service_name,
                resource: resource.unwrap_or_default(),
                schedule_delay: delay?,
                queue_size: queue_size?,
                batch_size: batch_size.unwrap_or(most.min(512)),
                export_timeout: export_timeout?,
                link_limit: link_limit?,
            })
        };
        match endpoint.filter(|_| is_on) {
            Some(endpoint) => settings(endpoint).map(Some),
            None => Some(None),
        }
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

/// An `http` or `https` URL without user and password, for which there are headers.
fn endpoint(text: &str) -> Result<String, String> {
    let is_endpoint = text.parse::<http::Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && url.host().is_some_and(|host| !host.is_empty())
    });
    if !is_endpoint || text.contains(['?', '#']) {
        return Err(
            "a URL such as http://collector:4318, without user, password or query (a token: OTEL_EXPORTER_OTLP_HEADERS)"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A file of certificates, of which none is broken.
fn authorities(path: &str) -> Result<PathBuf, String> {
    let expected = |reason: &str| format!("the path of a PEM file with certificates; this one {reason}");
    let bytes = read_bytes(path).map_err(|reason| expected(&reason))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(path.into()),
        _ => Err(expected("holds none that can be read")),
    }
}

fn protocol_spoken(text: &str) -> Result<(), String> {
    one_of(text, &[("http/protobuf", ())]).map_err(|_| {
        "http/protobuf, which a collector takes on port 4318 as a rule; the worker speaks no other".to_owned()
    })
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    whole_number(text, &(1..=600_000))
        .map(Duration::from_millis)
        .map_err(|expected| format!("milliseconds: {expected}"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share from 0.0 to 1.0".to_owned())
}

fn sampler(text: &str) -> Result<SamplerSettings, String> {
    let own = |root| SamplerSettings { parent_based: false, root };
    let parent_based = |root| SamplerSettings { parent_based: true, root };
    let (on, off, ratio) = (RootSampler::On, RootSampler::Off, RootSampler::Ratio(1.0));
    one_of(
        text,
        &[
            ("always_on", own(on)),
            ("always_off", own(off)),
            ("traceidratio", own(ratio)),
            ("parentbased_always_on", parent_based(on)),
            ("parentbased_always_off", parent_based(off)),
            ("parentbased_traceidratio", parent_based(ratio)),
        ],
    )
}

/// `name=value` pairs as W3C Baggage writes them, without properties.
fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    elements(text)
        .map(|element| {
            let (name, value) = element.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let is_text = percent_decode_str(value).decode_utf8().is_ok();
            (!name.is_empty() && is_text).then_some((name, value))
        })
        .collect()
}

fn headers(text: &str) -> Result<Vec<(String, SecretString)>, String> {
    let is_header = |name: &str, value: &str| {
        let value = percent_decode_str(value).decode_utf8_lossy();
        name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok()
    };
    pairs(text)
        .filter(|pairs| pairs.iter().all(|(name, value)| is_header(name, value)))
        .map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
        .ok_or_else(|| "HTTP headers name=value separated by commas, values percent-encoded".to_owned())
}

fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let decoded = |(name, value): (&str, &str)| {
        (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    pairs(text)
        .map(|pairs| pairs.into_iter().map(decoded).collect())
        .ok_or_else(|| "name=value separated by commas, values percent-encoded".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{RootSampler, attributes, endpoint, headers, milliseconds, sampler, share};

    #[test]
    fn an_endpoint_is_a_plain_url_over_http() {
        for text in ["http://localhost:4318", "https://c.example/base/", "http://[::1]:4318/v1/traces"] {
            assert_eq!(endpoint(text), Ok(text.to_owned()), "{text}");
        }
        for text in [
            "localhost:4318",
            "grpc://c:4317",
            "http://",
            "http://user:hunter2@c:4318",
            "http://c:4318?token=hunter2",
            "/v1/traces",
            "http://c d",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_such_as_http_can_carry() {
        let read = headers("api-key=a%20b, x-tenant = acme ,").unwrap();
        let read: Vec<(&str, &str)> =
            read.iter().map(|(name, value)| (&**name, value.expose_secret())).collect();
        assert_eq!(read, [("api-key", "a%20b"), ("x-tenant", "acme")]);
        for text in ["hunter2", "a b=c", "=c", "a=%0d%0aforged: yes", "a=%ff"] {
            assert!(headers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn resource_attributes_are_percent_decoded() {
        let expected = [("service.namespace", "hotel"), ("note", "a,b=c")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(attributes("service.namespace=hotel,note=a%2Cb=c").unwrap(), expected);
        assert!(attributes("note").is_err());
    }

    #[test]
    fn a_share_and_a_time_are_within_their_ranges() {
        assert_eq!((share("0"), share("0.25"), share("1.0")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for text in ["-0.1", "1.1", "NaN", "half", "inf"] {
            assert!(share(text).is_err(), "{text}");
        }
        for text in ["0", "5s", "600001", "-1"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sampler_that_is_not_built_in_is_refused() {
        assert!(sampler("parentbased_traceidratio").is_ok_and(|it| it.parent_based));
        assert_eq!(sampler("always_off").map(|it| (it.parent_based, it.root)), Ok((false, RootSampler::Off)));
        for text in ["jaeger_remote", "xray", "parentbased", "always"] {
            assert!(sampler(text).is_err(), "{text}");
        }
    }
}

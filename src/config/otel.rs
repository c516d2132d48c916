//! Checks of the texts of `OTEL_` settings, in the forms that OpenTelemetry gives them.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;

use super::file::read_bytes;
use super::parse::{elements, one_of, whole_number};
use super::traces::{RootSampler, SamplerSettings};

/// An `http` or `https` URL without user and password, for which there are headers.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
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
pub(super) fn authorities(path: &str) -> Result<PathBuf, String> {
    let expected = |reason: &str| format!("the path of a PEM file with certificates; this one {reason}");
    let bytes = read_bytes(path).map_err(|reason| expected(&reason))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(path.into()),
        _ => Err(expected("holds none that can be read")),
    }
}

/// The one protocol that the worker speaks.
pub(super) fn protocol(text: &str) -> Result<(), String> {
    one_of(text, &[("http/protobuf", ())]).map_err(|_| {
        "http/protobuf, which a collector takes on port 4318 as a rule; the worker speaks no other".to_owned()
    })
}

/// A time, which OpenTelemetry counts in milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    whole_number(text, &(1..=600_000))
        .map(Duration::from_millis)
        .map_err(|expected| format!("milliseconds: {expected}"))
}

/// A sampler's share.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share from 0.0 to 1.0".to_owned())
}

/// A sampler that is built in.
pub(super) fn sampler(text: &str) -> Result<SamplerSettings, String> {
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

/// HTTP headers, their values as they are written.
pub(super) fn headers(text: &str) -> Result<Vec<(String, SecretString)>, String> {
    let is_header = |name: &str, value: &str| {
        let value = percent_decode_str(value).decode_utf8_lossy();
        name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok()
    };
    pairs(text)
        .filter(|pairs| pairs.iter().all(|(name, value)| is_header(name, value)))
        .map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
        .ok_or_else(|| "HTTP headers name=value separated by commas, values percent-encoded".to_owned())
}

/// Attributes of the resource.
pub(super) fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
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

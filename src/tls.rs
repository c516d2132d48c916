//! TLS: to PostgreSQL by `DB_SSL_MODE`, and to the collector of traces.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// TLS that checks the server's certificate and name, against this file's authorities or the system's.
pub(crate) fn verified(root_certificate: Option<&Path>) -> Result<MakeRustlsConnect> {
    Ok(MakeRustlsConnect::new(verifying(root_certificate, "DB_SSL_ROOT_CERT")?))
}

/// The same for any server. Faults name the setting that says which file.
pub(crate) fn verifying(root_certificate: Option<&Path>, setting: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = root_certificate {
        let certificates = CertificateDer::pem_file_iter(path)
            .with_context(|| format!("{setting}: cannot read {}", path.display()))?;
        for certificate in certificates {
            let certificate =
                certificate.with_context(|| format!("{setting}: {} is not PEM", path.display()))?;
            roots
                .add(certificate)
                .with_context(|| format!("{setting}: {} holds a bad certificate", path.display()))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        bail!("no certificate authority was found; set {setting} to a PEM file");
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// TLS that takes any certificate, as libpq's `prefer` and `require` do: it hides the traffic from listeners,
/// not from an impostor.
pub(crate) fn unverified() -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let config = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// TLS by the provider that the whole worker uses.
pub(crate) fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS")
}

/// What a person may do about a certificate that was not accepted.
pub(crate) fn advice(error: &tokio_postgres::Error) -> Option<&'static str> {
    let Some(rustls::Error::InvalidCertificate(reason)) = error
        .source()
        .and_then(|error| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())
    else {
        return None;
    };
    match reason {
        CertificateError::UnknownIssuer => Some("DB_SSL_ROOT_CERT says whose certificates are trusted"),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Some("the certificate must be for what DB_HOST says")
        }
        _ => None,
    }
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

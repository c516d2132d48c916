//! Certificate authorities of the tests' own, and what they sign.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority that nobody knows.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server's key and certificate, as PEM.
pub struct Identity {
    key: String,
    certificate: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// The authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes the authority's certificate to a file of the folder, for whoever is to trust it.
    pub fn file(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// Signs a certificate for this host name.
    pub fn identity(&self, host: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "a server");
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { key: key.serialize_pem(), certificate }
    }
}

impl Identity {
    /// Writes key and certificate to one file of the folder.
    pub fn keystore(&self, folder: &Path) -> PathBuf {
        let path = folder.join("keystore.pem");
        std::fs::write(&path, format!("{}{}", self.key, self.certificate)).unwrap();
        path
    }

    /// Writes certificate and key to two files of the folder.
    pub fn files(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
        std::fs::write(&certificate, &self.certificate).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        (certificate, key)
    }
}

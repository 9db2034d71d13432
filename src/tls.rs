//! Certificates and keys in PEM files: what the listener shows, and whom a client trusts. TLS 1.2 and 1.3, by rustls.
//!
//! Files are read once, at the start. A certificate that was renewed needs a restart, in which nothing is lost.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ClientConfig, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// The protocol spoken inside, as ALPN has it.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Certificate or key cannot be used. Each message is one sentence that says what to do; none shows what a file holds.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {cause}; check tls_certificate, tls_key and tls_ca", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// No certificate, or something between the marks that is none.
    #[error("{} holds no certificate in PEM form; write the whole chain into it, the server's own first", .0.display())]
    NoCertificate(PathBuf),
    /// No key, or an encrypted one.
    #[error("{} holds no private key in PEM form that can be read without a password; write one into it", .0.display())]
    NoKey(PathBuf),
    /// The two do not belong together.
    #[error("the key {} is not that of the certificate {}; give the one it was made with", key.display(), certificate.display())]
    OtherKey {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate or key that TLS cannot work with.
    #[error("{} cannot be used for TLS: {cause}; make another one", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rustls::Error,
    },
    /// Cannot happen: the provider supports both versions.
    #[error("TLS cannot start: {0}")]
    Versions(rustls::Error),
}

/// Where the certificate of a server and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and the root, in PEM form.
    pub certificate: PathBuf,
    /// The private key, in PEM form.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let Self { certificate, key } = self;
        let chain = certificates(certificate)?;
        let parsed = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::NoKey(key.clone()))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?
            .with_no_client_auth()
            .with_single_cert(chain, parsed);
        let mut config = config.map_err(|cause| match cause {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::OtherKey { certificate: certificate.clone(), key: key.clone() }
            }
            rustls::Error::InvalidCertificate(_) => TlsError::Unusable { path: certificate.clone(), cause },
            cause => TlsError::Unusable { path: key.clone(), cause },
        })?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// How a client checks servers: against the certificates in `ca` alone, or without it against the public roots.
///
/// # Errors
/// See [`TlsError`].
pub fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|cause| TlsError::Unusable { path: path.to_owned(), cause })?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Said each time, so that no other part of a process that embeds this can choose another one.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::NoCertificate(path.to_owned())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_one_sentence_without_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let pair = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (CertifiedKey { cert, signing_key }, other) = (pair(), pair());
        let certificate = write("certificate", &cert.pem());
        let key = write("key", &signing_key.serialize_pem());
        let other = write("other", &other.signing_key.serialize_pem());
        let encrypted = signing_key.serialize_pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let encrypted = write("encrypted", &encrypted);
        let cut = write("cut", &cert.pem()[..200]);
        let wrong = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
        let wrong = write("wrong", wrong);
        let empty = write("empty", "");
        let absent = folder.path().join("absent");

        let good = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        assert!(good.acceptor().is_ok());
        for (certificate, key, words) in [
            (&absent, &key, "cannot read"),
            (&certificate, &absent, "cannot read"),
            (&empty, &key, "no certificate"),
            (&key, &key, "no certificate"),
            (&cut, &key, "no certificate"),
            (&wrong, &key, "cannot be used"),
            (&certificate, &certificate, "no private key"),
            (&certificate, &encrypted, "no private key"),
            (&certificate, &other, "is not that of the certificate"),
        ] {
            let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
            let error = files.acceptor().err().expect(words).to_string();
            assert!(error.contains(words) && error.lines().count() == 1, "{words}: {error}");
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
        assert!(client(None).is_ok() && client(Some(&certificate)).is_ok());
        for (path, words) in [(&absent, "cannot read"), (&key, "no certificate"), (&wrong, "cannot be used")]
        {
            let error = client(Some(path)).expect_err(words).to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}

//! TLS 1.2 and 1.3: certificate and key of the listener, and roots that a client trusts, from PEM
//! files.
//!
//! Files are read at the start, and those of the listener again at SIGHUP.

use std::{
    io,
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

use crate::input;

/// Longest file of certificates or of a key, in bytes.
const MAX_PEM_BYTES: u64 = 16 << 20;

/// The ALPN name of the protocol inside TLS.
const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate or a key cannot be used. Each message is one sentence that says what to do; none
/// shows the content of a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {cause}; check tls_certificate, tls_key, tls_ca and node_tls_ca", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The file has no certificate, or one that does not parse.
    #[error("{} contains no certificate in PEM form; write the whole chain into it, the certificate of the server first", .0.display())]
    NoCertificate(PathBuf),
    /// The file has no key, or an encrypted one.
    #[error("{} contains no private key in PEM form that can be read without a password; write one into it", .0.display())]
    NoKey(PathBuf),
    /// Key and certificate do not belong together.
    #[error("the key {} does not belong to the certificate {}; use the key that it was created with", key.display(), certificate.display())]
    OtherKey {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// rustls refuses the certificate or the key.
    #[error("{} cannot be used for TLS: {cause}; create another one", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The error of rustls.
        cause: rustls::Error,
    },
    /// No root certificate can be used.
    #[error("no root certificate can be used: {0}; check the file")]
    NoRoots(String),
    /// The provider supports neither TLS version, which cannot happen.
    #[error("TLS cannot start: {0}")]
    Versions(rustls::Error),
}

/// The files of a server's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and the intermediate ones, in PEM form.
    pub certificate: PathBuf,
    /// The private key, in PEM form.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// Fails if a file cannot be read, has no usable content, or if the two do not belong together.
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

/// Returns the TLS configuration of a client that trusts the certificates in `ca` alone, or without
/// it the public roots.
///
/// # Errors
/// Fails if the file cannot be read or has no usable certificate.
pub(crate) fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = roots(ca)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Returns the certificates in `ca`, or without it the public roots.
///
/// # Errors
/// Fails if the file cannot be read or has no usable certificate.
pub(crate) fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
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
    Ok(roots)
}

/// Passed explicitly, because a process that embeds the server may have installed another default.
pub(crate) fn provider() -> Arc<CryptoProvider> {
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
    input::read(path, MAX_PEM_BYTES).map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn unusable_files_are_errors_of_one_line_without_their_content() {
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
        for (certificate, key, expected) in [
            (&absent, &key, "Unreadable"),
            (&certificate, &absent, "Unreadable"),
            (&empty, &key, "NoCertificate"),
            (&key, &key, "NoCertificate"),
            (&cut, &key, "NoCertificate"),
            (&wrong, &key, "Unusable"),
            (&certificate, &certificate, "NoKey"),
            (&certificate, &encrypted, "NoKey"),
            (&certificate, &other, "OtherKey"),
        ] {
            let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
            let error = files.acceptor().err().expect(expected);
            assert!(format!("{error:?}").starts_with(expected), "{expected}: {error:?}");
            let message = error.to_string();
            assert!(message.lines().count() == 1 && !message.contains("c2VjcmV0"), "{message}");
        }
        assert!(client(None).is_ok() && client(Some(&certificate)).is_ok());
        for (path, expected) in [(&absent, "Unreadable"), (&key, "NoCertificate"), (&wrong, "Unusable")] {
            let error = client(Some(path)).expect_err(expected);
            assert!(format!("{error:?}").starts_with(expected), "{expected}: {error:?}");
        }
    }
}

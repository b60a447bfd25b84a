//! A certificate that is made when the bucket starts and known to whoever reads the file it is written to.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What a TLS handshake begins with; no HTTP request does.
const HANDSHAKE: u8 = 22;

/// Whether a connection that begins with this byte wants TLS.
pub fn begins(first: u8) -> bool {
    first == HANDSHAKE
}

/// Makes a certificate for the loopback, writes it to a file as PEM, and answers handshakes with it. The error is a
/// sentence.
pub fn acceptor(certificate_file: &Path) -> Result<TlsAcceptor, String> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    let made = made.map_err(|error| format!("no certificate can be made: {error}"))?;
    fs::write(certificate_file, made.cert.pem())
        .map_err(|error| format!("cannot write {}: {error}", certificate_file.display()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    let config = config.map_err(|error| format!("TLS cannot start: {error}"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

//! Requests and answers over HTTP: signing, sending, and what the transport says where it fails.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apus_core::world::Body;
use bytes::{Bytes, BytesMut};
use http::Method;
use reqwest::Response;
use rustls::{ClientConfig, RootCertStore};

use super::address::Address;
use super::body::Pieces;
use super::encode::timestamp;
use super::sign::{Canonical, UNSIGNED_PAYLOAD, authorization};
use super::xml::{Refusal, refusal};
use super::{Credentials, S3Config};
use crate::retry::Observed;

/// Stores close idle connections after 5 s or more; a request on one that is about to close would be in doubt.
const IDLE: Duration = Duration::from_secs(4);
/// A connection that takes longer is not coming.
const CONNECT: Duration = Duration::from_secs(2);
/// Idle connections kept: as many as blocks are fetched at once.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// Where a body's buffer starts at most, whatever length is declared.
const BUFFER_BYTES_FIRST: u64 = 1 << 20;
/// What is read of a refusal.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;

/// One request, before it is signed.
#[derive(Debug)]
pub(super) struct Question {
    method: Method,
    /// The object's whole name; nothing asks the bucket.
    name: Option<String>,
    /// Encoded and sorted.
    pub query: String,
    /// Lower-case names; those of the request itself are added when it is signed.
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Body>,
}

impl Question {
    pub(super) fn new(method: Method, name: Option<String>) -> Question {
        Question { method, name, query: String::new(), headers: Vec::new(), body: None }
    }
}

/// A connection pool to one bucket.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    pub address: Address,
    pub region: String,
    credentials: Credentials,
}

impl Client {
    pub(super) fn new(address: Address, config: &S3Config) -> Result<Client, String> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(address.secure)?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent(concat!("apus/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the S3 client cannot start: {}", reason(&error)))?;
        Ok(Client { http, address, region: config.region.clone(), credentials: config.credentials.clone() })
    }

    /// Asks, and takes a refusal for an outcome.
    pub(super) async fn ask(&self, question: Question) -> Result<Response, Observed> {
        let response = self.send(question).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, refusal) = self.refusal(response).await;
        Err(Observed::Status { status, code: refusal.code })
    }

    /// Why a response is none.
    pub(super) async fn refusal(&self, response: Response) -> (u16, Refusal) {
        let status = response.status().as_u16();
        let region = header(&response, "x-amz-bucket-region").map(str::to_owned);
        // A refusal counts by its status; its words may be missing.
        let text = read_text(response, REFUSAL_BYTES_MAX).await.unwrap_or_default();
        let mut refusal = refusal(&text);
        refusal.region = region.unwrap_or(refusal.region);
        (status, refusal)
    }

    /// Signs and sends; any status is an answer.
    pub(super) async fn send(&self, question: Question) -> Result<Response, Observed> {
        let path = self.address.path(question.name.as_deref());
        let url = self.address.url(&path, &question.query);
        let now = timestamp(SystemTime::now());
        let mut headers = question.headers;
        headers.push(("host", self.address.host.clone()));
        headers.push(("x-amz-content-sha256", UNSIGNED_PAYLOAD.to_owned()));
        headers.push(("x-amz-date", now.clone()));
        headers.extend(self.credentials.session_token.clone().map(|token| ("x-amz-security-token", token)));
        headers.sort_unstable_by_key(|(name, _)| *name);
        let signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let canonical = Canonical {
            method: question.method.as_str(),
            path: &path,
            query: &question.query,
            headers: &signed,
            payload: UNSIGNED_PAYLOAD,
        };
        let authorization = authorization(&self.credentials, &self.region, &now, &canonical);
        let mut request = self.http.request(question.method, url).header("authorization", authorization);
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, value);
        }
        if let Some(body) = question.body {
            // An empty body has no length of its own in HTTP, and S3 insists on one.
            request = request.header("content-length", body.bytes()).body(reqwest::Body::wrap(Pieces::new(body)));
        }
        request.send().await.map_err(|error| observe(&error))
    }
}

/// The machine's own root certificates, where TLS is spoken at all.
fn tls(secure: bool) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if secure {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(format!(
                "https needs root certificates and this machine has none{why}: install ca-certificates or set SSL_CERT_FILE"
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("TLS cannot start: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A header as text.
pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// A body of at most so many bytes.
pub(super) async fn read_bytes(mut response: Response, bytes_max: u64) -> Result<Bytes, Observed> {
    let declared = response.content_length().unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(declared.min(bytes_max).min(BUFFER_BYTES_FIRST) as usize);
    while let Some(chunk) = response.chunk().await.map_err(|error| observe(&error))? {
        if (bytes.len() + chunk.len()) as u64 > bytes_max {
            return Err(Observed::Malformed(format!("an answer of more than {bytes_max} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The same as text.
pub(super) async fn read_text(response: Response, bytes_max: u64) -> Result<String, Observed> {
    let bytes = read_bytes(response, bytes_max).await?;
    String::from_utf8(bytes.into()).map_err(|_| Observed::Malformed("an answer that is not text".to_owned()))
}

/// Where the request got to when the transport failed.
fn observe(error: &reqwest::Error) -> Observed {
    if error.is_connect() {
        Observed::ConnectFailed(reason(error))
    } else if error.is_timeout() {
        Observed::Timeout
    } else if error.is_builder() {
        Observed::Refused(format!("not a request: {}", reason(error)))
    } else {
        Observed::Reset(reason(error))
    }
}

/// The innermost cause: the outer ones say no more than that there was one.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

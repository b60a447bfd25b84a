//! The server: HTTP/1.1 on a free port of the loopback, one thread.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;

use super::answer::{Answer, error, status, with};
use super::objects::{Object, Objects, Only, Refused};
use crate::s3::{Credentials, S3Config, checksum};

/// The only bucket there is.
pub const BUCKET: &str = "birds";
/// The only access key that is known.
pub const ACCESS_KEY: &str = "AKIDTEST";
/// Keys in one page, so that listings need several.
const PAGE_MAX: usize = 50;
/// How much later than its answer a late upload lands.
const LATE: Duration = Duration::from_millis(40);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 409: a conditional request raced with another.
    Conflict,
    /// 503 SlowDown, nothing done.
    SlowDown,
    /// 500, nothing done.
    ErrorBefore,
    /// It is done, and answered with 500.
    ErrorAfter,
    /// Nothing done, the connection breaks.
    ResetBefore,
    /// It is done, and the connection breaks.
    ResetAfter,
    /// Half of the body, then the connection breaks.
    Truncated,
    /// A byte of the body is another one.
    Corrupt,
    /// The answer takes its time.
    Delay,
    /// An upload is answered with 500 and takes effect later.
    Late,
}

const FAULTS: [Fault; 10] = [
    Fault::Conflict,
    Fault::SlowDown,
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::Truncated,
    Fault::Corrupt,
    Fault::Delay,
    Fault::Late,
];

/// How often something goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storm {
    /// Where the faults are drawn from.
    pub seed: u64,
    /// Requests of a thousand that meet one.
    pub per_mille: u64,
    /// The only fault there is; nothing is any of them.
    pub only: Option<Fault>,
}

struct Shared {
    objects: Objects,
    dice: Mutex<u64>,
    storm: Storm,
    requests: AtomicU64,
    faults: AtomicU64,
    ended: AtomicBool,
    end: Notify,
}

/// A running server; ends when dropped.
pub struct S3Server {
    endpoint: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    ///
    /// # Panics
    /// Where the loopback has no free port.
    #[must_use]
    pub fn start(storm: Storm) -> S3Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let shared = Arc::new(Shared {
            objects: Objects::default(),
            dice: Mutex::new(storm.seed ^ 0x9e37_79b9_7f4a_7c15),
            storm,
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            end: Notify::new(),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, served));
        });
        S3Server { endpoint, shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How a client reaches the bucket.
    #[must_use]
    pub fn config(&self, prefix: &str) -> S3Config {
        S3Config {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(self.endpoint.clone()),
            region: "us-east-1".to_owned(),
            path_style: true,
            credentials: Credentials {
                access_key: ACCESS_KEY.to_owned(),
                secret_key: "secret".to_owned(),
                session_token: None,
            },
        }
    }

    /// Requests seen so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Faults drawn so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// Objects in the bucket.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.shared.objects.count()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.end.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
    while !shared.ended.load(Ordering::SeqCst) {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            () = shared.end.notified() => return,
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A connection that we break ends with an error: that is the point.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// One request, read whole.
struct Question {
    method: Method,
    /// Decoded; empty where the bucket is asked.
    key: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Question {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn only(&self) -> Only {
        match (self.header("if-none-match"), self.header("if-match")) {
            (Some(_), _) => Only::Absent,
            (None, Some(etag)) => Only::Match(etag.to_owned()),
            (None, None) => Only::Always,
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Answer>, io::Error> {
    let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| broken())?.to_bytes();
    let path = decode(parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query = query.map(|(name, value)| (decode(name), decode(value))).collect();
    let inside = path.strip_prefix(&format!("/{BUCKET}")).map(|rest| rest.trim_start_matches('/').to_owned());
    let Some(key) = inside else { return Ok(error(404, "NoSuchBucket")) };
    let question = Question { method: parts.method, key, query, headers: parts.headers, body };
    if let Some(refused) = inspect(&question) {
        return Ok(refused);
    }
    match draw(&shared, &question) {
        None => Ok(perform(&shared, &question)),
        Some(Fault::Conflict) => Ok(error(409, "ConditionalRequestConflict")),
        Some(Fault::SlowDown) => Ok(error(503, "SlowDown")),
        Some(Fault::ErrorBefore) => Ok(error(500, "InternalError")),
        Some(Fault::ResetBefore) => Err(broken()),
        Some(Fault::ErrorAfter) => {
            perform(&shared, &question);
            Ok(error(500, "InternalError"))
        }
        Some(Fault::ResetAfter) => {
            perform(&shared, &question);
            Err(broken())
        }
        Some(Fault::Delay) => {
            tokio::time::sleep(LATE).await;
            Ok(perform(&shared, &question))
        }
        Some(Fault::Late) => {
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                perform(&shared, &question);
            });
            Ok(error(500, "InternalError"))
        }
        Some(Fault::Truncated) => Ok(get(&shared.objects, &question).map(Answer::halved)),
        Some(Fault::Corrupt) => Ok(corrupt(&shared.objects, &question)),
    }
}

/// A fault that this request can meet, or none.
fn draw(shared: &Shared, question: &Question) -> Option<Fault> {
    let mut dice = shared.dice.lock().unwrap_or_else(PoisonError::into_inner);
    let mut roll = || {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        *dice
    };
    if roll() % 1_000 >= shared.storm.per_mille {
        return None;
    }
    let fault = shared.storm.only.unwrap_or(FAULTS[(roll() % FAULTS.len() as u64) as usize]);
    let object = || shared.objects.get(&question.key).is_some_and(|object| !object.bytes.is_empty());
    let possible = match fault {
        Fault::Conflict => question.method == Method::PUT && !matches!(question.only(), Only::Always),
        Fault::Late => question.method == Method::PUT,
        Fault::Truncated => question.method == Method::GET && object(),
        // Only whole objects have a checksum to find it by.
        Fault::Corrupt => question.method == Method::GET && question.header("range").is_none() && object(),
        _ => true,
    };
    shared.faults.fetch_add(u64::from(possible), Ordering::Relaxed);
    possible.then_some(fault)
}

/// The object, but for one bit, with the checksum of what it was.
fn corrupt(objects: &Objects, question: &Question) -> Response<Answer> {
    let Some(mut object) = objects.get(&question.key) else { return error(404, "NoSuchKey") };
    let mut bytes = object.bytes.to_vec();
    bytes[0] ^= 1;
    object.bytes = Bytes::from(bytes);
    whole(object)
}

/// What S3 refuses before it looks at the object.
fn inspect(question: &Question) -> Option<Response<Answer>> {
    let authorization = question.header("authorization").unwrap_or_default();
    if !authorization.contains(&format!("Credential={ACCESS_KEY}/")) {
        return Some(error(403, "InvalidAccessKeyId"));
    }
    if question.header("x-amz-date").is_none() || question.header("x-amz-content-sha256").is_none() {
        return Some(error(403, "AccessDenied"));
    }
    let uploads = matches!(question.method, Method::PUT | Method::POST);
    if uploads && question.header("content-length").is_none() {
        return Some(error(411, "MissingContentLength"));
    }
    let declared = question.header("x-amz-checksum-crc32c").filter(|_| uploads);
    declared.filter(|declared| *declared != checksum(&question.body)).map(|_| error(400, "BadDigest"))
}

fn perform(shared: &Shared, question: &Question) -> Response<Answer> {
    let objects = &shared.objects;
    match (&question.method, question.key.is_empty()) {
        (&Method::PUT, false) => put(objects, question),
        (&Method::GET, false) => get(objects, question),
        (&Method::HEAD, false) => match objects.get(&question.key) {
            Some(Object { bytes, etag, .. }) => {
                let length = bytes.len().to_string();
                with(200, &[("etag", &etag), ("content-length", &length)], Answer::whole(bytes))
            }
            None => status(404),
        },
        (&Method::DELETE, false) => {
            objects.delete(&question.key);
            status(204)
        }
        (&Method::GET, true) if question.query("list-type") == Some("2") => list(objects, question),
        (&Method::POST, true) if question.query("delete").is_some() => delete_many(objects, question),
        _ => error(501, "NotImplemented"),
    }
}

fn put(objects: &Objects, question: &Question) -> Response<Answer> {
    let crc32c = question.header("x-amz-checksum-crc32c").map(str::to_owned);
    match objects.put(&question.key, question.body.clone(), crc32c, &question.only()) {
        Ok(etag) => with(200, &[("etag", &etag)], Answer::none()),
        Err(Refused::Missing) => error(404, "NoSuchKey"),
        Err(Refused::Precondition) => error(412, "PreconditionFailed"),
    }
}

fn get(objects: &Objects, question: &Question) -> Response<Answer> {
    let Some(object) = objects.get(&question.key) else { return error(404, "NoSuchKey") };
    let Some(range) = question.header("range").and_then(|text| text.strip_prefix("bytes=")) else {
        return whole(object);
    };
    let Object { bytes, etag, .. } = object;
    let (first, last) = range.split_once('-').unwrap_or_default();
    let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { return error(400, "Invalid") };
    if first >= bytes.len() {
        return error(416, "InvalidRange");
    }
    let last = last.min(bytes.len() - 1);
    let sent = format!("bytes {first}-{last}/{}", bytes.len());
    with(206, &[("etag", &etag), ("content-range", &sent)], Answer::whole(bytes.slice(first..=last)))
}

fn whole(object: Object) -> Response<Answer> {
    let mut headers = vec![("etag", object.etag.as_str())];
    headers.extend(object.crc32c.as_deref().map(|crc32c| ("x-amz-checksum-crc32c", crc32c)));
    with(200, &headers, Answer::whole(object.bytes))
}

fn list(objects: &Objects, question: &Question) -> Response<Answer> {
    let count_max = question.query("max-keys").and_then(|text| text.parse().ok()).unwrap_or(1_000).min(PAGE_MAX);
    let after = question.query("continuation-token").or(question.query("start-after")).unwrap_or_default();
    let (found, more) = objects.list(question.query("prefix").unwrap_or_default(), after, count_max);
    let mut xml = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>");
    if let Some((last, _)) = found.last().filter(|_| more) {
        xml.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", escape(last)));
    }
    for (key, bytes) in &found {
        xml.push_str(&format!("<Contents><Key>{}</Key><Size>{bytes}</Size></Contents>", escape(key)));
    }
    xml.push_str("</ListBucketResult>");
    with(200, &[], Answer::whole(Bytes::from(xml)))
}

fn delete_many(objects: &Objects, question: &Question) -> Response<Answer> {
    if question.header("content-md5").is_none() {
        return error(400, "InvalidRequest");
    }
    let text = String::from_utf8_lossy(&question.body);
    let mut xml = String::from("<DeleteResult>");
    for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key) {
        objects.delete(&key.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        xml.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
    }
    xml.push_str("</DeleteResult>");
    with(200, &[], Answer::whole(Bytes::from(xml)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! What each request does, as S3 has it: pure but for the lock around the objects and the dice.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::BucketArguments;
use super::answer::Answer;
use super::counts::{Counter, Operation};
use super::faults::{Fault, Faults};
use super::latency::{Dice, LogNormal};
use super::objects::{Content, Objects, Only, Refused};
use super::request::Request;
use super::xml;

/// Keys in one page of a listing, S3's own bound.
const PAGE_MAX: usize = 1_000;

/// The chances of a bucket: a stream each, so that none moves another.
#[derive(Debug)]
struct Chances {
    put: Dice,
    other: Dice,
    fault: Dice,
}

/// Everything that the connections share.
#[derive(Debug)]
pub struct Service {
    objects: Objects,
    pub counter: Counter,
    chances: Mutex<Chances>,
    put_latency: Option<LogNormal>,
    other_latency: Option<LogNormal>,
    faults: Faults,
    /// Bytes a second of a connection.
    pub bandwidth: Option<f64>,
    sink: bool,
    check: bool,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub struct Body {
    pub length: u64,
    /// Nothing where they were dropped as they came.
    pub bytes: Option<Bytes>,
    /// Of all bytes, where it was asked for.
    pub crc32c: Option<String>,
}

impl Service {
    pub fn new(arguments: &BucketArguments) -> Service {
        let seed = arguments.seed;
        let chances = Chances { put: Dice::new(seed, 0), other: Dice::new(seed, 1), fault: Dice::new(seed, 2) };
        Service {
            objects: Objects::new(arguments.memory_max),
            counter: Counter::default(),
            chances: Mutex::new(chances),
            put_latency: arguments.put_latency_ms,
            other_latency: arguments.get_latency_ms,
            faults: arguments.errors.clone(),
            bandwidth: arguments.bandwidth_mb_per_connection.map(|megabytes| megabytes * 1e6),
            sink: arguments.sink,
            check: arguments.check,
        }
    }

    /// What kind of request it is; nothing is none that is known.
    pub fn operation(&self, request: &Request) -> Option<Operation> {
        match (request.method.as_str(), request.key().is_empty()) {
            ("PUT", _) => Some(Operation::Put),
            ("GET", false) => Some(Operation::Get),
            ("HEAD", _) => Some(Operation::Head),
            ("GET", true) if request.query("list-type") == Some("2") => Some(Operation::List),
            ("DELETE", false) => Some(Operation::Delete),
            ("POST", true) if request.query("delete").is_some() => Some(Operation::Delete),
            _ => None,
        }
    }

    /// How long this request takes at least.
    pub fn latency(&self, operation: Operation) -> Duration {
        let mut chances = self.chances.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = match operation {
            Operation::Put => self.put_latency.map(|distance| distance.draw(&mut chances.put)),
            _ => self.other_latency.map(|distance| distance.draw(&mut chances.other)),
        };
        drop(chances);
        if let Some(time) = drawn {
            self.counter.drew(operation, time);
        }
        drawn.unwrap_or_default()
    }

    /// What goes wrong with the next request.
    pub fn fault(&self) -> Option<Fault> {
        self.faults.draw(&mut self.chances.lock().unwrap_or_else(PoisonError::into_inner).fault)
    }

    /// Whether the bytes of a request are worth keeping.
    pub fn keeps(&self, request: &Request) -> bool {
        let pack = request.path.contains("/d/") && request.method == "PUT";
        !(self.sink && pack)
    }

    /// Whether bodies are compared with their checksums.
    pub fn checks(&self, request: &Request) -> bool {
        self.check && request.header("x-amz-checksum-crc32c").is_some()
    }

    /// Does what is asked.
    pub fn perform(&self, operation: Operation, request: &Request, body: Body) -> Answer {
        let declared = request.header("x-amz-checksum-crc32c");
        if body.crc32c.as_deref().is_some_and(|crc32c| declared != Some(crc32c)) {
            return Answer::error(400, "BadDigest");
        }
        match operation {
            // Every bucket exists.
            Operation::Put | Operation::Head if request.key().is_empty() => Answer::new(200),
            Operation::Put => self.put(request, body),
            Operation::Get => self.get(request),
            Operation::Head => match self.objects.get(&request.path) {
                Some(object) => Answer::new(200).header("etag", &object.etag).declare(object.length),
                None => Answer::new(404),
            },
            Operation::List => self.list(request),
            Operation::Delete if request.key().is_empty() => {
                let keys = xml::keys(&String::from_utf8_lossy(&body.bytes.unwrap_or_default()));
                for key in &keys {
                    self.objects.delete(&format!("{}/{key}", request.bucket()));
                }
                Answer::new(200).body(Bytes::from(xml::deleted(&keys)))
            }
            Operation::Delete => {
                self.objects.delete(&request.path);
                Answer::new(204)
            }
        }
    }

    fn put(&self, request: &Request, body: Body) -> Answer {
        let only = match (request.header("if-none-match"), request.header("if-match")) {
            (Some(_), _) => Only::Absent,
            (None, Some(etag)) => Only::Match(etag.to_owned()),
            (None, None) => Only::Always,
        };
        let crc32c = request.header("x-amz-checksum-crc32c").map(str::to_owned);
        let content = Content { length: body.length, bytes: body.bytes, crc32c };
        match self.objects.put(&request.path, content, &only) {
            Ok(etag) => Answer::new(200).header("etag", &etag),
            Err(Refused::Missing) => Answer::error(404, "NoSuchKey"),
            Err(Refused::Precondition) => Answer::error(412, "PreconditionFailed"),
            Err(Refused::Full) => Answer::error(507, "MemoryMaxReached"),
        }
    }

    fn get(&self, request: &Request) -> Answer {
        let found = self.objects.get(&request.path);
        let Some((object, bytes)) = found.and_then(|object| object.bytes.clone().map(|bytes| (object, bytes))) else {
            return Answer::error(404, "NoSuchKey");
        };
        let answer = |status| Answer::new(status).header("etag", &object.etag);
        match request.range(object.length) {
            Err(()) => Answer::error(416, "InvalidRange"),
            Ok(Some((first, last))) => {
                let sent = format!("bytes {first}-{last}/{}", object.length);
                answer(206).header("content-range", &sent).body(bytes.slice(first as usize..=last as usize))
            }
            Ok(None) => match &object.crc32c {
                Some(crc32c) => answer(200).header("x-amz-checksum-crc32c", crc32c).body(bytes),
                None => answer(200).body(bytes),
            },
        }
    }

    fn list(&self, request: &Request) -> Answer {
        if request.query("delimiter").is_some() {
            return Answer::error(501, "NotImplemented");
        }
        let count_max = request.query("max-keys").and_then(|text| text.parse().ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let after = request.query("continuation-token").or(request.query("start-after"));
        let whole = |inside: &str| format!("{}/{inside}", request.bucket());
        let after = after.map(whole).unwrap_or_default();
        let page = self.objects.list(&whole(request.query("prefix").unwrap_or_default()), &after, count_max);
        Answer::new(200).body(Bytes::from(xml::listing(&page, request.bucket())))
    }

    /// The counts, as JSON.
    pub fn tell(&self) -> Answer {
        let mut counts = self.counter.read();
        let (objects, bytes) = self.objects.size();
        (counts.objects, counts.bytes_kept) = (objects as u64, bytes);
        let json = serde_json::to_vec(&counts).expect("numbers and names");
        Answer::new(200).header("content-type", "application/json").body(Bytes::from(json))
    }
}

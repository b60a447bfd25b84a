//! A bucket, spoken to in the few words that are needed: PUT (plain, If-None-Match, If-Match), GET, HEAD, LIST version
//! 2, DELETE and deletion of many.
//!
//! Each method here is one attempt. What its outcome means, and whether there is another, is [`crate::retry`]'s to say;
//! time-outs are the plane's. Nothing below repeats by itself: no redirects, no retries of the HTTP client.
//!
//! - Uploads carry their CRC32C, which the store compares; whole downloads are compared with the one that it kept.
//!   Ranges are checked by length and position: their records carry checksums of their own.
//! - A body grows with the bytes received, never to a declared length.

mod address;
mod body;
mod check;
mod client;
mod credentials;
mod encode;
pub mod sign;
mod xml;

use std::ops::Range;
use std::sync::Arc;

use apus_core::world::{Body, Condition, Etag, Listed, ObjectKey};
use bytes::Bytes;
use http::{Method, StatusCode};
use md5::{Digest as _, Md5};
use reqwest::Response;

pub use credentials::Credentials;

use crate::Unusable;
use crate::retry::Observed;
use address::Address;
use client::{Client, Question, header, read_bytes, read_text};
use encode::{base64, percent};

/// How a bucket is reached.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// What all keys begin with, without a slash at either end; may be empty.
    pub prefix: String,
    /// Where it is, if not at Amazon: `http(s)://host[:port]`.
    pub endpoint: Option<String>,
    /// The region, as it is signed.
    pub region: String,
    /// Whether the bucket's name is in the path instead of the host.
    pub path_style: bool,
    /// Whose requests these are.
    pub credentials: Credentials,
}

/// A bucket, or the part of one below a prefix.
#[derive(Debug)]
pub struct Bucket {
    client: Client,
    name: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// The longest answer that is not an object: a listing or a deletion of a thousand keys.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// The longest object that is read whole.
const WHOLE_BYTES_MAX: u64 = 2 << 30;

impl Bucket {
    /// Prepares a client; speaks to nobody yet. The error is a sentence for a person.
    pub fn new(config: &S3Config) -> Result<Bucket, String> {
        let prefix = config.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let client = Client::new(Address::new(config)?, config)?;
        Ok(Bucket { client, name: config.bucket.clone(), prefix })
    }

    fn name_of(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Writes an object whole.
    pub async fn put(&self, key: &ObjectKey, body: &Body, condition: &Condition) -> Result<Etag, Observed> {
        let mut question = Question::new(Method::PUT, Some(self.name_of(key)));
        question.headers.push(("x-amz-checksum-crc32c", body::crc32c(body.pieces())));
        match condition {
            Condition::Always => {}
            Condition::Absent => question.headers.push(("if-none-match", "*".to_owned())),
            Condition::Match(etag) => question.headers.push(("if-match", etag.0.to_string())),
        }
        question.body = Some(body.clone());
        let response = self.client.ask(question).await?;
        etag(&response)
    }

    /// Reads an object or a part of it; a range past the end is cut.
    pub async fn get(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<(Bytes, Etag), Observed> {
        let Some(range) = range else { return self.get_whole(key).await };
        if range.is_empty() {
            return self.head(key).await.map(|(_, etag)| (Bytes::new(), etag));
        }
        let mut question = Question::new(Method::GET, Some(self.name_of(key)));
        question.headers.push(("range", format!("bytes={}-{}", range.start, range.end - 1)));
        let response = match self.client.ask(question).await {
            Err(Observed::Status { status: 416, .. }) => return self.get_behind(key, range.start).await,
            other => other?,
        };
        let etag = etag(&response)?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // A store may answer with the whole object instead.
            let bytes = read_bytes(response, WHOLE_BYTES_MAX).await?;
            let cut = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
            return Ok((bytes.slice(cut(range.start)..cut(range.end)), etag));
        }
        let sent = header(&response, "content-range").and_then(content_range);
        let Some((sent, length)) = sent else { return Err(Observed::Malformed("no content-range".to_owned())) };
        let wanted = range.start..range.end.min(length);
        if sent != wanted {
            return Err(Observed::Malformed(format!("bytes {sent:?} of {length} instead of {wanted:?}")));
        }
        let bytes = read_bytes(response, wanted.end - wanted.start).await?;
        if bytes.len() as u64 != wanted.end - wanted.start {
            return Err(Observed::Truncated(format!("{} bytes of {wanted:?}", bytes.len())));
        }
        Ok((bytes, etag))
    }

    async fn get_whole(&self, key: &ObjectKey) -> Result<(Bytes, Etag), Observed> {
        let mut question = Question::new(Method::GET, Some(self.name_of(key)));
        question.headers.push(("x-amz-checksum-mode", "ENABLED".to_owned()));
        let response = self.client.ask(question).await?;
        let etag = etag(&response)?;
        let declared = header(&response, "content-length").and_then(|text| text.parse::<u64>().ok());
        // A checksum with a dash is one of checksums of parts: not ours.
        let checksum = header(&response, "x-amz-checksum-crc32c").filter(|text| !text.contains('-')).map(str::to_owned);
        let bytes = read_bytes(response, WHOLE_BYTES_MAX).await?;
        if declared.is_some_and(|declared| declared != bytes.len() as u64) {
            return Err(Observed::Truncated(format!("{} bytes of {declared:?}", bytes.len())));
        }
        if checksum.is_some_and(|checksum| checksum != body::crc32c(std::slice::from_ref(&bytes))) {
            return Err(Observed::Checksum);
        }
        Ok((bytes, etag))
    }

    /// The part of an object behind its end, which HTTP has no word for.
    async fn get_behind(&self, key: &ObjectKey, start: u64) -> Result<(Bytes, Etag), Observed> {
        let (length, etag) = self.head(key).await?;
        if start < length {
            return Err(Observed::Malformed(format!("there is no byte {start} of {length}, says the store")));
        }
        Ok((Bytes::new(), etag))
    }

    /// Length and version of an object.
    pub async fn head(&self, key: &ObjectKey) -> Result<(u64, Etag), Observed> {
        let response = self.client.ask(Question::new(Method::HEAD, Some(self.name_of(key)))).await?;
        let length = header(&response, "content-length").and_then(|text| text.parse().ok());
        let length = length.ok_or_else(|| Observed::Malformed("no content-length".to_owned()))?;
        Ok((length, etag(&response)?))
    }

    /// A page of names in byte order, out of as many of the store's own pages as it takes.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        count_max: usize,
    ) -> Result<Vec<Listed>, Observed> {
        let mut listed: Vec<Listed> = Vec::new();
        let mut next = None;
        loop {
            let count = count_max - listed.len();
            let page = self.client.ask(self.list_question(prefix, after, count, next)).await?;
            let text = read_text(page, ANSWER_BYTES_MAX).await?;
            let page = xml::page(&text).map_err(Observed::Malformed)?;
            for (name, bytes) in page.objects {
                // What is no key was put there by somebody else.
                let key = name.strip_prefix(&self.prefix).and_then(ObjectKey::parse);
                listed.extend(key.map(|key| Listed { key, bytes }));
            }
            if !listed.is_sorted_by(|one, other| one.key < other.key) {
                return Err(Observed::Malformed("a listing out of order".to_owned()));
            }
            listed.truncate(count_max);
            next = page.next;
            if next.is_none() || listed.len() == count_max {
                return Ok(listed);
            }
        }
    }

    fn list_question(&self, prefix: &str, after: Option<&ObjectKey>, count: usize, next: Option<String>) -> Question {
        let mut question = Question::new(Method::GET, None);
        // In the order of their names, as they are signed.
        let token = next.map(|token| format!("continuation-token={}&", percent(&token, false))).unwrap_or_default();
        let prefix = percent(&format!("{}{prefix}", self.prefix), false);
        question.query = format!("{token}list-type=2&max-keys={count}&prefix={prefix}");
        if let Some(after) = after {
            question.query.push_str("&start-after=");
            question.query.push_str(&percent(&self.name_of(after), false));
        }
        question
    }

    /// Deletes objects; returns those that are gone.
    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectKey>, Observed> {
        if let [key] = keys {
            let outcome = self.client.ask(Question::new(Method::DELETE, Some(self.name_of(key)))).await;
            return match outcome {
                Err(Observed::Status { status: 404, code }) if code != "NoSuchBucket" => Ok(vec![key.clone()]),
                other => other.map(|_| vec![key.clone()]),
            };
        }
        let names: Vec<String> = keys.iter().map(|key| self.name_of(key)).collect();
        let body = Bytes::from(xml::deletion_request(&names));
        let mut question = Question::new(Method::POST, None);
        question.query = "delete=".to_owned();
        question.headers.push(("content-md5", base64(&Md5::digest(&body))));
        question.headers.push(("x-amz-checksum-crc32c", body::crc32c(std::slice::from_ref(&body))));
        question.body = Some(Body::new(vec![body]));
        let text = read_text(self.client.ask(question).await?, ANSWER_BYTES_MAX).await?;
        let deletion = xml::deletion(&text).map_err(Observed::Malformed)?;
        let missing = deletion.kept.iter().filter(|(_, code)| code == "NoSuchKey").map(|(name, _)| name);
        let gone: std::collections::HashSet<&String> = deletion.gone.iter().chain(missing).collect();
        let gone: Vec<ObjectKey> =
            keys.iter().zip(&names).filter(|(_, name)| gone.contains(name)).map(|(key, _)| key.clone()).collect();
        match deletion.kept.into_iter().find(|(_, code)| code != "NoSuchKey") {
            Some((_, code)) if gone.is_empty() => Err(Observed::Status { status: status_of(&code), code }),
            _ => Ok(gone),
        }
    }

    /// Is the bucket there, and may we?
    ///
    /// # Errors
    /// What to do.
    pub async fn check(&self) -> Result<(), Unusable> {
        check::check(self).await
    }
}

/// The status that goes with the code of a key that was not deleted.
fn status_of(code: &str) -> u16 {
    match code {
        "SlowDown" | "ServiceUnavailable" => 503,
        "InternalError" => 500,
        "AccessDenied" => 403,
        _ => 400,
    }
}

fn etag(response: &Response) -> Result<Etag, Observed> {
    let text = header(response, "etag").ok_or_else(|| Observed::Malformed("no etag".to_owned()))?;
    Ok(Etag(Arc::from(text)))
}

/// `bytes 0-9/443`: a half-open range, and the length of it all.
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..last.checked_add(1)?, length.parse().ok()?))
}

/// The checksum that goes with these bytes, as it is written in a header.
#[cfg(feature = "testing")]
pub(crate) fn checksum(bytes: &Bytes) -> String {
    body::crc32c(std::slice::from_ref(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(content_range("bytes 0-9/443"), Some((0..10, 443)));
        for wrong in ["", "bytes */443", "bytes 0-9", "0-9/443", "bytes 5-18446744073709551615/3"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}

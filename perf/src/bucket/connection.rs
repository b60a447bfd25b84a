//! One connection: a request is read whole, waits until its time is up, is done, and is answered.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::answer::Answer;
use super::faults::Fault;
use super::request::{HEAD_BYTES_MAX, Request};
use super::service::{Body, Service};

/// What is read at a time of bytes that nobody keeps; small enough to stay in a processor's own cache.
const SCRATCH_BYTES: usize = 256 << 10;
/// What is sent at a time where the bandwidth is bounded.
const PACED_BYTES: usize = 64 << 10;

/// Serves a connection to its end.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, service: &Service) -> io::Result<()> {
    let mut connection = Connection { stream, buffer: Vec::with_capacity(HEAD_BYTES_MAX), scratch: Vec::new() };
    while let Some(request) = connection.head().await? {
        connection.answer(&request, service).await?;
    }
    Ok(())
}

struct Connection<S> {
    stream: S,
    /// What came and is not yet used.
    buffer: Vec<u8>,
    scratch: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// The next request; nothing where the client has no more.
    async fn head(&mut self) -> io::Result<Option<Request>> {
        loop {
            match Request::read(&self.buffer) {
                Ok(Some((request, length))) => {
                    self.buffer.drain(..length);
                    return Ok(Some(request));
                }
                Ok(None) => {}
                Err(why) => {
                    self.send(&Answer::error(400, &why.replace(['<', '>', '&'], "?")), None).await?;
                    return Err(io::Error::other(why));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn answer(&mut self, request: &Request, service: &Service) -> io::Result<()> {
        let from = Instant::now();
        if request.path == "-/counts" {
            return self.send(&service.tell(), None).await;
        }
        if request.header("expect").is_some() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let Some(operation) = service.operation(request) else {
            self.body(request, service).await?;
            return self.send(&Answer::error(501, "NotImplemented"), None).await;
        };
        let mut visit = service.counter.begin(operation);
        let latency = service.latency(operation);
        let body = self.body(request, service).await?;
        let answer = match service.fault() {
            Some(Fault::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(Fault::SlowDown) => Answer::error(503, "SlowDown"),
            Some(Fault::Internal) => Answer::error(500, "InternalError"),
            None => {
                let transfer = service
                    .bandwidth
                    .map_or(Duration::ZERO, |bandwidth| Duration::from_secs_f64(request.length as f64 / bandwidth));
                if latency + transfer > Duration::ZERO {
                    sleep_until(from + latency + transfer).await;
                }
                service.perform(operation, request, body)
            }
        };
        visit.answered(answer.status, request.length + answer.body.len() as u64);
        // Counted before its client can see it, so that whoever asks behind an answer finds it counted.
        drop(visit);
        self.send(&answer, service.bandwidth).await
    }

    async fn body(&mut self, request: &Request, service: &Service) -> io::Result<Body> {
        let mut digest = service.checks(request).then(|| crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi));
        let ready = self.buffer.len().min(usize::try_from(request.length).expect("bounded by its reader"));
        let bytes = if service.keeps(request) {
            // It grows with what comes, not with what is promised; packs are 4 MiB.
            let length = request.length as usize;
            let mut bytes = Vec::with_capacity(length.min(8 << 20));
            bytes.extend(self.buffer.drain(..ready));
            while bytes.len() < length {
                let missing = (length - bytes.len()) as u64;
                if (&mut self.stream).take(missing).read_buf(&mut bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            digest.iter_mut().for_each(|digest| digest.update(&bytes));
            Some(Bytes::from(bytes))
        } else {
            digest.iter_mut().for_each(|digest| digest.update(&self.buffer[..ready]));
            self.buffer.drain(..ready);
            self.drop_bytes(request.length - ready as u64, digest.as_mut()).await?;
            None
        };
        let crc32c = digest.map(|digest| base64(u32::try_from(digest.finalize()).expect("32 bits").to_be_bytes()));
        Ok(Body { length: request.length, bytes, crc32c })
    }

    /// Reads so many bytes into the same memory over and over.
    async fn drop_bytes(&mut self, mut missing: u64, mut digest: Option<&mut crc_fast::Digest>) -> io::Result<()> {
        self.scratch.reserve(SCRATCH_BYTES);
        while missing > 0 {
            self.scratch.clear();
            let count = (&mut self.stream).take(missing.min(SCRATCH_BYTES as u64)).read_buf(&mut self.scratch).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(digest) = &mut digest {
                digest.update(&self.scratch);
            }
            missing -= count as u64;
        }
        Ok(())
    }

    async fn send(&mut self, answer: &Answer, bandwidth: Option<f64>) -> io::Result<()> {
        let from = Instant::now();
        let head = Bytes::from(answer.head());
        let Some(bandwidth) = bandwidth else {
            return self.stream.write_all_buf(&mut head.chain(answer.body.clone())).await;
        };
        self.stream.write_all(&head).await?;
        let mut sent = 0;
        for chunk in answer.body.chunks(PACED_BYTES) {
            sent += chunk.len();
            sleep_until(from + Duration::from_secs_f64(sent as f64 / bandwidth)).await;
            self.stream.write_all(chunk).await?;
        }
        Ok(())
    }
}

/// A checksum as headers have it: eight letters, of which the last two are padding.
fn base64(bytes: [u8; 4]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = u64::from(u32::from_be_bytes(bytes)) << 4;
    let letters = (0..6).rev().map(|place| LETTERS[(number >> (place * 6)) as usize & 63] as char);
    letters.chain(['=', '=']).collect()
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn checksums_as_text() {
        assert_eq!(base64([0, 0, 0, 0]), "AAAAAA==");
        assert_eq!(base64([255, 255, 255, 255]), "/////w==");
        assert_eq!(base64(*b"bird"), "YmlyZA==");
    }
}

//! Answers of the test server, whole ones and ones that break off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

/// A body that may promise more than it holds.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Option<Bytes>,
    declared: u64,
    breaks: bool,
}

impl Answer {
    /// A whole body.
    pub(super) fn whole(bytes: Bytes) -> Answer {
        Answer { declared: bytes.len() as u64, bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), breaks: false }
    }

    /// Its first half, then a broken connection.
    pub(super) fn halved(self) -> Answer {
        let half = self.bytes.map(|bytes| bytes.slice(..bytes.len() / 2));
        Answer { bytes: half, declared: self.declared, breaks: true }
    }

    /// The length of a body without the body, as HEAD wants it.
    pub(super) fn none() -> Answer {
        Answer { bytes: None, declared: 0, breaks: false }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            self.declared -= bytes.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        Poll::Ready(self.breaks.then(|| Err(io::ErrorKind::ConnectionReset.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.declared == 0 && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.declared)
    }
}

/// A status without a body.
pub(super) fn status(status: u16) -> Response<Answer> {
    with(status, &[], Answer::none())
}

/// An error document.
pub(super) fn error(status: u16, code: &str) -> Response<Answer> {
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as drawn</Message></Error>");
    with(status, &[], Answer::whole(Bytes::from(xml)))
}

/// Status, headers and body.
pub(super) fn with(status: u16, headers: &[(&str, &str)], body: Answer) -> Response<Answer> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).expect("our own headers are valid")
}

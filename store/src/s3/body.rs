//! A list of slices as a request body of known length, sent without joining them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use apus_core::world::Body;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest};
use http_body::{Frame, SizeHint};

use super::encode::base64;

/// The pieces of a [`Body`] that are still to be sent.
pub(super) struct Pieces {
    body: Body,
    next: usize,
    left: u64,
}

impl Pieces {
    pub(super) fn new(body: Body) -> Pieces {
        let left = body.bytes();
        Pieces { body, next: 0, left }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(piece) = self.body.pieces().get(self.next).cloned() {
            self.next += 1;
            if !piece.is_empty() {
                self.left -= piece.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The CRC32C of a body as S3 writes it: base64 of four bytes, big endian.
pub(super) fn crc32c(pieces: &[Bytes]) -> String {
    let mut digest = Digest::new(Crc32Iscsi);
    pieces.iter().for_each(|piece| digest.update(piece));
    base64(&(digest.finalize() as u32).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_order_with_their_length() {
        let pieces = vec![Bytes::new(), Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"two")];
        let body = Pieces::new(Body::new(pieces));
        assert_eq!(body.size_hint().exact(), Some(6));
        assert!(!body.is_end_stream());
        let sent = body.collect().await.expect("infallible").to_bytes();
        assert_eq!(sent, "onetwo");
        assert!(Pieces::new(Body::default()).is_end_stream());
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of the polynomial: 0xe3069283.
        let pieces = [Bytes::from_static(b"1234"), Bytes::from_static(b"56789")];
        assert_eq!(crc32c(&pieces), base64(&[0xe3, 0x06, 0x92, 0x83]));
    }
}

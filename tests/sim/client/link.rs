//! A connection's frames and their order.

use std::collections::VecDeque;

use apus_core::time::Instant;
use apus_net::wire::client::encode_request;
use apus_net::wire::schema::Message;
use apus_net::wire::schema::produce::ProduceRequest;
use apus_net::wire::writer::Writer;
use bytes::{Buf, Bytes, BytesMut};

use super::Desk;

/// A Produce says that it waits 5 seconds; behind them, in the order of its connection, at most as much again.
pub const PRODUCE_TIMEOUT_MS: i32 = 5_000;
const PRODUCE_MS_MAX: u64 = 2 * PRODUCE_TIMEOUT_MS as u64;
/// Any other question must be answered within this, also while faults last: the store's slowest answers, twice.
const ANSWER_MS_MAX: u64 = 30_000;

#[derive(Debug)]
struct Question {
    correlation: i32,
    version: i16,
    patience: Instant,
}

/// Frames and their order.
#[derive(Debug, Default)]
pub struct Link {
    writer: Writer,
    correlation: i32,
    asked: VecDeque<Question>,
    inbound: BytesMut,
}

impl Link {
    /// Sends a request.
    pub fn ask<'a, M: Message<'a>>(&mut self, version: i16, message: &M, desk: &mut Desk<'_>) {
        self.correlation += 1;
        let frame = encode_request(&mut self.writer, version, self.correlation, Some("sim"), message);
        let is_produce = M::KEY == ProduceRequest::KEY;
        let patience = desk.now.after_ms(if is_produce { PRODUCE_MS_MAX } else { ANSWER_MS_MAX });
        self.asked.push_back(Question { correlation: self.correlation, version, patience });
        desk.out.push(frame.contiguous());
    }

    /// Questions without an answer.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// A question that nobody waits for any longer.
    pub fn overdue(&self, now: Instant) -> Option<i32> {
        self.asked.iter().find(|question| question.patience < now).map(|question| question.correlation)
    }

    /// The connection is another one.
    pub fn reset(&mut self) {
        self.asked.clear();
        self.inbound.clear();
    }

    /// Bytes came.
    pub fn take(&mut self, bytes: &[u8]) {
        self.inbound.extend_from_slice(bytes);
    }

    /// The next whole answer and its version.
    pub fn frame(&mut self) -> Option<(Bytes, i16)> {
        let length = u32::from_be_bytes(*self.inbound.first_chunk()?) as usize;
        if self.inbound.len() < 4 + length {
            return None;
        }
        self.inbound.advance(4);
        let frame = self.inbound.split_to(length).freeze();
        let Question { correlation, version, .. } = self.asked.pop_front().expect("an answer that nobody asked for");
        let found = i32::from_be_bytes(*frame.first_chunk().expect("an answer has a header"));
        assert!(found == correlation, "answers out of order: {found} instead of {correlation}");
        Some((frame, version))
    }
}

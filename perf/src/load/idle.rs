//! A connection that asks for metadata once, and then is there.

use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataResponse};
use apus_net::wire::writer::{Frame, Writer};

use super::control::CLIENT_ID;
use super::error;
use super::machine::{Context, in_order, unreadable};

const CORRELATION: i32 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    At(u64),
    Answered,
}

/// The connection.
pub struct Idle {
    version: i16,
    all_topics: bool,
    stays: bool,
    asked: Asked,
}

impl Idle {
    /// Asks in this version of Metadata, for all topics or for brokers only; stays to the end, or goes when answered.
    pub fn new(version: i16, all_topics: bool, stays: bool) -> Idle {
        Idle { version, all_topics, stays, asked: Asked::No }
    }

    /// Whether it need not stay.
    pub fn is_done(&self, closing: bool) -> bool {
        self.asked == Asked::Answered && (closing || !self.stays)
    }

    /// Asks, where there is a slot.
    pub fn pump(&mut self, context: &mut Context<'_>, out: &mut Vec<Frame>) {
        if self.asked != Asked::No || *context.slots == 0 {
            return;
        }
        *context.slots -= 1;
        self.asked = Asked::At(context.now);
        // Null is all topics, and no topics are none.
        let topics = (!self.all_topics).then(Vec::new);
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        out.push(encode_request(&mut Writer::new(), self.version, CORRELATION, Some(CLIENT_ID), &request));
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// Where it is none.
    pub fn answered(&mut self, frame: &[u8], context: &mut Context<'_>) -> Result<(), String> {
        let (correlation, response) =
            decode_response::<MetadataResponse<'_>>(frame, self.version).map_err(unreadable)?;
        in_order(matches!(self.asked, Asked::At(_)).then_some(CORRELATION), correlation)?;
        let failed = response.topics.iter().map(|topic| topic.error_code).find(|code| *code != 0);
        if let Some(code) = Some(response.error_code).filter(|code| *code != 0).or(failed) {
            context.tally.error(code);
            context.tally.fail(format!("metadata: {}", error::name(code)));
        }
        if let Asked::At(sent) = self.asked
            && sent >= context.measured_from
        {
            context.tally.latency.add(sent, context.now, 1);
        }
        context.tally.batch(context.now, 0, frame.len() as u64);
        *context.slots += 1;
        self.asked = Asked::Answered;
        Ok(())
    }
}

//! A consumer on one connection: one fetch under way, in a session, until it has seen what there is to see.

use apus_core::ids::Uuid;
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
};
use apus_net::wire::value::Records;
use apus_net::wire::writer::{Frame, Writer};

use super::control::CLIENT_ID;
use super::error;
use super::machine::{Context, in_order, unreadable};
use super::reader::{Look, Place, walk};
use super::session::Session;

/// Which records a consumer is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// What comes, until everything acknowledged was seen; with the due time of each record, where they carry it.
    Tail {
        /// They do.
        timed: bool,
    },
    /// What is there at the start; from the beginning again where it repeats.
    CatchUp {
        /// It does.
        repeat: bool,
    },
}

/// What all consumers of a workload have in common.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerPlan {
    /// What they are there for.
    pub aim: Aim,
    /// The version of Fetch.
    pub version: i16,
    /// Compute checksums.
    pub verify: bool,
    /// Bytes of an answer.
    pub fetch_bytes: i32,
    /// Bytes of a partition in it.
    pub partition_bytes: i32,
    /// How long the broker waits for the first byte.
    pub max_wait_ms: i32,
}

/// The consumer.
pub struct Consumer {
    plan: ConsumerPlan,
    /// In the order of their partitions.
    places: Vec<Place>,
    session: Session,
    /// Places that moved since the broker was told.
    moved: Vec<usize>,
    /// Partitions that are done since the broker was told.
    left: Vec<i32>,
    open: usize,
    /// The correlation of the fetch under way, and when it was sent.
    under_way: Option<(i32, u64)>,
    correlation: i32,
    writer: Writer,
    ended: bool,
}

impl Consumer {
    /// A consumer of these partitions.
    pub fn new(plan: ConsumerPlan, partitions: &[i32]) -> Consumer {
        assert!(partitions.is_sorted(), "partitions are looked up by halves");
        let place = |&partition: &i32| Place { partition, next: 0, target: None };
        Consumer {
            plan,
            places: partitions.iter().map(place).collect(),
            session: Session::default(),
            moved: Vec::new(),
            left: Vec::new(),
            open: partitions.len(),
            under_way: None,
            correlation: 0,
            writer: Writer::new(),
            ended: false,
        }
    }

    /// Takes its places: at the end of what is there, or at the beginning and up to the end.
    pub fn go(&mut self, context: &Context<'_>) {
        // A session that there is already ends with the request that asks for the next one.
        self.session.epoch = 0;
        (self.moved, self.left) = Default::default();
        for place in &mut self.places {
            let offsets = &context.topic.offsets[place.partition as usize];
            let (next, target) = match self.plan.aim {
                Aim::Tail { .. } => (offsets.end, None),
                Aim::CatchUp { .. } => (offsets.first, Some(offsets.end)),
            };
            (place.next, place.target) = (next, target);
        }
        self.open = self.places.iter().filter(|place| !place.is_done()).count();
    }

    /// Whether it has seen what it was there for.
    pub fn is_done(&self) -> bool {
        self.ended && self.under_way.is_none()
    }

    /// What it has not seen, in words.
    pub fn left(&self) -> String {
        let short = self.places.iter().find(|place| !place.is_done());
        match short {
            Some(Place { partition, next, target: Some(target) }) => {
                format!("a consumer did not see offsets {next}..{target} of partition {partition}, or more")
            }
            _ => "a fetch without an answer".into(),
        }
    }

    /// Sends the next fetch, where none is under way.
    pub fn pump(&mut self, context: &mut Context<'_>, out: &mut Vec<Frame>) {
        if self.under_way.is_some() || self.ended {
            return;
        }
        self.aim(context);
        if !self.ended {
            out.push(self.encode(context));
        }
    }

    /// Looks whether it has arrived.
    fn aim(&mut self, context: &Context<'_>) {
        match self.plan.aim {
            Aim::Tail { .. } if context.closing => {
                for place in &mut self.places {
                    place.target = Some(context.topic.offsets[place.partition as usize].end);
                }
                self.ended = self.places.iter().all(Place::is_done);
            }
            Aim::Tail { .. } => {}
            Aim::CatchUp { repeat: true } if context.closing => self.ended = true,
            Aim::CatchUp { repeat } if self.open == 0 => {
                let has_records = |place: &Place| {
                    let offsets = &context.topic.offsets[place.partition as usize];
                    offsets.first < offsets.end
                };
                self.ended = !repeat || !self.places.iter().any(has_records);
                if !self.ended {
                    self.go(context);
                }
            }
            Aim::CatchUp { .. } => {}
        }
    }

    fn encode(&mut self, context: &Context<'_>) -> Frame {
        self.correlation = self.correlation.wrapping_add(1);
        self.under_way = Some((self.correlation, context.now));
        let is_new = self.session.is_new();
        let asked = |place: &Place| FetchPartition {
            partition: place.partition,
            fetch_offset: place.next,
            partition_max_bytes: self.plan.partition_bytes,
            ..Default::default()
        };
        let open = |place: &&Place| !matches!(self.plan.aim, Aim::CatchUp { .. }) || !place.is_done();
        let partitions: Vec<FetchPartition> = match is_new {
            true => self.places.iter().filter(open).map(asked).collect(),
            false => self.moved.iter().map(|&index| &self.places[index]).filter(open).map(asked).collect(),
        };
        self.moved.clear();
        let (topic, topic_id) = (&*context.topic.name, context.topic.id);
        let topics = vec![FetchTopic { topic, topic_id, partitions }];
        let left = std::mem::take(&mut self.left);
        let forgotten = vec![ForgottenTopic { topic, topic_id, partitions: left }];
        let request = FetchRequest {
            max_wait_ms: self.plan.max_wait_ms,
            min_bytes: 1,
            max_bytes: self.plan.fetch_bytes,
            session_id: self.session.id,
            session_epoch: self.session.epoch,
            topics: topics.into_iter().filter(|topic| !topic.partitions.is_empty()).collect(),
            forgotten_topics_data: forgotten
                .into_iter()
                .filter(|topic| !is_new && !topic.partitions.is_empty())
                .collect(),
            ..Default::default()
        };
        encode_request(&mut self.writer, self.plan.version, self.correlation, Some(CLIENT_ID), &request)
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// Where it is none, or holds what it must not.
    pub fn answered(&mut self, frame: &[u8], context: &mut Context<'_>) -> Result<(), String> {
        let (correlation, response) =
            decode_response::<FetchResponse<'_>>(frame, self.plan.version).map_err(unreadable)?;
        in_order(self.under_way.map(|(correlation, _)| correlation), correlation)?;
        let (_, sent) = self.under_way.take().expect("it is in order");
        if let Err(code) = self.session.answered(response.error_code, response.session_id) {
            context.tally.error(code);
            let passes = Session::is_lost(code) || error::passes(code);
            return if passes { Ok(()) } else { Err(format!("a fetch is refused: {}", error::name(code))) };
        }
        if matches!(self.plan.aim, Aim::CatchUp { .. }) && sent >= context.measured_from {
            context.tally.latency.add(sent, context.now, 1);
        }
        for topic in &response.responses {
            if topic.topic_id != Uuid::ZERO && topic.topic_id != context.topic.id {
                return Err("an answer for another topic".into());
            }
            topic.partitions.iter().try_for_each(|answer| self.partition(answer, context))?;
        }
        Ok(())
    }

    fn partition(&mut self, answer: &PartitionData<'_>, context: &mut Context<'_>) -> Result<(), String> {
        let found = self.places.binary_search_by_key(&answer.partition_index, |place| place.partition);
        let index = found.map_err(|_| format!("an answer for partition {}, unasked", answer.partition_index))?;
        if answer.error_code != 0 {
            let code = answer.error_code;
            context.tally.error(code);
            let refused = || format!("partition {} refuses a fetch: {}", answer.partition_index, error::name(code));
            return if error::passes(code) { Ok(()) } else { Err(refused()) };
        }
        let Some(Records::Slice(records)) = answer.records else { return Ok(()) };
        if records.is_empty() {
            return Ok(());
        }
        let place = &mut self.places[index];
        let was_done = place.is_done();
        let (now, measured_from) = (context.now, context.measured_from);
        let latency = &mut context.tally.latency;
        let mut due = |at: u64| {
            if at >= measured_from {
                latency.add(at, now, 1);
            }
        };
        let timed = matches!(self.plan.aim, Aim::Tail { timed: true });
        let mut look = Look { verify: self.plan.verify, due: timed.then_some(&mut due as &mut dyn FnMut(u64)) };
        let read = walk(records, place, &mut look)?;
        context.tally.batch(now, read.records, read.bytes);
        self.moved.push(index);
        if place.is_done() && !was_done && matches!(self.plan.aim, Aim::CatchUp { .. }) {
            self.open -= 1;
            self.left.push(place.partition);
        }
        Ok(())
    }
}

//! Writes a trace while a node lives: a wrapper that the shell takes for the node.
//!
//! A failure to write ends the recording with a line in the log, never the broker.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use apus_coordinator::command::frame;
use apus_core::config::{Config, Host, Property};
use apus_core::ids::ConnectionId;
use apus_core::limits::STEP_BUDGET;
use apus_core::turn::{Effect, Event, Turn};
use bytes::{Bytes, BytesMut};

use super::deed::Deed;
use super::header::Header;
use super::stored::{Stored, put_count};
use super::{DEEDS, HEADER, TURN, VERSION};
use crate::shell::Machines;
use crate::watch::report::NodeGauges;

/// A file that a life is written to, and what it begins with.
#[derive(Clone, Debug)]
pub struct Tape {
    file: Arc<File>,
    properties: Vec<Property>,
    host: Host,
}

impl Tape {
    /// A new file of this name.
    ///
    /// # Errors
    /// Where there is no such file to be had, or the broker would have more than one core.
    pub fn create(path: &Path, config: &Config, properties: Vec<Property>, host: Host) -> Result<Tape, String> {
        if config.cores != 1 {
            return Err(format!(
                "--record writes the life of one core, and this broker would have {}: add --set cores=1",
                config.cores
            ));
        }
        let file = File::create(path).map_err(|error| format!("cannot record to {}: {error}", path.display()))?;
        Ok(Tape { file: Arc::new(file), properties, host })
    }
}

/// A node whose life is written down.
pub struct Recorder<M> {
    machines: M,
    /// Nothing once it could not be written to.
    file: Option<Arc<File>>,
    /// Written with the first turn.
    header: Option<Header>,
    /// Receive buffers that were lent since the last turn, and how long they were then.
    lent: BTreeMap<ConnectionId, usize>,
    out: Vec<u8>,
}

impl<M: Machines> Recorder<M> {
    /// Records these machines, which were made of this configuration.
    #[must_use]
    pub fn new(machines: M, config: &Config, tape: &Tape) -> Recorder<M> {
        let header = Header::of(config, &tape.properties, &tape.host);
        let file = Some(Arc::clone(&tape.file));
        Recorder { machines, file, header: Some(header), lent: BTreeMap::new(), out: Vec::new() }
    }

    fn told<'a>(&mut self, boots: bool, events: impl ExactSizeIterator<Item = &'a Event>, turn: &Turn<'_>) {
        if let Some(header) = self.header.take() {
            let header = header.at(turn.rng);
            self.frame(HEADER, |out| header.put(out));
        }
        let mut arrived = Vec::new();
        for (connection, before) in mem::take(&mut self.lent) {
            if let Some((buffer, _)) = self.machines.receive_buffer(connection)
                && buffer.len() > before
            {
                arrived.push((connection, Bytes::copy_from_slice(&buffer[before..])));
            }
        }
        // The layout of `turn::Told`; events cannot be cloned.
        self.frame(TURN, |out| {
            u8::from(boots).put(out);
            (turn.now, turn.wall).put(out);
            arrived.put(out);
            put_count(events.len(), out);
            events.for_each(|event| event.put(out));
        });
        self.write();
    }

    fn done(&mut self, effects: &[Effect]) {
        let deeds: Vec<Deed> = effects.iter().filter_map(Deed::of).collect();
        self.frame(DEEDS, |out| deeds.put(out));
        self.write();
    }

    fn frame(&mut self, kind: u16, payload: impl FnOnce(&mut Vec<u8>)) {
        let start = frame::open(&mut self.out);
        payload(&mut self.out);
        frame::seal(&mut self.out, start, kind, VERSION);
    }

    fn write(&mut self) {
        let out = mem::take(&mut self.out);
        let written = self.file.as_deref().map_or(io::Result::Ok(()), |mut file| file.write_all(&out));
        if let Err(error) = written {
            tracing::error!(target: "apus", "the recording ends: {error}");
            self.file = None;
        }
        self.out = out;
        self.out.clear();
    }
}

impl<M: Machines> Machines for Recorder<M> {
    fn boot(&mut self, turn: &mut Turn<'_>) {
        let mark = turn.effects.len();
        self.told(true, [].iter(), turn);
        self.machines.boot(turn);
        self.done(&turn.effects[mark..]);
    }

    fn step(&mut self, events: &mut VecDeque<Event>, turn: &mut Turn<'_>) {
        let (mark, before) = (turn.effects.len(), events.len());
        let stepped = before.min(STEP_BUDGET);
        self.told(false, events.range(..stepped), turn);
        self.machines.step(events, turn);
        assert!(events.len() == before - stepped, "a step takes what its budget allows");
        self.done(&turn.effects[mark..]);
    }

    fn receive_buffer(&mut self, connection: ConnectionId) -> Option<(&mut BytesMut, usize)> {
        let (buffer, missing) = self.machines.receive_buffer(connection)?;
        self.lent.entry(connection).or_insert(buffer.len());
        Some((buffer, missing))
    }

    fn gauges(&self) -> NodeGauges {
        self.machines.gauges()
    }

    fn is_writable(&self) -> bool {
        self.machines.is_writable()
    }
}

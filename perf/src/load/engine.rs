//! The loop of a run: one thread, one poll, all connections.
//!
//! Each round: workloads start and end, records that have fallen due go to their lanes, producers that got some are
//! stepped, and the poll waits for the sockets or for the next due time. A round that comes late moves no due time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apus_net::wire::writer::Frame;

use super::cluster::Topic;
use super::job::{Cpu, Job, Phase};
use super::machine::{Context, Machine};
use super::outcome::Outcome;
use super::plan::{Client, Plan};
use super::poll::{Poll, Ready};
use super::progress::Progress;
use super::scenario::{Kind, Scenario};

const SECOND: u64 = 1_000_000_000;
/// How long what is under way may take when nothing new is begun.
const CLOSING_MAX: u64 = 30 * SECOND;

/// A run.
pub struct Engine<'a> {
    scenario: &'a Scenario,
    topics: Vec<Topic>,
    jobs: Vec<Job>,
    clients: Vec<Client>,
    poll: Poll,
    origin: Instant,
    origin_wall_ms: i64,
    /// When clients want to be stepped.
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    /// Clients that were given records, each once.
    offered: Vec<usize>,
    frames: Vec<Frame>,
    wakes: Vec<u64>,
}

impl<'a> Engine<'a> {
    /// A run of a plan.
    pub fn new(scenario: &'a Scenario, plan: Plan, poll: Poll) -> Engine<'a> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Engine {
            scenario,
            topics: plan.topics,
            jobs: plan.jobs,
            clients: plan.clients,
            poll,
            origin: Instant::now(),
            origin_wall_ms: wall.as_millis() as i64,
            timers: BinaryHeap::new(),
            offered: Vec::new(),
            frames: Vec::new(),
            wakes: Vec::new(),
        }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The system's.
    pub fn run(mut self) -> Result<Outcome, String> {
        let cpu = Cpu::now(&self.scenario.watch);
        let mut progress = Progress::new();
        let mut ready = Vec::new();
        loop {
            let now = self.now();
            self.turn(now);
            if self.jobs.iter().all(|job| job.phase == Phase::Ended) {
                break;
            }
            if now >= progress.due {
                progress.show(now, &mut self.jobs);
            }
            let until = self.next(progress.due, now);
            let patience = Duration::from_nanos(until.saturating_sub(self.now()));
            self.poll.wait(patience, &mut ready).map_err(|error| format!("epoll: {error}"))?;
            ready.iter().for_each(|ready| self.serve(*ready));
        }
        let cpu = Cpu::now(&self.scenario.watch).since(cpu);
        Ok(self.outcome(cpu))
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// When the loop must turn, whatever the sockets do. Ends that have passed do not end their workloads: those wait for
    /// others.
    fn next(&self, progress: u64, now: u64) -> u64 {
        let due = self.jobs.iter().filter(|job| job.phase == Phase::Running);
        let due = due.filter_map(|job| {
            let end = job.started + (job.seconds * SECOND as f64) as u64;
            let end = Some(end).filter(|end| *end > now);
            job.schedule.as_ref().and_then(|schedule| schedule.next_due()).or(end)
        });
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        due.chain(timer).fold(progress, u64::min)
    }

    /// Workloads start and end; what is due is given to its lanes.
    fn turn(&mut self, now: u64) {
        for index in 0..self.jobs.len() {
            let after = self.jobs[index].after.map(|after| self.jobs[after].phase);
            match self.jobs[index].phase {
                Phase::Waiting if after.is_none_or(|after| after == Phase::Ended) => self.start(index, now),
                Phase::Running => {
                    self.offer(index, now);
                    if self.jobs[index].is_over(now, self.followed(index)) {
                        self.jobs[index].phase = Phase::Closing { since: now };
                        self.jobs[index].clients.clone().for_each(|client| self.step(client, now));
                    }
                    self.close(index, now);
                }
                Phase::Closing { .. } => self.close(index, now),
                Phase::Waiting | Phase::Ended => {}
            }
        }
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, client))) = self.timers.pop() else { break };
            self.step(client, now);
        }
    }

    /// Whether those workloads have ended that this one follows: producers of its topic, or for idle connections all
    /// others; nothing where it follows none.
    fn followed(&self, index: usize) -> Option<bool> {
        let job = &self.jobs[index];
        let follows = |other: &&Job| match job.kind {
            Kind::Idle => other.kind != Kind::Idle,
            _ => other.kind == Kind::Produce && other.topic == job.topic,
        };
        let mut followed = self.jobs.iter().filter(follows).peekable();
        followed.peek()?;
        Some(followed.all(|other| other.phase == Phase::Ended))
    }

    fn start(&mut self, index: usize, now: u64) {
        self.jobs[index].start(now, &self.scenario.watch);
        for client in self.jobs[index].clients.clone() {
            let has_schedule = self.jobs[index].schedule.is_some();
            let (machine, context) = self.context(client, now);
            match machine {
                Machine::Producer(producer) if !has_schedule => producer.go(),
                Machine::Consumer(consumer) => consumer.go(&context),
                Machine::Producer(_) | Machine::Idle(_) => {}
            }
            self.step(client, now);
        }
    }

    /// Gives records that have fallen due to their lanes, and steps the producers that got some.
    fn offer(&mut self, index: usize, now: u64) {
        let job = &mut self.jobs[index];
        let Some(schedule) = &mut job.schedule else { return };
        for record in schedule.take(now) {
            let (client, lane) = job.lanes[schedule.lane(record)];
            if let Machine::Producer(producer) = &mut self.clients[client].machine {
                producer.offer(lane, record);
            }
            if self.offered.last() != Some(&client) {
                self.offered.push(client);
            }
        }
        let mut offered = std::mem::take(&mut self.offered);
        offered.sort_unstable();
        offered.dedup();
        offered.drain(..).for_each(|client| self.step(client, now));
        self.offered = offered;
    }

    /// Ends a workload whose connections are done, or that has had its time for it.
    fn close(&mut self, index: usize, now: u64) {
        let job = &mut self.jobs[index];
        let late = matches!(job.phase, Phase::Closing { since } if now > since + CLOSING_MAX);
        if job.live > 0 && !late {
            return;
        }
        for client in self.clients[job.clients.clone()].iter().filter(|client| !client.done) {
            job.tally.fail(client.machine.left());
        }
        if job.kind == Kind::Produce {
            job.check_gaps(&self.topics[job.topic].offsets);
        }
        job.end(&self.scenario.watch);
    }

    fn context(&mut self, client: usize, now: u64) -> (&mut Machine, Context<'_>) {
        let client = &mut self.clients[client];
        let job = &mut self.jobs[client.job];
        let context = Context {
            now,
            wall_ms: self.origin_wall_ms + (now / 1_000_000) as i64,
            closing: !matches!(job.phase, Phase::Running),
            measured_from: job.started + (self.scenario.warmup_seconds * SECOND as f64) as u64,
            tally: &mut job.tally,
            schedule: job.schedule.as_ref(),
            topic: &mut self.topics[job.topic],
            bytes_left: &mut job.bytes_left,
            slots: &mut job.slots,
            wakes: &mut self.wakes,
        };
        (&mut client.machine, context)
    }

    /// Lets a client send what it can.
    fn step(&mut self, index: usize, now: u64) {
        if self.clients[index].done {
            return;
        }
        let mut frames = std::mem::take(&mut self.frames);
        let (machine, mut context) = self.context(index, now);
        machine.pump(&mut context, &mut frames);
        let closing = context.closing;
        let done = machine.is_done(closing);
        let client = &mut self.clients[index];
        let sends = !frames.is_empty();
        frames.drain(..).for_each(|frame| client.link.send(frame));
        self.frames = frames;
        self.timers.extend(self.wakes.drain(..).map(|at| Reverse((at, index))));
        if sends && let Err(error) = client.link.flush(&self.poll) {
            return self.lose(index, error.to_string());
        }
        if done {
            self.finish(index);
        }
    }

    fn finish(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if !std::mem::replace(&mut client.done, true) {
            self.jobs[client.job].live -= 1;
        }
    }

    /// A connection has come to its end before its work has.
    fn lose(&mut self, index: usize, reason: String) {
        self.clients[index].link.close(&self.poll);
        if !self.clients[index].done {
            let job = self.clients[index].job;
            self.jobs[job].tally.fail(reason);
        }
        self.finish(index);
    }

    /// Reads and writes a connection that is ready.
    fn serve(&mut self, ready: Ready) {
        let index = ready.client;
        let link = &mut self.clients[index].link;
        let written = if ready.writable { link.flush(&self.poll) } else { Ok(()) };
        let read = if ready.readable { link.receive() } else { Ok(()) };
        if let Err(error) = written.and(read) {
            return self.lose(index, error.to_string());
        }
        let now = self.now();
        let mut answered = false;
        // Taken out, so that the frame can be read while the client's workload is counted.
        let mut inbox = std::mem::take(&mut self.clients[index].link.inbox);
        while let Some(frame) = inbox.next() {
            answered = true;
            let (machine, mut context) = self.context(index, now);
            if let Err(reason) = machine.answered(frame, &mut context) {
                return self.lose(index, reason);
            }
        }
        self.clients[index].link.inbox = inbox;
        self.timers.extend(self.wakes.drain(..).map(|at| Reverse((at, index))));
        if answered {
            self.step(index, now);
            self.wake_idle(self.clients[index].job, now);
        }
    }

    /// An answer to an idle connection lets the next one ask.
    fn wake_idle(&mut self, job: usize, now: u64) {
        while self.jobs[job].kind == Kind::Idle && self.jobs[job].slots > 0 {
            let next = self.jobs[job].next_idle;
            if next >= self.jobs[job].clients.end {
                return;
            }
            self.jobs[job].next_idle += 1;
            self.step(next, now);
        }
    }

    fn outcome(mut self, cpu: Cpu) -> Outcome {
        let mut failures = Vec::new();
        for job in &self.jobs {
            failures.extend(job.tally.failures.iter().map(|failure| format!("{}: {failure}", job.name)));
            let more = job.tally.failure_count - job.tally.failures.len() as u64;
            failures.extend((more > 0).then(|| format!("{}: {more} more", job.name)));
        }
        Outcome {
            scenario: self.scenario.name.clone(),
            workloads: self.jobs.iter_mut().map(|job| (job.name.clone(), job.outcome())).collect(),
            own_cpu_seconds: cpu.own,
            watched_cpu_seconds: cpu.watched,
            failures,
        }
    }
}

//! One core's loop on its executor: drain what happened, step the node, perform what it wants of the world.
//!
//! - The loop is one task, in one queue with the tasks of the core's connections: those that are ready run first, so
//!   a drain gathers what all of them brought. It yields after each drain and sleeps when there is nothing to do.
//! - Messages to other cores leave at the end of a drain, in order, and each target is rung once. What finds no room
//!   stays here and is offered again; it is bounded by what clients may have in flight.
//! - The store is asked for at most [`REPLIES_MAX`] things at a time, because so many slots of this core's inbox are
//!   kept for its replies; further requests wait here.
//! - A core that has said `Stopped` goes on for the others: it ends when all have.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use apus_core::ids::{CoreId, Ticket};
use apus_core::inbox::{Bell, Delivery, Inbox, REPLIES_MAX};
use apus_core::message::Message;
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::turn::{Counters, Effect, Event, Turn};
use apus_core::world::{StoreReply, StoreRequest};
use apus_net::conn::{Connections, Host};
use apus_store::plane::PlaneHandle;
use futures_lite::future::poll_fn;
use glommio::timer::Timer;

use crate::disk::{DataDirectory, Disk};
use crate::fleet::Fleet;
use crate::notes::Notes;
use crate::shell::{Machines, Shell};
use crate::watch::desk::{Pulse, Question};
use crate::watch::report::{Report, ShellGauges};

/// Deliveries taken in one drain: a few steps' worth, so that connections are not kept waiting.
const DELIVERIES_MAX: usize = 1_024;
/// How long what found no room rests before it is offered again.
const RETRY: Duration = Duration::from_millis(1);
/// How long replies may take to leave when the core ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What follows when the node serves, and so many bytes of an unfinished write were cut off the journal.
pub type Serving = Box<dyn FnOnce(u64) + Send>;

/// What one core is started with.
pub struct Seat {
    /// Which core.
    pub core: CoreId,
    /// Its inbox.
    pub inbox: Inbox<Delivery>,
    /// The other cores.
    pub fleet: Arc<Fleet>,
    /// The object store.
    pub store: PlaneHandle,
    /// The journal's disk; core 0 has it.
    pub disk: Option<DataDirectory>,
    /// What the core draws from.
    pub seed: u64,
    /// Called when the node serves: accepts connections, tells a person. Core 0 has it.
    pub serve: Option<Serving>,
}

/// One core's loop.
pub struct Driver<M> {
    core: CoreId,
    shell: Rc<Shell<M>>,
    inbox: Inbox<Delivery>,
    fleet: Arc<Fleet>,
    store: PlaneHandle,
    disk: Option<Rc<Disk>>,
    connections: Connections<Shell<M>>,
    serve: Option<Serving>,
    rng: Rng,
    count: Counters,
    notes: Notes,
    effects: Vec<Effect>,
    /// Messages to each core that found no room, or are to leave at the end of this drain.
    outgoing: Vec<VecDeque<Message>>,
    /// Requests that the store has, and those that wait for it.
    asked: usize,
    waiting: VecDeque<(Ticket, StoreRequest)>,
    now: Instant,
    wake_at: Instant,
    told_to_stop: bool,
}

/// Wakes the driver's task from another thread.
struct TaskBell(Waker);

impl Bell for TaskBell {
    fn ring(&self) {
        self.0.wake_by_ref();
    }
}

impl<M: Machines> Driver<M> {
    /// A driver of this node; runs on the executor that makes it.
    pub fn new(seat: Seat, node: M) -> Driver<M> {
        let shell = Rc::new(Shell::new(node));
        tracing::debug!(target: "apus", "core {} draws from seed {:#018x}", seat.core, seat.seed);
        Driver {
            core: seat.core,
            connections: Connections::new(Rc::clone(&shell)),
            shell,
            inbox: seat.inbox,
            outgoing: (0..seat.fleet.cores()).map(|_| VecDeque::new()).collect(),
            fleet: seat.fleet,
            store: seat.store,
            disk: seat.disk.map(|ours| Rc::new(Disk::new(ours))),
            serve: seat.serve,
            rng: Rng::new(seat.seed),
            count: Counters::default(),
            notes: Notes::default(),
            effects: Vec::new(),
            asked: 0,
            waiting: VecDeque::new(),
            now: Instant::default(),
            wake_at: Instant::NEVER,
            told_to_stop: false,
        }
    }

    /// Runs until all cores have stopped.
    pub async fn run(mut self) {
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        self.inbox.hang_up(TaskBell(waker.clone()));
        self.shell.driven_by(waker);
        if self.core == CoreId(0) {
            self.now = self.fleet.now();
            self.turn(Shell::boot);
        }
        loop {
            self.perform();
            self.gather();
            if !self.shell.is_idle() {
                self.turn(Shell::step);
                self.perform();
                glommio::executor().yield_task_queue_now().await;
            } else if self.fleet.is_stopped() {
                break;
            } else {
                self.sleep().await;
            }
        }
        self.farewell().await;
    }

    /// Queues what came from outside this executor, and what time has brought.
    fn gather(&mut self) {
        self.now = self.fleet.now();
        for _ in 0..DELIVERIES_MAX {
            match self.inbox.take() {
                Some(Delivery::Message(message)) => self.shell.queue(Event::Message(message)),
                Some(Delivery::Stored { ticket, reply }) => {
                    assert!(self.asked > 0, "the store answers what it was asked");
                    self.asked -= 1;
                    self.shell.queue(Event::Stored { ticket, reply });
                }
                None => break,
            }
        }
        while let Some(accepted) = self.fleet.take_connection(self.core) {
            let (fleet, core) = (Arc::clone(&self.fleet), self.core);
            self.connections.open(accepted, move || fleet.connection_ended(core));
        }
        if self.wake_at <= self.now {
            self.wake_at = Instant::NEVER;
            self.shell.queue(Event::Wake);
        }
        if self.fleet.is_stopping() && !mem::replace(&mut self.told_to_stop, true) {
            self.shell.queue(Event::Stop);
        }
        self.ask_waiting();
        if self.fleet.is_asked(self.core) {
            self.tell();
        }
    }

    /// Answers whoever watches; nobody may be there any more.
    fn tell(&self) {
        for question in self.fleet.take_questions(self.core) {
            match question {
                Question::Pulse(asker) => drop(asker.send(Pulse { is_writable: self.shell.is_writable() })),
                Question::Report(asker) => drop(asker.send(Box::new(self.report()))),
            }
        }
    }

    fn report(&self) -> Report {
        let shell = ShellGauges {
            inbox_messages: self.inbox.waiting() as u64,
            outgoing_messages: self.outgoing.iter().map(VecDeque::len).sum::<usize>() as u64,
            store_asked: self.asked as u64,
            store_waiting: self.waiting.len() as u64,
        };
        Report { count: self.count.clone(), node: self.shell.gauges(), shell }
    }

    fn turn(&mut self, act: impl FnOnce(&Shell<M>, &mut Turn<'_>)) {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut turn = Turn {
            now: self.now,
            wall: WallTime(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)),
            rng: &mut self.rng,
            count: &mut self.count,
            effects: &mut self.effects,
        };
        act(&self.shell, &mut turn);
        if self.shell.counts_time() {
            self.shell.spent(self.fleet.now() - self.now, self.now);
        }
    }

    fn perform(&mut self) {
        let mut effects = mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.perform_one(effect);
        }
        self.effects = effects;
        self.connections.send();
        self.send_outgoing();
    }

    fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Send { core, message } if core == self.core => self.shell.queue(Event::Message(message)),
            Effect::Send { core, message } => self.outgoing[usize::from(core.0)].push_back(message),
            Effect::Reply { connection, pieces } => self.connections.reply(connection, pieces),
            Effect::Read { connection, enabled } => self.connections.read(connection, enabled),
            Effect::Close { connection } => self.connections.close(connection),
            Effect::Abandon { connection } => self.connections.abandon(connection),
            Effect::Store { ticket, request } => self.ask(ticket, request),
            Effect::Warm { key, body } => self.store.warm(key, body),
            Effect::Forget { key } => self.store.forget(&key),
            Effect::Disk { ticket, request } => {
                let disk = Rc::clone(self.disk.as_ref().expect("core 0 has the disk, and asks"));
                let shell = Rc::clone(&self.shell);
                glommio::spawn_local(async move {
                    let result = disk.perform(request).await;
                    shell.happened(Event::Disk { ticket, result });
                })
                .detach();
            }
            Effect::Wake { at } => self.wake_at = at,
            Effect::Again => self.shell.queue(Event::Again),
            Effect::Serve { cut_bytes } => {
                self.fleet.served();
                if let Some(serve) = self.serve.take() {
                    serve(cut_bytes);
                }
            }
            Effect::Stopped => self.fleet.stopped(self.core),
            Effect::Halt { why } => halt(&why),
            Effect::Note { level, text } => self.notes.note(level, &text, self.now),
        }
    }

    fn ask(&mut self, ticket: Ticket, request: StoreRequest) {
        if let StoreRequest::Block { key, index } = &request
            && let Some(block) = self.store.cached_block(key, *index)
        {
            return self.shell.queue(Event::Stored { ticket, reply: StoreReply::Block(Ok(block)) });
        }
        self.waiting.push_back((ticket, request));
        self.ask_waiting();
    }

    fn ask_waiting(&mut self) {
        while self.asked < REPLIES_MAX
            && let Some((ticket, request)) = self.waiting.pop_front()
        {
            if let Err(request) = self.store.submit(self.core, ticket, request) {
                return self.waiting.push_front((ticket, request));
            }
            self.asked += 1;
        }
    }

    fn send_outgoing(&mut self) {
        for (index, messages) in self.outgoing.iter_mut().enumerate().filter(|(_, messages)| !messages.is_empty()) {
            let inbox = self.fleet.inbox(CoreId(u16::try_from(index).expect("cores are few")));
            while let Some(message) = messages.pop_front() {
                if let Err(Delivery::Message(message)) = inbox.offer(Delivery::Message(message)) {
                    messages.push_front(message);
                    break;
                }
            }
            inbox.ring();
        }
    }

    /// Until something happens.
    async fn sleep(&mut self) {
        let has_kept = !self.waiting.is_empty() || self.outgoing.iter().any(|messages| !messages.is_empty());
        let retry_at = if has_kept { self.now + RETRY } else { Instant::NEVER };
        let due = self.wake_at.min(retry_at);
        let pause = due - self.fleet.now();
        let mut timer = pin!((due != Instant::NEVER).then(|| Timer::new(pause)));
        let told = self.told_to_stop;
        poll_fn(|context| {
            // Announced first, looked at second: whoever comes in between rings.
            let something = !self.inbox.sleep()
                || !self.shell.is_idle()
                || self.fleet.has_connections(self.core)
                || self.fleet.is_asked(self.core)
                || self.fleet.is_stopped()
                || self.fleet.is_stopping() != told;
            if something {
                return Poll::Ready(());
            }
            match timer.as_mut().as_pin_mut() {
                Some(timer) => timer.poll(context).map(|_| ()),
                None => Poll::Pending,
            }
        })
        .await;
        self.inbox.rise();
    }

    /// Lets what was replied leave.
    async fn farewell(&mut self) {
        self.connections.close_all();
        let patience = self.fleet.now() + FAREWELL;
        while self.connections.count() > 0 && self.fleet.now() < patience {
            glommio::timer::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Ends the process: the broker must not go on.
fn halt(why: &str) -> ! {
    eprintln!("apus: halted: {why}");
    std::process::exit(1)
}

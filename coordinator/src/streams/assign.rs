//! Who is to run which tasks, and who keeps whose state: Kafka's sticky assignor.
//!
//! Everyone runs as many tasks as everyone else, within one, and keeps what it runs as far as that allows; a task that
//! moves goes to whoever has its state. Replicas of states lie in other processes than the task and each other, where
//! they were before as far as the load allows. Neither racks nor tags are followed, as in Kafka 4.4.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::limits;

use crate::command::StoredStreamer;
use crate::command::streams::{Task, Tasks};

/// Kafka's name of it.
pub(crate) const ASSIGNOR: &str = "sticky";

/// What is to be dealt out.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// How many tasks each part has.
    pub(crate) counts: &'a [u32],
    /// Which parts keep a state.
    pub(crate) stateful: &'a [bool],
    /// How many replicas each state has.
    pub(crate) replicas: u32,
    /// How far states came, as members said.
    pub(crate) offsets: &'a BTreeMap<Arc<str>, BTreeMap<Task, i64>>,
}

/// What each member is to have, in the order of the members, which is that of their ids.
pub(crate) fn assign(members: &[&StoredStreamer], wanted: &Wanted<'_>) -> Vec<Tasks> {
    if members.is_empty() {
        return Vec::new();
    }
    assert!(members.is_sorted_by(|earlier, later| earlier.id < later.id));
    let tasks = tasks(wanted, |_| true);
    let stateful = tasks_of_states(wanted);
    // Replicas give way where there are more tasks than one group is assigned.
    let room = limits::STREAMS_TASKS_MAX.saturating_sub(tasks.len());
    let replicas = (wanted.replicas as usize).min(room.checked_div(stateful.len()).unwrap_or(0));
    let mut dealer = Dealer::new(members, wanted, tasks.len(), replicas * stateful.len());
    dealer.deal_active(tasks);
    dealer.deal_standby(stateful, replicas);
    dealer.shares
}

fn tasks(wanted: &Wanted<'_>, takes: impl Fn(usize) -> bool) -> Vec<Task> {
    let parts = wanted.counts.iter().enumerate().filter(|(part, _)| takes(*part));
    let all = parts.flat_map(|(part, count)| {
        (0..*count).map(move |partition| Task { subtopology: u32::try_from(part).unwrap_or(u32::MAX), partition })
    });
    all.collect()
}

fn tasks_of_states(wanted: &Wanted<'_>) -> Vec<Task> {
    tasks(wanted, |part| wanted.stateful[part])
}

/// How many more a member may take: as many as the others, once those who are full are left out.
struct Quota {
    tasks: usize,
    members: usize,
    each: usize,
}

impl Quota {
    fn new(tasks: usize, members: usize) -> Quota {
        Quota { tasks, members, each: tasks.checked_div(members).map_or(0, |_| tasks.div_ceil(members)) }
    }

    /// A member has so many now.
    fn took(&mut self, count: usize) {
        if count == self.each && self.members > 0 {
            *self = Quota::new(self.tasks.saturating_sub(count), self.members - 1);
        }
    }
}

/// An assignment on its way.
struct Dealer {
    shares: Vec<Tasks>,
    board: Board,
    active: Quota,
    all: Quota,
    /// Who had a task.
    ran: BTreeMap<Task, usize>,
    /// Who has its state, the best first.
    kept: BTreeMap<Task, Vec<usize>>,
}

impl Dealer {
    fn new(members: &[&StoredStreamer], wanted: &Wanted<'_>, tasks: usize, standbys: usize) -> Dealer {
        let mut ran = BTreeMap::new();
        // What a member was to get counts where nobody has it.
        for (at, member) in members.iter().enumerate() {
            ran.extend(member.target.active.keys().map(|task| (*task, at)));
        }
        for (at, member) in members.iter().enumerate() {
            ran.extend(member.assigned.active.keys().map(|task| (*task, at)));
        }
        Dealer {
            shares: vec![Tasks::default(); members.len()],
            board: Board::new(members),
            active: Quota::new(tasks, members.len()),
            all: Quota::new(tasks + standbys, members.len()),
            ran,
            kept: keepers(members, wanted),
        }
    }

    fn give(&mut self, member: usize, task: Task, runs: bool) {
        if runs {
            self.shares[member].active.insert(task, 0);
        } else {
            self.shares[member].standby.insert(task);
        }
        let count = self.board.add(member, task);
        if runs {
            self.active.took(count);
        }
        self.all.took(count);
    }

    fn deal_active(&mut self, mut tasks: Vec<Task>) {
        tasks.sort_by_key(|task| (task.partition, task.subtopology));
        tasks.retain(|task| {
            let before = self.ran.get(task).copied();
            let taker = before.filter(|member| self.board.counts[*member] < self.active.each);
            taker.inspect(|member| self.give(*member, *task, true)).is_none()
        });
        tasks.retain(|task| {
            let taker = self.keeper(task, |_| true);
            let taker = taker.filter(|member| self.board.counts[*member] < self.active.each);
            taker.inspect(|member| self.give(*member, *task, true)).is_none()
        });
        tasks.sort_unstable();
        for task in tasks {
            let taker = self.board.poorest(|_| true).expect("there is a member");
            self.give(taker, task, true);
        }
    }

    fn deal_standby(&mut self, mut tasks: Vec<Task>, replicas: usize) {
        tasks.sort_by_key(|task| std::cmp::Reverse((task.partition, task.subtopology)));
        let mut rest: Vec<(Task, usize)> = Vec::new();
        for task in tasks {
            for number in 0..replicas {
                let Some(taker) = self.heir(&task) else {
                    rest.push((task, replicas - number));
                    break;
                };
                self.give(taker, task, false);
            }
        }
        rest.sort_unstable_by_key(|one| std::cmp::Reverse(*one));
        for (task, count) in rest {
            for _ in 0..count {
                let is_free = |board: &Board, process: usize| !board.held[process].contains(&task);
                let Some(taker) = self.board.poorest(|process| is_free(&self.board, process)) else { break };
                self.give(taker, task, false);
            }
        }
    }

    /// Who had the task or its state, and may take a replica of it.
    fn heir(&self, task: &Task) -> Option<usize> {
        let is_free = |member: usize| !self.board.held[self.board.process_of[member]].contains(task);
        let has_room = |member: &usize| self.board.counts[*member] < self.all.each;
        let runner = self.ran.get(task).copied().filter(|member| is_free(*member)).filter(has_room);
        runner.or_else(|| self.keeper(task, is_free).filter(has_room))
    }

    /// Of those who have its state, the one with the fewest tasks; of equals the first.
    fn keeper(&self, task: &Task, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        let keepers = self.kept.get(task)?.iter().copied().filter(|member| is_free(*member));
        keepers.min_by_key(|member| self.board.counts[*member])
    }
}

/// Who has the states of which tasks: replicas first, then whoever came furthest.
fn keepers(members: &[&StoredStreamer], wanted: &Wanted<'_>) -> BTreeMap<Task, Vec<usize>> {
    let mut ranked: BTreeMap<Task, Vec<(bool, std::cmp::Reverse<i64>, usize)>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        let said = wanted.offsets.get(&member.id);
        for task in &member.assigned.standby {
            let offset = said.and_then(|said| said.get(task)).copied().unwrap_or(0);
            ranked.entry(*task).or_default().push((false, std::cmp::Reverse(offset), at));
        }
        for (task, offset) in said.into_iter().flatten() {
            if !member.assigned.standby.contains(task) {
                ranked.entry(*task).or_default().push((true, std::cmp::Reverse(*offset), at));
            }
        }
    }
    let order = |(task, mut keepers): (Task, Vec<(bool, std::cmp::Reverse<i64>, usize)>)| {
        keepers.sort_unstable();
        (task, keepers.into_iter().map(|(_, _, member)| member).collect())
    };
    ranked.into_iter().map(order).collect()
}

/// How many tasks everyone has, and what each process holds.
struct Board {
    counts: Vec<usize>,
    process_of: Vec<usize>,
    /// Among members with equally many tasks, the order: first one of each process, then the second ones.
    places: Vec<usize>,
    held: Vec<BTreeSet<Task>>,
    /// By process: its members by how many tasks they have.
    queues: Vec<BTreeSet<(usize, usize, usize)>>,
    /// The first of each queue, and its process.
    order: BTreeSet<(usize, usize, usize)>,
}

impl Board {
    fn new(members: &[&StoredStreamer]) -> Board {
        let mut processes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        let (mut sizes, mut process_of, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for member in members {
            let next = processes.len();
            let process = *processes.entry(&member.process_id).or_insert(next);
            if process == sizes.len() {
                sizes.push(0);
            }
            process_of.push(process);
            places.push(sizes[process] * members.len() + process);
            sizes[process] += 1;
        }
        let mut board = Board {
            counts: vec![0; members.len()],
            process_of,
            places,
            held: vec![BTreeSet::new(); sizes.len()],
            queues: vec![BTreeSet::new(); sizes.len()],
            order: BTreeSet::new(),
        };
        for member in 0..members.len() {
            board.queues[board.process_of[member]].insert((0, board.places[member], member));
        }
        for process in 0..sizes.len() {
            board.stand(process, true);
        }
        board
    }

    /// A process stands in the order by its poorest member.
    fn stand(&mut self, process: usize, stands: bool) {
        let (count, place, _) = *self.queues[process].first().expect("a process has a member");
        if stands {
            self.order.insert((count, place, process));
        } else {
            self.order.remove(&(count, place, process));
        }
    }

    /// A member gets a task; how many it has then.
    fn add(&mut self, member: usize, task: Task) -> usize {
        let process = self.process_of[member];
        self.held[process].insert(task);
        self.stand(process, false);
        let place = self.places[member];
        self.queues[process].remove(&(self.counts[member], place, member));
        self.counts[member] += 1;
        self.queues[process].insert((self.counts[member], place, member));
        self.stand(process, true);
        self.counts[member]
    }

    /// The member with the fewest tasks in any of these processes.
    fn poorest(&self, takes: impl Fn(usize) -> bool) -> Option<usize> {
        let (_, _, process) = self.order.iter().find(|(_, _, process)| takes(*process))?;
        self.queues[*process].first().map(|(_, _, member)| *member)
    }
}

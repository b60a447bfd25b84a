//! From a scenario to jobs and their connections.
//!
//! A connection speaks to one broker; where the partitions of a client have several leaders it gets a connection to
//! each, and they share its producer id: sequences belong to partitions.

use std::collections::BTreeMap;
use std::rc::Rc;

use apus_net::wire::keys::ApiKey;

use super::cluster::{Cluster, Topic};
use super::consumer::{Aim, Consumer, ConsumerPlan};
use super::idle::Idle;
use super::job::{Cpu, Job, Phase};
use super::link::Link;
use super::machine::Machine;
use super::poll::Poll;
use super::producer::{Producer, ProducerPlan};
use super::scenario::{Kind, Scenario, Spread, Workload};
use super::tally::Tally;
use super::template::Template;

/// A connection and what it does.
pub struct Client {
    /// The connection.
    pub link: Link,
    /// What it does.
    pub machine: Machine,
    /// The job it belongs to.
    pub job: usize,
    /// Nothing is left to do.
    pub done: bool,
}

/// Everything that a run has.
#[derive(Default)]
pub struct Plan {
    /// Topics.
    pub topics: Vec<Topic>,
    /// Workloads, those that look before those that are looked at.
    pub jobs: Vec<Job>,
    /// Connections, those of a job side by side.
    pub clients: Vec<Client>,
}

/// Makes topics, jobs and connections.
///
/// # Errors
/// Where the broker does not let it.
pub fn plan(scenario: &Scenario, cluster: &mut Cluster, poll: &Poll) -> Result<Plan, String> {
    let mut plan = Plan::default();
    for (name, topic) in &scenario.topic {
        plan.topics.push(cluster.topic(name, topic)?);
    }
    for (name, workload) in &scenario.workload {
        if workload.kind == Kind::EndToEnd {
            plan.job(scenario, name.clone(), Kind::EndToEnd, workload);
            plan.job(scenario, format!("{name}.produce"), Kind::Produce, workload);
        } else {
            plan.job(scenario, name.clone(), workload.kind, workload);
        }
    }
    plan.jobs.sort_by_key(|job| job.kind == Kind::Produce);
    for index in 0..plan.jobs.len() {
        // What comes after an end-to-end workload comes after its consumers, which end last.
        let after = plan.jobs[index].workload.after.clone();
        plan.jobs[index].after = after.and_then(|after| plan.jobs.iter().position(|job| job.name == after));
        plan.connect(index, cluster, poll)?;
    }
    Ok(plan)
}

/// The partitions of each connection.
fn deal(workload: &Workload, kind: Kind, partitions: usize) -> Vec<Vec<i32>> {
    let default = if kind == Kind::Produce { Spread::All } else { Spread::Share };
    let count = workload.connections;
    let of = |connection: usize| match workload.spread.unwrap_or(default) {
        Spread::All => (0..partitions as i32).collect(),
        // More connections than partitions: several write to one, and each has one.
        Spread::Share if count > partitions => vec![(connection % partitions) as i32],
        Spread::Share => (connection..partitions).step_by(count).map(|partition| partition as i32).collect(),
    };
    (0..count).map(of).collect()
}

/// The same by leader.
fn by_leader(partitions: &[i32], topic: &Topic) -> BTreeMap<i32, Vec<i32>> {
    let mut found: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for &partition in partitions {
        found.entry(topic.leaders[partition as usize]).or_default().push(partition);
    }
    found
}

impl Plan {
    fn job(&mut self, scenario: &Scenario, name: String, kind: Kind, workload: &Workload) {
        let topic = self.topics.iter().position(|topic| topic.name == workload.topic);
        self.jobs.push(Job {
            name,
            kind,
            seconds: scenario.seconds_of(workload),
            after: None,
            topic: topic.expect("a scenario's workloads run on its topics"),
            clients: 0..0,
            live: 0,
            lanes: Vec::new(),
            schedule: None,
            bytes_left: workload.bytes,
            slots: workload.in_flight,
            next_idle: 0,
            tally: Tally::default(),
            phase: Phase::Waiting,
            started: 0,
            cpu: Cpu::default(),
            shown: (0, 0),
            workload: workload.clone(),
        });
    }

    fn connect(&mut self, index: usize, cluster: &mut Cluster, poll: &Poll) -> Result<(), String> {
        let first = self.clients.len();
        let kind = self.jobs[index].kind;
        match kind {
            Kind::Produce => self.producers(index, cluster, poll)?,
            Kind::Tail | Kind::CatchUp | Kind::EndToEnd => self.consumers(index, cluster, poll)?,
            Kind::Idle => self.idle(index, cluster, poll)?,
        }
        self.jobs[index].clients = first..self.clients.len();
        self.jobs[index].lanes = self.lanes(index);
        Ok(())
    }

    fn producers(&mut self, index: usize, cluster: &mut Cluster, poll: &Poll) -> Result<(), String> {
        let job = &self.jobs[index];
        let workload = &job.workload;
        let plan = ProducerPlan {
            template: Rc::new(Template::new(workload.record_bytes, workload.batch_bytes)),
            timed: workload.kind == Kind::EndToEnd,
            version: cluster.common().version(ApiKey::Produce)?,
            in_flight: workload.in_flight,
            request_bytes: workload.request_bytes,
            linger: workload.linger_ms * 1_000_000,
            timeout_ms: workload.timeout_ms,
        };
        let topic = &self.topics[job.topic];
        for partitions in deal(workload, job.kind, topic.leaders.len()) {
            let id = cluster.producer()?;
            for (leader, partitions) in by_leader(&partitions, topic) {
                let link = Link::open(cluster.address(leader), poll, self.clients.len())?;
                let machine = Machine::Producer(Producer::new(plan.clone(), id, &partitions));
                self.clients.push(Client { link, machine, job: index, done: false });
            }
        }
        Ok(())
    }

    fn consumers(&mut self, index: usize, cluster: &mut Cluster, poll: &Poll) -> Result<(), String> {
        let job = &self.jobs[index];
        let workload = &job.workload;
        let plan = ConsumerPlan {
            aim: match job.kind {
                Kind::CatchUp => Aim::CatchUp { repeat: workload.repeat },
                kind => Aim::Tail { timed: kind == Kind::EndToEnd },
            },
            version: cluster.common().version(ApiKey::Fetch)?,
            verify: workload.verify,
            fetch_bytes: workload.fetch_bytes,
            partition_bytes: workload.partition_bytes,
            max_wait_ms: workload.max_wait_ms,
        };
        let topic = &self.topics[job.topic];
        for partitions in deal(workload, job.kind, topic.leaders.len()) {
            for (leader, partitions) in by_leader(&partitions, topic) {
                let link = Link::open(cluster.address(leader), poll, self.clients.len())?;
                let machine = Machine::Consumer(Consumer::new(plan, &partitions));
                self.clients.push(Client { link, machine, job: index, done: false });
            }
        }
        Ok(())
    }

    fn idle(&mut self, index: usize, cluster: &mut Cluster, poll: &Poll) -> Result<(), String> {
        let job = &self.jobs[index];
        let version = cluster.common().version(ApiKey::Metadata)?;
        let leader = self.topics[job.topic].leaders[0];
        let Workload { connections, all_topics, stay, .. } = job.workload;
        for _ in 0..connections {
            let link = Link::open(cluster.address(leader), poll, self.clients.len())?;
            let machine = Machine::Idle(Idle::new(version, all_topics, stay));
            self.clients.push(Client { link, machine, job: index, done: false });
        }
        Ok(())
    }

    /// Lanes in the order in which records are dealt: the first of every producer, then the second of every one.
    fn lanes(&self, index: usize) -> Vec<(usize, usize)> {
        let mut lanes = Vec::new();
        for client in self.jobs[index].clients.clone() {
            if let Machine::Producer(producer) = &self.clients[client].machine {
                lanes.extend((0..producer.lanes()).map(|lane| (client, lane)));
            }
        }
        lanes.sort_by_key(|(client, lane)| (*lane, *client));
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt(connections: usize, spread: &str, kind: Kind, partitions: usize) -> Vec<Vec<i32>> {
        let text = format!("kind = \"tail\"\ntopic = \"t\"\nconnections = {connections}\n{spread}");
        deal(&toml::from_str(&text).expect("a workload"), kind, partitions)
    }

    #[test]
    fn consumers_divide_partitions_and_producers_have_them_all() {
        assert_eq!(dealt(2, "", Kind::Tail, 5), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(dealt(2, "", Kind::Produce, 2), [[0, 1], [0, 1]]);
        assert_eq!(dealt(3, "spread = \"share\"", Kind::Produce, 2), [[0], [1], [0]]);
        assert_eq!(dealt(1, "spread = \"all\"", Kind::Tail, 2), [[0, 1]]);
    }
}

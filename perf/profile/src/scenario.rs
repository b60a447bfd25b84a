//! What is counted: standard loads, and how much of each.

use apus_core::ids::{ConnectionId, Uuid};

use crate::client::{Client, Consumer, Producer};
use crate::line::{create_topic, producer_id};
use crate::world::{Call, World};

/// What a scenario did while it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Batches that were acknowledged, or read where the scenario reads alone.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Calls of `Node::step`.
    pub turns: u64,
}

/// Producers of one shape.
#[derive(Clone, Copy, Debug)]
struct Load {
    producers: usize,
    partitions: i32,
    /// Batches of a request.
    width: usize,
    batch_bytes: usize,
    /// Batches before anything is counted, and then.
    warm: u64,
    counted: u64,
}

/// A standard load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Large batches, each a request.
    ProduceLarge,
    /// Small batches of many partitions, 50 a request, as clients send them that gather by broker.
    ProduceWide,
    /// Small batches of many partitions, each a request of its own, as librdkafka sends them.
    ProduceSingle,
    /// Everything that was produced, from the hot tier.
    FetchHot,
    /// The wide load with a consumer that follows it.
    Tail,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Scenario; 5] =
        [Scenario::ProduceLarge, Scenario::ProduceWide, Scenario::ProduceSingle, Scenario::FetchHot, Scenario::Tail];

    /// Its name on the command line and in the file of counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::ProduceLarge => "produce-256k",
            Scenario::ProduceWide => "produce-16k-wide",
            Scenario::ProduceSingle => "produce-16k-single",
            Scenario::FetchHot => "fetch-hot-16k",
            Scenario::Tail => "tail-16k-wide",
        }
    }

    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    fn load(self) -> Load {
        let wide =
            Load { producers: 2, partitions: 100, width: 50, batch_bytes: 16 << 10, warm: 1_000, counted: 4_000 };
        match self {
            Scenario::ProduceLarge => {
                Load { producers: 4, partitions: 12, width: 1, batch_bytes: 256 << 10, warm: 80, counted: 320 }
            }
            Scenario::ProduceSingle => Load { producers: 4, width: 1, counted: 2_000, ..wide },
            Scenario::ProduceWide | Scenario::Tail => wide,
            // All of it fits into the hot tier.
            Scenario::FetchHot => Load { warm: 0, counted: 3_000, ..wide },
        }
    }

    /// Plays it.
    #[must_use]
    pub fn run(self) -> Done {
        let load = self.load();
        let mut world = World::start("");
        let first = world.connect();
        let topic = create_topic(&mut Call(&mut world, first), "counted", load.partitions);
        if self == Scenario::Tail {
            follow(&mut world, topic, load.partitions);
        }
        let batch_bytes = produce(&mut world, topic, &load, self == Scenario::FetchHot);
        if self == Scenario::FetchHot {
            world.run(|world| produced(world) == load.counted);
            world.count_from_now();
            follow(&mut world, topic, load.partitions);
            world.run(|world| fetched(world) == load.counted);
            return Done { batches: load.counted, bytes: load.counted * batch_bytes, turns: world.turns };
        }
        world.run(|world| produced(world) >= load.warm);
        world.count_from_now();
        let from = produced(&world);
        world.run(|world| produced(world) >= from + load.counted);
        let batches = produced(&world) - from;
        Done { batches, bytes: batches * batch_bytes, turns: world.turns }
    }
}

/// Seats the producers; bytes of a batch.
fn produce(world: &mut World, topic: Uuid, load: &Load, ends: bool) -> u64 {
    let mut batch_bytes = 0;
    for number in 0..load.producers {
        let connection: ConnectionId = world.connect();
        let id = producer_id(&mut Call(world, connection));
        // Each begins somewhere else, as those do that do not know of each other.
        let mut partitions: Vec<i32> = (0..load.partitions).collect();
        partitions.rotate_left(number * load.partitions as usize / load.producers);
        let left = if ends { load.counted / load.producers as u64 } else { u64::MAX };
        let producer = Producer::new(id, topic, partitions, load.width, load.batch_bytes, left);
        batch_bytes = producer.batch_bytes() as u64;
        world.seat(connection, Client::Producer(producer));
    }
    batch_bytes
}

fn follow(world: &mut World, topic: Uuid, partitions: i32) {
    let connection = world.connect();
    let partitions: Vec<i32> = (0..partitions).collect();
    world.seat(connection, Client::Consumer(Consumer::new(topic, &partitions)));
}

fn produced(world: &World) -> u64 {
    world.clients().map(Client::produced).sum()
}

fn fetched(world: &World) -> u64 {
    world.clients().map(Client::fetched).sum()
}

//! A load on a real broker, for as long as somebody looks at it: the wide producers and a consumer behind them, each on
//! a socket and a thread of its own, as fast as they are answered.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Consumer, Producer};
use crate::line::{create_topic, producer_id, receive};

const PARTITIONS: i32 = 100;
const PRODUCERS: usize = 2;
/// The sleeping consumer is woken by what the producers send, so this is never reached by a broker that lives.
const PATIENCE: Duration = Duration::from_secs(30);

/// Loads the broker at that address for so long, with batches of so many bytes; says what came of it.
///
/// # Panics
/// Where the broker refuses, or is not there.
#[must_use]
pub fn load(address: &str, lasts: Duration, batch_bytes: usize, reads: bool) -> String {
    let mut first = connect(address);
    let topic = create_topic(&mut first, &format!("load-{}", std::process::id()), PARTITIONS);
    let until = Instant::now() + lasts;
    let width = ((800 << 10) / batch_bytes).clamp(1, PARTITIONS as usize / PRODUCERS);
    let mut clients = Vec::new();
    for number in 0..PRODUCERS {
        let mut socket = connect(address);
        let id = producer_id(&mut socket);
        let mut partitions: Vec<i32> = (0..PARTITIONS).collect();
        partitions.rotate_left(number * PARTITIONS as usize / PRODUCERS);
        let producer = Producer::new(id, topic, partitions, width, batch_bytes, u64::MAX);
        clients.push((socket, Client::Producer(producer)));
    }
    if reads {
        let partitions: Vec<i32> = (0..PARTITIONS).collect();
        clients.push((connect(address), Client::Consumer(Consumer::new(topic, &partitions))));
    }
    let run = |(socket, client)| thread::spawn(move || converse(socket, client, until));
    let threads: Vec<_> = clients.into_iter().map(run).collect();
    let ended: Vec<Client> = threads.into_iter().map(|thread| thread.join().expect("a client ends well")).collect();
    let produced: u64 = ended.iter().map(Client::produced).sum();
    let fetched: u64 = ended.iter().map(Client::fetched).sum();
    let rate = |batches: u64| batches as f64 * batch_bytes as f64 / 1e6 / lasts.as_secs_f64();
    format!("produced {:.0} MB/s, fetched {:.0} MB/s", rate(produced), rate(fetched))
}

fn connect(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap_or_else(|error| panic!("no broker at {address}: {error}"));
    socket.set_nodelay(true).expect("a socket takes options");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes options");
    socket
}

fn converse(mut socket: TcpStream, mut client: Client, until: Instant) -> Client {
    let mut frames = client.begin();
    while Instant::now() < until {
        for frame in frames.drain(..) {
            socket.write_all(&frame).expect("the broker takes a request");
        }
        frames = client.answered(&receive(&mut socket));
    }
    client
}

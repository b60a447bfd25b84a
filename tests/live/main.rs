//! The binary as it ships, under the Kafka client that most of the world uses: librdkafka, by the `rdkafka` crate.
//!
//! Each test starts brokers of its own, on a loopback address, a free port and a directory that nobody else has, or on
//! a bucket of the S3 server that runs inside of the test. No test is decided by time: what must happen is waited for,
//! and patience ends only where nothing happens at all. A test that fails prints the broker's last lines, and the
//! command that runs it again with the same seed.

mod broker;
mod consumer;
mod history;
mod hostile;
mod idle;
mod kill;
mod place;
mod process;
mod producer;
mod record;
mod round_trip;
mod seek;
mod soak;
mod spread;
mod start;
mod storm;
mod watch;

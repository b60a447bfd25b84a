//! What Apus is measured with: see `perf/README.md`.

mod bare;
mod bucket;
mod compare;
mod control;
mod load;
mod sink;
mod systems;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Kafka brokers: with load on a fixed schedule, with a bucket that is far away, and side by side.
#[derive(Parser)]
#[command(name = "apus-perf", disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a scenario against a broker that is already there
    Load(load::Arguments),
    /// Serve a bucket from memory that behaves like S3 and is as far away as it is told to be
    Bucket(bucket::BucketArguments),
    /// Run the same load against several brokers in turn
    Compare(compare::CompareArguments),
    /// Take what producers send, and do nothing with it
    Sink(sink::SinkArguments),
    /// Measure Apus on the bucket next door against its own S3 client without a broker
    Bare(bare::BareArguments),
    /// Measure what this machine takes for each thing that no broker can leave out
    Control(control::ControlArguments),
}

fn main() -> ExitCode {
    let ended = match CommandLine::parse().verb {
        Verb::Load(arguments) => load::main(&arguments),
        Verb::Bucket(arguments) => bucket::run(&arguments).map(|()| ExitCode::SUCCESS),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Sink(arguments) => sink::run(&arguments).map(|()| ExitCode::SUCCESS),
        Verb::Bare(arguments) => bare::run(&arguments).map(|()| ExitCode::SUCCESS),
        Verb::Control(arguments) => control::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    match ended {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("apus-perf: {reason}");
            ExitCode::FAILURE
        }
    }
}

//! What Apus is measured with: see `perf/README.md`.

mod bucket;
mod compare;
mod control;
mod load;
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
    /// Measure what this machine takes for each thing that no broker can leave out
    Control(control::ControlArguments),
}

fn main() -> ExitCode {
    let ended = match CommandLine::parse().verb {
        Verb::Load(arguments) => load::main(&arguments),
        Verb::Bucket(arguments) => bucket::run(&arguments).map(|()| ExitCode::SUCCESS),
        Verb::Compare(arguments) => compare::run(&arguments),
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

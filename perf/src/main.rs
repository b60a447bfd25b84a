//! What Apus is measured with: see `perf/README.md`.

mod load;

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
}

fn main() -> ExitCode {
    let ended = match CommandLine::parse().verb {
        Verb::Load(arguments) => load::main(&arguments),
    };
    match ended {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("apus-perf: {reason}");
            ExitCode::FAILURE
        }
    }
}

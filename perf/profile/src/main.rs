//! What Apus costs, counted and looked at. README.md beside this says how.

mod callgrind;
mod client;
mod counted;
mod disk;
#[cfg(test)]
mod far;
mod kept;
mod line;
mod listing;
mod load;
mod scenario;
mod store;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use apus::trace::replay::{Replayed, replay};
use clap::{Parser, Subcommand};

use callgrind::Counted;
use counted::step_counted;
use kept::{Count, Counts, GROWTH_MAX};
use listing::Listing;
use scenario::{Done, Scenario};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts what Apus costs.
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Count the instructions and allocations of every scenario, and hold them against perf/profile/counts.txt
    Count {
        /// Keep what was found
        #[arg(long)]
        record: bool,
    },
    /// The functions that cost most in a scenario, in instructions a batch
    Top {
        /// One of the scenarios that `count` lists; or the file of a trace, whose turns stand for batches
        scenario: String,
        /// How many functions
        #[arg(long, default_value_t = 25)]
        lines: usize,
    },
    /// Load a running broker: two producers of small batches over 100 partitions, and a consumer behind them
    Load {
        /// HOST:PORT
        address: String,
        /// For how long
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Bytes of a batch
        #[arg(long, default_value_t = 16 << 10)]
        batch_bytes: usize,
        /// Without the consumer
        #[arg(long)]
        produce_only: bool,
    },
    /// Play a scenario: what runs under valgrind
    Inside {
        /// Its name, or the file of a trace
        scenario: String,
    },
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().verb {
        Verb::Count { record } => count(record),
        Verb::Top { scenario, lines } => top(&scenario, lines),
        Verb::Load { address, seconds, batch_bytes, produce_only } => {
            println!("{}", load::load(&address, Duration::from_secs(seconds), batch_bytes, !produce_only));
            Ok(())
        }
        Verb::Inside { scenario } => play(&scenario).map(|done| println!("{}", callgrind::show_done(&done))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("apus-profile: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Plays a scenario, or a recorded life, whose turns stand for batches.
fn play(name: &str) -> Result<Done, String> {
    if let Some(scenario) = Scenario::named(name) {
        return Ok(scenario.run());
    }
    let names = Scenario::ALL.map(Scenario::name).join(", ");
    let trace = std::fs::read(name).map_err(|error| format!("{name} is none of {names}, and no trace: {error}"))?;
    let played = replay(trace.into(), |node, events, turn| {
        step_counted(node, events, turn);
    });
    let Replayed { turns, received_bytes, .. } = played.map_err(|departure| departure.to_string())?;
    Ok(Done { batches: turns, bytes: received_bytes, turns })
}

/// Where callgrind's files go.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/profile")
}

fn kept_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

fn count(record: bool) -> Result<(), String> {
    if !callgrind::is_here() {
        let how = "valgrind is not installed: nothing is counted (apt-get install valgrind)";
        if std::env::var_os("APUS_FOREIGN").is_some_and(|value| value == "require") {
            return Err(how.to_owned());
        }
        println!("SKIP: {how}");
        return Ok(());
    }
    let file = kept_file();
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let kept = kept::parse(&kept).map_err(|line| format!("{}: {line}", file.display()))?;
    let mut found = Counts::new();
    println!("{:<20} {:>8} {:>26} {:>26}", "a batch", "batches", "instructions", "allocations");
    let mut wide: Option<Counted> = None;
    for scenario in Scenario::ALL {
        let counted = callgrind::count(scenario.name(), &directory())?;
        if scenario == Scenario::ProduceWide {
            wide = Some(counted.clone());
        }
        // Of the load with a consumer, what the consumer adds.
        let (name, counted) = match (scenario, &wide) {
            (Scenario::Tail, Some(wide)) => ("fetch-tail-16k", without(counted, wide)),
            _ => (scenario.name(), counted),
        };
        let batches = counted.done.batches as f64;
        let instructions = counted.instructions as f64 / batches;
        let count = Count { instructions, allocations: counted.allocations as f64 / batches };
        show(name, counted.done.batches, count, kept.get(name).copied());
        found.insert(name.to_owned(), count);
    }
    if record {
        return std::fs::write(&file, kept::show(&found)).map_err(|error| format!("{}: {error}", file.display()));
    }
    judge(&kept, &found)
}

fn without(both: Counted, alone: &Counted) -> Counted {
    assert!(both.done.batches == alone.done.batches, "a consumer changes what is produced: {both:?} {alone:?}");
    let (instructions, allocations) = (both.instructions - alone.instructions, both.allocations - alone.allocations);
    Counted { instructions, allocations, ..both }
}

fn show(name: &str, batches: u64, count: Count, kept: Option<Count>) {
    let beside = |found: f64, kept: Option<f64>| match kept {
        Some(kept) => format!("({:+.1} %)", kept::growth(kept, found)),
        None => "(never kept)".to_owned(),
    };
    let Count { instructions, allocations } = count;
    let (before, room) = (
        beside(instructions, kept.map(|kept| kept.instructions)),
        beside(allocations, kept.map(|kept| kept.allocations)),
    );
    println!("{name:<20} {batches:>8} {instructions:>13.0} {before:>12} {allocations:>13.1} {room:>12}");
}

fn judge(kept: &Counts, found: &Counts) -> Result<(), String> {
    let again = "`cargo run --release -p apus-profile -- count --record` keeps new counts; `-- top SCENARIO` says where they go";
    let mut wrong = Vec::new();
    for (name, found) in found {
        let Some(kept) = kept.get(name) else {
            wrong.push(format!("{name} was never kept"));
            continue;
        };
        let instructions = ("instructions", kept.instructions, found.instructions);
        let allocations = ("allocations", kept.allocations, found.allocations);
        for (what, kept, found) in [instructions, allocations] {
            match kept::growth(kept, found) {
                growth if growth > GROWTH_MAX => {
                    wrong.push(format!("{name} takes {growth:.1} % more {what} than it did"))
                }
                growth if growth < -GROWTH_MAX => println!("{name} takes fewer {what}: keep that"),
                _ => {}
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}. {again}", wrong.join("; "))) }
}

fn top(name: &str, lines: usize) -> Result<(), String> {
    let counted = callgrind::count(name, &directory())?;
    let text =
        std::fs::read_to_string(&counted.file).map_err(|error| format!("{}: {error}", counted.file.display()))?;
    println!("{name}, {} instructions for {} batches", counted.instructions, counted.done.batches);
    print!("{}", Listing::parse(&text).show(counted.done.batches, lines));
    Ok(())
}

//! What Apus costs, counted and looked at. README.md beside this says how.

mod callgrind;
mod client;
mod counted;
mod disk;
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
use kept::{Counts, GROWTH_MAX};
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
    /// Count the instructions of every scenario, and hold them against perf/profile/instructions.txt
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
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
    println!("{:<20} {:>8} {:>12} {:>10} {:>12} {:>9}", "", "batches", "a batch", "a KiB", "kept", "growth");
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
        show(name, &counted, kept.get(name).copied());
        found.insert(name.to_owned(), counted.instructions as f64 / counted.done.batches as f64);
    }
    if record {
        return std::fs::write(&file, kept::show(&found)).map_err(|error| format!("{}: {error}", file.display()));
    }
    judge(&kept, &found)
}

fn without(both: Counted, alone: &Counted) -> Counted {
    assert!(both.done.batches == alone.done.batches, "a consumer changes what is produced: {both:?} {alone:?}");
    Counted { instructions: both.instructions - alone.instructions, ..both }
}

fn show(name: &str, counted: &Counted, kept: Option<f64>) {
    let each = counted.instructions as f64 / counted.done.batches as f64;
    let kib = counted.instructions as f64 / (counted.done.bytes as f64 / 1024.0);
    let (before, growth) = match kept {
        Some(kept) => (format!("{kept:.0}"), format!("{:+.1} %", kept::growth(kept, each))),
        None => ("none".to_owned(), String::new()),
    };
    println!("{name:<20} {:>8} {each:>12.0} {kib:>10.1} {before:>12} {growth:>9}", counted.done.batches);
}

fn judge(kept: &Counts, found: &Counts) -> Result<(), String> {
    let again = "`cargo run --release -p apus-profile -- count --record` keeps new counts; `-- top SCENARIO` says where they go";
    let mut wrong = Vec::new();
    for (name, found) in found {
        match kept.get(name).map(|kept| kept::growth(*kept, *found)) {
            None => wrong.push(format!("{name} was never kept")),
            Some(growth) if growth > GROWTH_MAX => wrong.push(format!("{name} costs {growth:.1} % more than it did")),
            Some(growth) if growth < -GROWTH_MAX => println!("{name} costs less: keep that"),
            Some(_) => {}
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

//! The command line: what somebody asks of the binary, resolved to a task for `main`.
//!
//! Nothing is printed and nothing ends the process here: what cannot be done comes back as a [`Stop`], with the text
//! to show and the code to exit with.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use crate::trace::recorder::Tape;
use apus_core::config::{self, Config, Host, Problem, Property, Source};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// A Kafka-compatible broker whose topics live in object storage.
#[derive(Parser)]
#[command(name = "apus", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    settings: SettingArguments,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a broker (what `apus` alone does too)
    Serve {
        /// The file to start from, as for Kafka's own start script
        #[arg(value_name = "server.properties", conflicts_with = "config")]
        file: Option<PathBuf>,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// List every key: its default, its unit, what it accepts and what it does
    Config,
    /// Print the version
    Version,
}

#[derive(Args)]
struct SettingArguments {
    /// The file to start from, in the format of Kafka's server.properties
    #[arg(long, value_name = "server.properties")]
    config: Option<PathBuf>,
    /// Set a key, whatever the file says; may be repeated
    #[arg(long, alias = "override", value_name = "key=value")]
    set: Vec<String>,
    /// Write everything that reaches the broker's only core to this file, which grows by every byte that clients send
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What `main` is to do.
#[derive(Debug)]
pub enum Task {
    /// Start a broker.
    Serve {
        /// Its configuration.
        config: Box<Config>,
        /// Where its life is written down, if anywhere.
        tape: Option<Tape>,
    },
    /// Print this and end.
    Print(String),
}

/// Why nothing is done.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    /// What to show: on standard error, or on standard output where somebody asked for it.
    pub text: String,
    /// The code to exit with: 0 where somebody asked for help, else 2.
    pub code: u8,
}

impl Stop {
    fn refused(text: impl Into<String>) -> Stop {
        Stop { text: text.into(), code: 2 }
    }

    /// Shows the text and gives the code to return from `main`.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        let text = self.text.trim_end();
        if self.code == 0 {
            println!("{text}");
        } else {
            eprintln!("{text}");
        }
        ExitCode::from(self.code)
    }
}

/// The task that these arguments, the first of which is the program's own name, stand for on this machine.
///
/// # Errors
/// Where they cannot be understood, where the file cannot be read, or where the configuration has problems.
pub fn parse(arguments: impl IntoIterator<Item = OsString>, host: &Host) -> Result<Task, Stop> {
    let matches = CommandLine::command().try_get_matches_from(arguments);
    let line = matches.and_then(|matches| CommandLine::from_arg_matches(&matches)).map_err(|error| Stop {
        text: error.render().to_string(),
        code: u8::try_from(error.exit_code()).unwrap_or(2),
    })?;
    match line.verb {
        None => serve(line.settings.config.as_deref(), &line.settings, host),
        Some(Verb::Serve { file, settings }) => serve(file.as_deref().or(settings.config.as_deref()), &settings, host),
        Some(Verb::Config) => Ok(Task::Print(config::listing())),
        Some(Verb::Version) => Ok(Task::Print(format!("apus {}", env!("CARGO_PKG_VERSION")))),
    }
}

/// What a configuration has to know of this machine.
#[must_use]
pub fn host() -> Host {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
    Host { name: name.to_owned(), cpus: thread::available_parallelism().map_or(1, NonZeroUsize::get) }
}

fn serve(file: Option<&Path>, settings: &SettingArguments, host: &Host) -> Result<Task, Stop> {
    let (mut properties, mut problems) = match file {
        None => (Vec::new(), Vec::new()),
        Some(path) => config::parse(&read(path)?),
    };
    for text in &settings.set {
        match split(text) {
            Ok(property) => properties.push(property),
            Err(problem) => problems.push(problem),
        }
    }
    // A line that cannot be read is no reason to keep quiet about the others.
    match Config::load(&properties, host) {
        Ok(config) if problems.is_empty() => {
            let tape = settings.record.as_ref().map(|path| Tape::create(path, &config, properties, host.clone()));
            let tape = tape.transpose().map_err(|why| Stop::refused(format!("apus: {why}")))?;
            return Ok(Task::Serve { config: Box::new(config), tape });
        }
        Ok(_) => {}
        Err(further) => problems.extend(further),
    }
    problems.sort_by_key(|problem| problem.source);
    Err(refused(file, &problems))
}

fn read(path: &Path) -> Result<String, Stop> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        Stop::refused(format!("apus: cannot read {shown}: {error}\nGive the path of a server.properties, or start without --config for the defaults."))
    })?;
    // Java reads these files as ISO 8859-1; what is not UTF-8 is taken for that.
    let latin = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| latin(error.as_bytes())))
}

fn split(text: &str) -> Result<Property, Problem> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok(Property { key: key.trim().to_owned(), value: value.to_owned(), source: Source::Argument })
        }
        _ => Err(Problem::at(Source::Argument, format!("{text} is refused: give KEY=VALUE"))),
    }
}

fn refused(file: Option<&Path>, problems: &[Problem]) -> Stop {
    assert!(!problems.is_empty());
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let place = file.map_or(String::new(), |path| format!(" ({})", path.display()));
    let mut text = format!("apus: cannot start, {count} in the configuration{place}:\n");
    for problem in problems {
        text.push_str(&format!("  {problem}\n"));
    }
    text.push_str("`apus config` lists every key with its default, unit and range.");
    Stop::refused(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn run(arguments: &[&str]) -> Result<Task, Stop> {
        let host = Host { name: "swift.example".to_owned(), cpus: 2 };
        parse(std::iter::once("apus").chain(arguments.iter().copied()).map(OsString::from), &host)
    }

    fn config(arguments: &[&str]) -> Config {
        match run(arguments) {
            Ok(Task::Serve { config, .. }) => *config,
            other => panic!("{arguments:?} does not serve: {other:?}"),
        }
    }

    fn stop(arguments: &[&str]) -> Stop {
        run(arguments).expect_err("it is refused")
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("it takes a few bytes");
        file
    }

    #[test]
    fn a_command_is_a_task() {
        assert_eq!(config(&[]).node_id.0, 1);
        assert_eq!(config(&["serve"]).node_id.0, 1);
        assert_eq!(config(&["--set", "node.id=2"]).node_id.0, 2);
        assert_eq!(config(&["serve", "--set", "node.id=2", "--set", "node.id=3"]).node_id.0, 3);
        assert_eq!(config(&["serve", "--override", "broker.id=4"]).node_id.0, 4);
        assert!(matches!(run(&["config"]), Ok(Task::Print(text)) if text.contains("diskless.store")));
        assert!(
            matches!(run(&["version"]), Ok(Task::Print(text)) if text == format!("apus {}", env!("CARGO_PKG_VERSION")))
        );
    }

    #[test]
    fn files_start_a_broker_in_three_ways() {
        let file = file(b"node.id=7\nbroker.rack=z\xfcrich\n");
        let path = file.path().to_str().expect("its path is text");
        for arguments in [&["serve", path][..], &["serve", "--config", path], &["--config", path]] {
            let config = config(arguments);
            assert_eq!((config.node_id.0, config.rack.as_deref()), (7, Some("z\u{fc}rich")));
        }
        assert_eq!(config(&["serve", path, "--set", "node.id=8"]).node_id.0, 8);
    }

    #[test]
    fn help_and_version_are_no_errors() {
        assert_eq!(stop(&["--help"]).code, 0);
        assert_eq!(stop(&["--version"]).text.trim(), format!("apus {}", env!("CARGO_PKG_VERSION")));
        assert_eq!(stop(&["serv"]).code, 2);
        assert_eq!(stop(&["--set"]).code, 2);
    }

    #[test]
    fn all_problems_come_in_one_answer() {
        let file = file(b"a=\\u12\nnum.partitons=1\n");
        let path = file.path().to_str().expect("its path is text");
        let malformed = stop(&["serve", path, "--set", "cores=0", "--set", "node.id"]);
        assert_eq!(malformed.code, 2);
        for line in [
            "line 1: malformed escape",
            "line 2: unknown key num.partitons",
            "--set: cores=0 is refused",
            "--set: node.id is refused: give KEY=VALUE",
        ] {
            assert!(malformed.text.contains(line), "{}", malformed.text);
        }
        let absent = stop(&["--config", "/absent/server.properties"]);
        assert!(absent.text.starts_with("apus: cannot read /absent/server.properties"), "{}", absent.text);
        assert!(stop(&["--set", "num.partitons=1"]).text.contains("did you mean num.partitions?"));
    }

    #[test]
    fn a_life_of_one_core_is_recorded() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("trace");
        let path = path.to_str().expect("its path is text");
        assert!(matches!(run(&["--record", path, "--set", "cores=1"]), Ok(Task::Serve { tape: Some(_), .. })));
        assert!(stop(&["serve", "--record", path, "--set", "cores=2"]).text.contains("add --set cores=1"));
        assert!(
            stop(&["--record", "/absent/trace", "--set", "cores=1"]).text.contains("cannot record to /absent/trace")
        );
        assert!(matches!(run(&[]), Ok(Task::Serve { tape: None, .. })));
    }

    #[test]
    fn this_machine_has_a_name_and_a_cpu() {
        let host = host();
        assert!(!host.name.is_empty() && host.cpus > 0);
    }
}

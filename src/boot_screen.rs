//! What a person sees when the broker serves: one calm screen on standard output.

use std::fmt::Write;
use std::time::Duration;

use apus_core::config::Config;
use apus_net::listener::Bound;

/// The facts of this start, but for the time that it took.
pub struct BootScreen {
    text: String,
}

impl BootScreen {
    /// The screen of a broker that listens on these addresses.
    #[must_use]
    pub fn new(config: &Config, bound: &[Bound]) -> BootScreen {
        let addresses: Vec<String> = bound.iter().map(|bound| bound.address.to_string()).collect();
        let mut text = format!("apus {}, broker {}\n", env!("CARGO_PKG_VERSION"), config.node_id);
        let mut row = |name: &str, value: &str| {
            writeln!(text, "  {name:<10} {value}").expect("a string takes what is written to it");
        };
        row("listening", &addresses.join(", "));
        row("store", &config.store.to_string());
        row("journal", &config.data_dir.join("journal").display().to_string());
        row("cores", &format!("{}, and {} for the store", config.cores, config.store_threads));
        let foreign: Vec<&str> = config.settings.foreign_names().collect();
        if !foreign.is_empty() {
            row("ignored", &format!("{} (no meaning here)", foreign.join(", ")));
        }
        BootScreen { text }
    }

    /// Shows it: the broker serves, so long after the process began.
    pub fn show(mut self, took: Duration) {
        let milliseconds = took.as_secs_f64() * 1e3;
        writeln!(self.text, "  {:<10} {milliseconds:.0} ms", "ready in").expect("a string takes what is written to it");
        // Nobody may be there to read it.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), self.text.as_bytes());
    }
}

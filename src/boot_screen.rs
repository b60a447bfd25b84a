//! What a person sees when the broker serves: one calm screen on standard output.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use apus_core::config::Config;
use apus_net::listener::Bound;

/// The facts of this start, but for the time that it took.
pub struct BootScreen {
    text: String,
}

impl BootScreen {
    /// The screen of a broker that listens on these addresses, and on that one for whoever watches.
    #[must_use]
    pub fn new(config: &Config, bound: &[Bound], http: Option<SocketAddr>) -> BootScreen {
        let addresses: Vec<String> = bound.iter().map(|bound| bound.address.to_string()).collect();
        let mut screen =
            BootScreen { text: format!("apus {}, broker {}\n", env!("CARGO_PKG_VERSION"), config.node_id) };
        screen.row("listening", &addresses.join(", "));
        screen.row("store", &config.store.to_string());
        screen.row("journal", &config.data_dir.join("journal").display().to_string());
        screen.row("cores", &format!("{}, and {} for the store", config.cores, config.store_threads));
        match (http, &config.http_listener) {
            (Some(address), _) => screen.row("watch", &format!("http://{address}/metrics")),
            (None, Some(wanted)) => screen.row("watch", &format!("nowhere: {} is not free", wanted.at)),
            (None, None) => {}
        }
        let foreign: Vec<&str> = config.settings.foreign_names().collect();
        if !foreign.is_empty() {
            screen.row("ignored", &format!("{} (no meaning here)", foreign.join(", ")));
        }
        screen
    }

    /// Shows it: the broker serves, so long after the process began. So many bytes were cut off the journal.
    pub fn show(self, cut_bytes: u64, took: Duration) {
        // Nobody may be there to read it.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), self.finish(cut_bytes, took).as_bytes());
    }

    fn finish(mut self, cut_bytes: u64, took: Duration) -> String {
        if cut_bytes > 0 {
            let what = "of a write that a crash cut short; nothing that was acknowledged";
            self.row("cut", &format!("{cut_bytes} bytes {what}"));
        }
        let milliseconds = took.as_secs_f64() * 1e3;
        self.row("ready in", &format!("{milliseconds:.0} ms"));
        self.text
    }

    fn row(&mut self, name: &str, value: &str) {
        writeln!(self.text, "  {name:<10} {value}").expect("a string takes what is written to it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_told_where_there_was_one() {
        let screen = |cut_bytes| BootScreen { text: String::new() }.finish(cut_bytes, Duration::from_millis(12));
        assert_eq!(screen(0), "  ready in   12 ms\n");
        assert!(screen(4096).starts_with("  cut        4096 bytes of a write"), "{}", screen(4096));
    }
}

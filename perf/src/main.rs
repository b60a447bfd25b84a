//! What Apus is measured with: see `perf/README.md`.

fn main() {}

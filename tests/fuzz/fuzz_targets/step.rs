//! Hostile bytes of several connections through a whole core.

#![no_main]

#[allow(dead_code, reason = "each target uses one of the checks")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::step::check(input));

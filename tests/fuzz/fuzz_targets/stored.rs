//! Any bytes as what is stored.

#![no_main]

#[allow(dead_code, reason = "each target uses one of the checks")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::stored::check(input));

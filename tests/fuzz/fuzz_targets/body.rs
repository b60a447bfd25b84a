//! Any bytes as the body of any message.

#![no_main]

#[allow(dead_code, reason = "each target uses one of the checks")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::body::check(input));

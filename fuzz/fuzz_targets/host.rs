//! From a Host field to a route. The invariants are in stoa_edge::fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stoa_edge::fuzz::host(bytes));

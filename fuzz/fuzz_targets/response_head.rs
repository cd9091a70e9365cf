//! The head of an upstream's response. The invariants are in stoa_edge::fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stoa_edge::fuzz::response_head(bytes));

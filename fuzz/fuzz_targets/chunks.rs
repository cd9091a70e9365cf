//! The chunks of an upstream's response, against a plain reading of the RFC. The invariants are in stoa_edge::fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stoa_edge::fuzz::chunks(bytes));

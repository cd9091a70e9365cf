//! The header that a balancer sends first. The invariants are in stoa_edge::fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stoa_edge::fuzz::proxy_protocol(bytes));

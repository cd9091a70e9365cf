//! What a balancer says first. What must hold is written in stoa_edge::fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stoa_edge::fuzz::proxy_protocol(bytes));

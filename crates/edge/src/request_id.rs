//! Ids of requests: unique, and unguessable enough to quote in a support ticket.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Makes the ids of one thread.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let random = |salt: u8| RandomState::new().hash_one(salt);
        Self { seed: random(0), next: AtomicU64::new(random(1)) }
    }

    /// 32 hexadecimal digits.
    pub(crate) fn next(&self) -> [u8; 32] {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = self.next.fetch_add(ODD, Relaxed);
        let mut id = [0; 32];
        for (half, digits) in [self.seed, number].into_iter().zip(id.chunks_exact_mut(16)) {
            for (place, digit) in digits.iter_mut().rev().enumerate() {
                *digit = b"0123456789abcdef"[(half >> (place * 4)) as usize & 15];
            }
        }
        id
    }
}

//! Making secrets.
//!
//! Every character is drawn independently and evenly from its set: random numbers past the last
//! whole multiple of the set's size are thrown away. A password that lacks one of the classes is
//! thrown away as a whole, so all acceptable passwords stay equally likely.

use super::{Charset, Generator};
use crate::secret::SecretString;

/// Without 0 O 1 l I; the symbols are safe in URLs, shells and double clicks.
const PASSWORD: &[&[u8]] = &[b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"-_.~"];
const ALPHANUMERIC: &[&[u8]] = &[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789"];
const HEX: &[&[u8]] = &[b"0123456789abcdef"];
const BASE64: &[&[u8]] = &[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789", b"+/"];

/// With true randomness one in five passwords of the least length is thrown away; so many in a row
/// mean that `random` repeats itself.
const PATIENCE: usize = 1000;

impl Generator {
    /// Accepted lengths, in characters.
    pub const LENGTH: std::ops::RangeInclusive<usize> = 20..=256;

    /// Makes a secret; `random` fills a buffer from the operating system's generator.
    ///
    /// # Panics
    /// If `random` repeats itself: a constant secret is worse than none.
    pub fn generate(&self, random: &mut dyn FnMut(&mut [u8])) -> SecretString {
        let classes = match self.charset {
            Charset::Password => PASSWORD,
            Charset::Alphanumeric => ALPHANUMERIC,
            Charset::Hex => HEX,
            Charset::Base64 => BASE64,
        };
        let alphabet: Vec<u8> = classes.concat();
        for _ in 0..PATIENCE {
            let secret: String = (0..self.length).map(|_| char::from(draw(&alphabet, random))).collect();
            let complete = classes.iter().all(|class| secret.bytes().any(|b| class.contains(&b)));
            if self.charset != Charset::Password || complete {
                return SecretString::from(secret);
            }
        }
        panic!("the random generator repeats itself: no secret can be made");
    }
}

/// One character, all of them equally likely.
fn draw(alphabet: &[u8], random: &mut dyn FnMut(&mut [u8])) -> u8 {
    let even = 256 - 256 % alphabet.len();
    for _ in 0..PATIENCE {
        let mut byte = [0];
        random(&mut byte);
        let number = usize::from(byte[0]);
        if number < even {
            return alphabet[number % alphabet.len()];
        }
    }
    panic!("the random generator repeats itself: no secret can be made");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::secret::ExposeSecret;

    /// SplitMix64: good enough to count with, and the same every time.
    fn noise(mut state: u64) -> impl FnMut(&mut [u8]) {
        move |buffer| {
            for byte in buffer {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                *byte = (z >> 56) as u8;
            }
        }
    }

    fn made(charset: Charset, length: usize, seed: u64) -> String {
        Generator { charset, length }.generate(&mut noise(seed)).expose_secret().to_owned()
    }

    #[test]
    fn a_password_has_every_class_and_no_lookalikes() {
        for seed in 0..2000 {
            let password = made(Charset::Password, 20, seed);
            assert_eq!(password.len(), 20);
            assert!(PASSWORD.iter().all(|class| password.bytes().any(|b| class.contains(&b))), "{password}");
            assert!(!password.contains(['0', 'O', '1', 'l', 'I', '$', '"', '\'', '\\', ' ']), "{password}");
        }
    }

    #[test]
    fn other_secrets_keep_to_their_characters() {
        for seed in 0..200 {
            assert!(made(Charset::Alphanumeric, 32, seed).bytes().all(|b| b.is_ascii_alphanumeric()));
            assert!(made(Charset::Hex, 64, seed).bytes().all(|b| HEX[0].contains(&b)));
            assert!(made(Charset::Base64, 44, seed).bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b)));
        }
    }

    #[test]
    fn all_characters_are_equally_likely() {
        let mut counts: BTreeMap<char, u32> = BTreeMap::new();
        for seed in 0..2000 {
            for c in made(Charset::Alphanumeric, 124, seed).chars() {
                *counts.entry(c).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 62);
        // 4000 expected of each; 6 standard deviations are 380.
        assert!(counts.values().all(|n| (3600..4400).contains(n)), "{counts:?}");
    }

    #[test]
    #[should_panic(expected = "repeats itself")]
    fn a_dead_random_generator_makes_no_password() {
        Generator { charset: Charset::Password, length: 24 }.generate(&mut |buffer| buffer.fill(7));
    }
}

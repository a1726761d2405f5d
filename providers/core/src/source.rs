//! Where random bytes come from.

use std::sync::Mutex;

use rand::RngCore;
use sha2::{Digest, Sha256};

/// A source of random bytes.
pub trait RandomSource: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The thread's generator, seeded by the operating system; fit for passwords.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl RandomSource for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// A repeatable stream of bytes that depends on a seed only.
///
/// The stream is SHA-256 of the seed and a block number, so it is the same on
/// every platform and in every version.
#[derive(Debug)]
pub struct SeededRandom {
    seed: Vec<u8>,
    state: Mutex<(u64, Vec<u8>)>,
}

impl SeededRandom {
    /// Starts the stream of a seed.
    pub fn new(seed: impl AsRef<[u8]>) -> Self {
        Self {
            seed: seed.as_ref().to_vec(),
            state: Mutex::new((0, Vec::new())),
        }
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let (block, rest) = &mut *state;
        for byte in bytes {
            if rest.is_empty() {
                let mut hash = Sha256::new();
                hash.update((self.seed.len() as u64).to_be_bytes());
                hash.update(&self.seed);
                hash.update(block.to_be_bytes());
                *rest = hash.finalize().to_vec();
                *block += 1;
            }
            *byte = rest.pop().unwrap_or_default();
        }
    }
}

/// Draws a number below `bound` (at least 1), all equally likely.
pub(crate) fn below(source: &dyn RandomSource, bound: u64) -> u64 {
    let bound = bound.max(1);
    // Numbers at or above the largest multiple of `bound` would favour small results.
    let limit = u64::MAX - (u64::MAX % bound + 1) % bound;
    loop {
        let mut bytes = [0; 8];
        source.fill(&mut bytes);
        let n = u64::from_be_bytes(bytes);
        if n <= limit {
            return n % bound;
        }
    }
}

/// Draws one of the items; `None` if there is none.
pub(crate) fn pick<'a, T>(source: &dyn RandomSource, items: &'a [T]) -> Option<&'a T> {
    items.get(below(source, items.len() as u64) as usize)
}

/// Brings the items into a random order.
pub(crate) fn shuffle<T>(source: &dyn RandomSource, items: &mut [T]) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(source, i as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_all() {
        let source = SeededRandom::new("a");
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[below(&source, 5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(below(&source, 1), 0);
        let _ = below(&source, u64::MAX);
    }

    #[test]
    fn a_seed_repeats() {
        let draw = |seed: &str| {
            let mut bytes = [0; 70];
            SeededRandom::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw("a"), draw("a"));
        assert_ne!(draw("a"), draw("b"));
    }

    #[test]
    fn shuffle_keeps_the_items() {
        let mut items: Vec<u32> = (0..50).collect();
        shuffle(&SeededRandom::new("x"), &mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}

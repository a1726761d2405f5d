//! Short texts that come again and again share one allocation.
//!
//! The names of types and arguments make up much of a large configuration. What
//! was seen lately is kept, in a table that never grows: a text that hashes to
//! the same place as another takes its place.

use std::cell::RefCell;
use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::ast::Str;

/// Longer texts are seldom repeated.
const MAX_LEN: usize = 32;

const PLACES: usize = 1024;

thread_local! {
    static SEEN: RefCell<Vec<Option<Str>>> = RefCell::new(vec![None; PLACES]);
}

/// Returns a text, shared with earlier ones where that is cheap to know.
pub(super) fn shared(text: &str) -> Str {
    if text.len() > MAX_LEN {
        return text.into();
    }
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    let place = hasher.finish() as usize % PLACES;
    SEEN.with_borrow_mut(|seen| match &mut seen[place] {
        Some(same) if **same == *text => Str::clone(same),
        other => {
            let new = Str::from(text);
            *other = Some(Str::clone(&new));
            new
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::shared;

    #[test]
    fn texts_are_what_they_were() {
        let first = shared("name");
        assert!(Arc::ptr_eq(&first, &shared("name")));
        for i in 0..10_000 {
            let text = format!("r{i}");
            assert_eq!(&*shared(&text), text);
        }
        assert_eq!(&*shared("name"), "name");
    }
}

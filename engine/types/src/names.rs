//! Names that the program knows, as shared texts.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::Str;

thread_local! {
    static KNOWN: RefCell<FxHashMap<&'static str, Str>> = RefCell::default();
}

/// Returns a name of the program (an attribute of a schema, say) as a text.
///
/// A name that is asked for again is the same allocation: each of many objects
/// has the attributes of its type.
pub fn name(text: &'static str) -> Str {
    KNOWN.with_borrow_mut(|known| known.entry(text).or_insert_with(|| Str::from(text)).clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::name;

    #[test]
    fn names_are_shared() {
        assert_eq!(&*name("id"), "id");
        assert!(Arc::ptr_eq(&name("id"), &name("id")));
        assert_eq!(&*name("arn"), "arn");
    }
}

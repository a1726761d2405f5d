//! Formatting what parses keeps its meaning, and is done after once.
//!
//! `cargo +nightly fuzz run format`, in `engine/syntax`.

#![no_main]

use infra_syntax::format::format;
use infra_syntax::same::same_file;
use infra_syntax::{SourceId, parse_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (before, diagnostics) = parse_file(text, SourceId(0));
    if diagnostics.has_errors() {
        assert!(format(text).is_err());
        return;
    }
    let once = format(text).expect("a file that parses can be formatted");
    let (after, _) = parse_file(&once, SourceId(0));
    assert!(same_file(&before, &after));
    assert_eq!(format(&once).expect("formatted text parses"), once);
});

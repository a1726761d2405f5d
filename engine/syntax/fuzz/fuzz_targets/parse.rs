//! No text makes the parser panic, and every place it reports is in the text.
//!
//! `cargo +nightly fuzz run parse`, in `engine/syntax`.

#![no_main]

use infra_syntax::{SourceId, parse_expr, parse_file, parse_template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (file, diagnostics) = parse_file(text, SourceId(0));
    for diagnostic in diagnostics.iter() {
        for (span, _) in diagnostic.label.iter().chain(&diagnostic.related) {
            assert!(text.get(span.start as usize..span.end as usize).is_some());
        }
    }
    drop(file);
    let _ = parse_expr(text, SourceId(0));
    let _ = parse_template(text, SourceId(0));
});

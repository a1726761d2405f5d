//! Which expressions parse: as measured with Terraform 1.11.4.

use infra_syntax::{SourceId, parse_expr};

fn cases(text: &str) -> impl Iterator<Item = &str> {
    text.strip_suffix('\n').unwrap_or(text).split("\n----\n")
}

#[test]
fn accepted_expressions_parse() {
    for text in cases(include_str!("cases/expressions/accepted.txt")) {
        if let Err(d) = parse_expr(text, SourceId(0)) {
            panic!("{text}: {}", d.0[0].message);
        }
    }
}

#[test]
fn refused_expressions_do_not_parse() {
    for text in cases(include_str!("cases/expressions/refused.txt")) {
        let Err(diagnostics) = parse_expr(text, SourceId(0)) else {
            panic!("{text}: parses");
        };
        for d in diagnostics.iter() {
            assert!(d.code.starts_with("infra::syntax::"), "{text}: {d:?}");
            assert!(d.label.is_some(), "{text}: {d:?}");
            // Nobody is told that what is there was expected.
            if let Some((expected, found)) = d.message.split_once(", found ") {
                assert!(!expected.split(" or ").any(|e| e.ends_with(found)), "{text}: {d:?}");
            }
        }
    }
}

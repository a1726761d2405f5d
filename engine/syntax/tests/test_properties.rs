//! What must hold for any text.

use infra_syntax::format::format;
use infra_syntax::same::same_file;
use infra_syntax::{SourceId, Sources, parse_expr, parse_file, parse_template};
use proptest::prelude::*;

/// Pieces that texts are made of.
const TOKENS: &[&str] = &[
    "a",
    "b-c",
    "for",
    "in",
    "if",
    "type",
    "function",
    "where",
    "null",
    "true",
    "é",
    "1",
    "2.5",
    "1e3",
    "\"",
    "\"x\"",
    "\"${",
    "}\"",
    "\"a ${b} c\"",
    "\"%{ if a }x%{ endif }\"",
    "${",
    "%{",
    "~}",
    "$${",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "[*]",
    ".*",
    ".",
    ",",
    "...",
    "=",
    "==",
    "=>",
    ":",
    "::",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "<",
    "<=",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "  ",
    "\t",
    "# c\n",
    "// c\n",
    "/* c */",
    "/*",
    "<<E\n",
    "<<-E\n",
    "\nE\n",
    "  x\n",
    "'",
    "\\",
    ";",
    "a = 1\n",
    "b {\n",
    "}\n",
    "c = [\n",
    "]\n",
    "d = {\n",
    "f(",
    "x \"y\" {\n",
    "\u{0}",
    "\u{feff}",
];

/// Pieces that make up valid files, mostly.
const STATEMENTS: &[&str] = &[
    "a=1\n",
    "bb   =  [1,2,  3]  # c\n",
    "c = {\n  x=1\n  yyy : 2,\n}\n",
    "# c\n",
    "// d  \n",
    "\n",
    "blk \"l\" m {\n",
    "}\n",
    "}\n",
    "one { x=1 }\n",
    "d = \"${a}\"\n",
    "e = \"${\na+b\n}\"\n",
    "f = <<-E\n   x ${ y }\n  E\n",
    "g = <<E\nx\nE\n",
    "h = a?b:-c\n",
    "/* x\n y */ i = 1\n",
    "j = [for x in [1]: x if x!=2]\n",
    "k = f(\n  1,\n2 # c\n)\n",
    "l = (\n1\n+2\n)\n",
    "m = a[*].b.*.c[0]\n",
    "type t = number where self>1\n",
    "function fn(a:string , b: list( string )):number = 1\n",
    "n = !a && - b\n",
    "o = {for k,v in x: k=>v...}\n",
    "p = \"%{if a~} x %{~endif}\"\n",
    "q = p::f(1 ...)\n",
    "r = [{\n a = 1 }, {\n b = 2\n}]\n",
    "s = f({\n a = 1\n})\n",
    "  \t t   = 1 /* c */\n",
    "u = {}\n",
    "v {\n}\n",
];

fn soup(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..most).prop_map(|p| p.concat())
}

fn check_no_panic(text: &str) {
    let (file, diagnostics) = parse_file(text, SourceId(0));
    let mut sources = Sources::new();
    sources.add("x", text);
    for d in diagnostics.iter() {
        for (span, _) in d.label.iter().chain(&d.related) {
            let range = span.start as usize..span.end as usize;
            assert!(text.get(range).is_some(), "{d:?}");
        }
    }
    assert!(
        text.get(file.body.span.start as usize..file.body.span.end as usize)
            .is_some()
    );
    let _ = parse_expr(text, SourceId(0));
    let _ = parse_template(text, SourceId(0));
}

fn check_format(text: &str) {
    let (before, diagnostics) = parse_file(text, SourceId(0));
    match format(text) {
        Ok(once) => {
            assert!(!diagnostics.has_errors());
            let (after, _) = parse_file(&once, SourceId(0));
            assert!(same_file(&before, &after));
            let twice = format(&once).expect("formatted text parses");
            assert_eq!(once, twice);
        }
        Err(d) => {
            assert!(diagnostics.has_errors(), "{:?}", d.0[0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn token_soup_does_not_panic(text in soup(TOKENS, 40)) {
        check_no_panic(&text);
        check_format(&text);
    }

    #[test]
    fn any_text_does_not_panic(text in ".{0,60}") {
        check_no_panic(&text);
        check_format(&text);
    }

    #[test]
    fn formatting_is_idempotent(text in soup(STATEMENTS, 25)) {
        check_format(&text);
    }
}

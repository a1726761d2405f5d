//! Hostile and huge inputs: no crash, no overflow, no quadratic time.

use std::time::{Duration, Instant};

use infra_syntax::{SourceId, format, limits, parse_expr, parse_file, parse_template};

/// Runs on a stack of the size that threads have by default.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(run)
        .expect("thread starts")
        .join()
        .expect("no panic");
}

fn file_codes(text: &str) -> Vec<&'static str> {
    let (file, diagnostics) = parse_file(text, SourceId(0));
    // Whatever came out can be printed, cloned and dropped.
    let printed = std::format!("{:?}", file.clone());
    assert!(!printed.is_empty());
    diagnostics.iter().map(|d| d.code).collect()
}

fn expr_code(text: &str) -> &'static str {
    match parse_expr(text, SourceId(0)) {
        Ok(expr) => {
            let printed = std::format!("{:?}", expr.clone());
            assert!(!printed.is_empty());
            "ok"
        }
        Err(d) => d.0[0].code,
    }
}

const TOO_DEEP: &str = "infra::syntax::nesting_too_deep";

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    [&open.repeat(levels), inner, &close.repeat(levels)].concat()
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    on_small_stack(|| {
        let most = limits::MAX_NESTING;
        assert_eq!(expr_code(&nested("(", "1", ")", most)), "ok");
        assert_eq!(expr_code(&nested("[", "1", "]", most)), "ok");
        assert_eq!(expr_code(&nested("{ a = ", "1", " }", most)), "ok");
        assert_eq!(expr_code(&nested("{for a in b : a => ", "1", "}", most)), "ok");
        assert_eq!(expr_code(&nested("f(", "1", ")", most)), "ok");
        assert_eq!(expr_code(&nested("a[", "1", "]", most)), "ok");
        assert_eq!(expr_code(&nested("\"${", "1", "}\"", most / 2)), "ok");
        assert_eq!(expr_code(&nested("a ? ", "1", " : 1", most - 1)), "ok");
        let blocks = nested("a {\n", "", "}\n", most);
        assert!(file_codes(&blocks).is_empty());
        assert!(format::format(&blocks).is_ok());
        let mixed = nested("[{ a = f(\"${b ? ", "1", " : 2}\") }]", most / 6);
        assert_eq!(expr_code(&mixed), "ok");
    });
}

#[test]
fn deeper_nesting_is_refused() {
    on_small_stack(|| {
        for levels in [limits::MAX_NESTING + 1, 10_000, 200_000] {
            assert_eq!(expr_code(&nested("(", "1", ")", levels)), TOO_DEEP);
            assert_eq!(expr_code(&nested("[", "1", "]", levels)), TOO_DEEP);
            assert_eq!(expr_code(&nested("{ a = ", "1", " }", levels)), TOO_DEEP);
            assert_eq!(expr_code(&nested("a[", "1", "]", levels)), TOO_DEEP);
            assert_eq!(expr_code(&nested("\"${", "1", "}\"", levels)), TOO_DEEP);
            assert_eq!(expr_code(&nested("a ? ", "1", " : 1", levels)), TOO_DEEP);
            let blocks = nested("a {\n", "", "}\n", levels);
            assert_eq!(file_codes(&blocks), [TOO_DEEP]);
            assert!(format::format(&blocks).is_err());
        }
    });
}

#[test]
fn unclosed_nesting_is_refused() {
    on_small_stack(|| {
        for levels in [100, 10_000] {
            for open in ["(", "[", "{ a = ", "\"${", "a[", "a ? ", "f(\"%{ if ", "[for a in "] {
                assert_ne!(expr_code(&open.repeat(levels)), "ok", "{open}");
                assert!(!file_codes(&std::format!("a = {}", open.repeat(levels))).is_empty());
            }
            assert!(!file_codes(&"a {\n".repeat(levels)).is_empty());
            assert!(!file_codes(&"}\n".repeat(levels)).is_empty());
        }
    });
}

#[test]
fn long_chains_are_read_or_refused() {
    on_small_stack(|| {
        let fits = limits::MAX_EXPR_DEPTH as usize - 2;
        let chains: [(&str, &str); 8] = [
            ("1", " + 1"),
            ("a", ".b"),
            ("a", "[0]"),
            ("a", " && a"),
            ("a", " ? 1 : a"),
            ("", "!"),
            ("", "-"),
            ("a", "[*]"),
        ];
        for (start, link) in chains {
            let chain = |n: usize| {
                let end = if start.is_empty() { "a" } else { "" };
                [start, &link.repeat(n), end].concat()
            };
            if link != "[*]" {
                assert_eq!(expr_code(&chain(fits)), "ok", "{link}");
            }
            assert_eq!(expr_code(&chain(10_000)), TOO_DEEP, "{link}");
            assert_eq!(expr_code(&chain(100_000)), TOO_DEEP, "{link}");
        }
    });
}

#[test]
fn wide_inputs_are_read() {
    on_small_stack(|| {
        assert_eq!(expr_code(&std::format!("[{}]", "1, ".repeat(100_000))), "ok");
        assert_eq!(expr_code(&std::format!("\"{}\"", "${a}".repeat(50_000))), "ok");
        assert_eq!(expr_code(&std::format!("a[*]{}", ".b".repeat(50_000))), "ok");
        let line = std::format!("a = \"{}\"\n", "x".repeat(10_000_000));
        assert!(file_codes(&line).is_empty());
        let directives = "%{ if a }".repeat(10_000);
        assert!(parse_template(&directives, SourceId(0)).is_err());
        let balanced = nested("%{ if a }", "x", "%{ endif }", 150);
        assert!(parse_template(&balanced, SourceId(0)).is_ok());
    });
}

#[test]
fn time_grows_with_size() {
    let texts: [fn(usize) -> String; 12] = [
        |n| "a = <<E\n".repeat(n),
        |n| "a = /* \n".repeat(n),
        |n| "a = (\n".repeat(n),
        |n| "a = \"\n".repeat(n),
        |n| "a {\n".repeat(n),
        |n| "a = }\n".repeat(n),
        |n| "a = { /* x */\n".repeat(n),
        |n| "a = b c\n".repeat(n),
        |n| std::format!("a {{\n{}}}\n", "b = c d\n".repeat(n)),
        |n| std::format!("a = [{}", "f(x, ".repeat(n)),
        |n| std::format!("a = {}", "a ? ".repeat(n)),
        |n| std::format!("a = \"{}", "$".repeat(n * 8)),
    ];
    for (i, text) in texts.iter().enumerate() {
        let start = Instant::now();
        let (_, diagnostics) = parse_file(&text(20_000), SourceId(0));
        assert!(diagnostics.has_errors(), "{i}");
        assert!(start.elapsed() < Duration::from_secs(20), "{i}");
    }
}

#[test]
fn control_characters_are_refused() {
    for text in ["a = \"\0\"", "a = 1\u{3}", "# \u{1b}[31m\n", "a = 1\rb = 2", "\u{7f}"] {
        assert_eq!(file_codes(text)[0], "infra::syntax::control_character", "{text:?}");
    }
    assert_eq!(expr_code("\"\0\""), "infra::syntax::control_character");
    assert!(file_codes("a = 1\r\nb = <<E\r\nx\r\nE\r\n").is_empty());
}

//! What parses to what.

use std::fmt::Write as _;

use super::*;
use crate::ast::{Body, ExprKind, ObjectKey, TemplatePart, Traverse, UnaryOp};
use crate::same::same_expr;

/// Writes an expression with all its structure visible.
fn dump(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(dump).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Null => "null".into(),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Number(n) => n.to_string(),
        ExprKind::String(s) => format!("{s:?}"),
        ExprKind::Template(t) => format!(
            "({}{})",
            if t.heredoc { "heredoc" } else { "template" },
            parts(&t.parts)
        ),
        ExprKind::Tuple(items) => format!("[{}]", list(items)),
        ExprKind::Object(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|i| {
                    let key = match &i.key {
                        ObjectKey::Name(name) => name.name.to_string(),
                        ObjectKey::Expr(e) => format!("<{}>", dump(e)),
                    };
                    format!("{key}={}", dump(&i.value))
                })
                .collect();
            format!("{{{}}}", items.join(" "))
        }
        ExprKind::Variable(name) => name.name.to_string(),
        ExprKind::GetAttr(get) => format!("{}.{}", dump(&get.source), get.name.name),
        ExprKind::Index(index) => format!("{}[{}]", dump(&index.source), dump(&index.key)),
        ExprKind::Splat(s) => {
            let mut text = format!("({} {}", dump(&s.source), if s.full { "[*]" } else { ".*" });
            for step in &s.rest {
                let _ = match step {
                    Traverse::Attr(name) => write!(text, " .{}", name.name),
                    Traverse::Index(key) => write!(text, " [{}]", dump(key)),
                };
            }
            text + ")"
        }
        ExprKind::Call(call) => format!(
            "{}({}{})",
            call.name.name,
            list(&call.args),
            if call.expand_final { "..." } else { "" }
        ),
        ExprKind::Unary(UnaryOp::Neg, e) => format!("(- {})", dump(e)),
        ExprKind::Unary(UnaryOp::Not, e) => format!("(! {})", dump(e)),
        ExprKind::Binary(op, sides) => format!("({} {} {})", op.symbol(), dump(&sides.left), dump(&sides.right)),
        ExprKind::Conditional(c) => format!("(? {} {} {})", dump(&c.condition), dump(&c.then), dump(&c.otherwise)),
        ExprKind::For(f) => {
            let mut text = String::from("(for ");
            if let Some(key) = &f.key_var {
                let _ = write!(text, "{}, ", key.name);
            }
            let _ = write!(text, "{} in {} : ", f.value_var.name, dump(&f.collection));
            if let Some(key) = &f.key {
                let _ = write!(text, "{} => ", dump(key));
            }
            text += &dump(&f.value);
            if f.group {
                text += "...";
            }
            if let Some(condition) = &f.condition {
                let _ = write!(text, " if {}", dump(condition));
            }
            text + ")"
        }
        ExprKind::Paren(e) => format!("<{}>", dump(e)),
    }
}

fn parts(parts: &[TemplatePart]) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = match part {
            TemplatePart::Literal(s, _) => write!(text, " {s:?}"),
            TemplatePart::Interpolation(e) => write!(text, " ${{{}}}", dump(e)),
            TemplatePart::If(part) => write!(
                text,
                " (if {}{} else{})",
                dump(&part.condition),
                self::parts(&part.then),
                self::parts(&part.otherwise)
            ),
            TemplatePart::For(part) => {
                let key = part.key_var.as_ref().map(|k| format!("{}, ", k.name));
                write!(
                    text,
                    " (for {}{} in {}:{})",
                    key.unwrap_or_default(),
                    part.value_var.name,
                    dump(&part.collection),
                    self::parts(&part.body)
                )
            }
        };
    }
    text
}

#[track_caller]
fn check(input: &str, expect: &str) {
    match parse_expr(input, SourceId(0)) {
        Ok(expr) => {
            assert_eq!(dump(&expr), expect, "{input}");
            check_spans(input, &expr);
        }
        Err(d) => panic!("{input}: {}", d.0[0].message),
    }
}

#[track_caller]
fn check_error(input: &str, code: &str) {
    match parse_expr(input, SourceId(0)) {
        Ok(expr) => panic!("{input}: parsed as {}", dump(&expr)),
        Err(d) => assert_eq!(d.0[0].code, format!("infra::syntax::{code}"), "{input}"),
    }
}

/// The text at the place of an expression must be that expression.
#[track_caller]
fn check_spans(input: &str, expr: &Expr) {
    let text = &input[expr.span.start as usize..expr.span.end as usize];
    let again = parse_expr(&format!("(\n{text}\n)"), SourceId(0));
    match again {
        Ok(again) => assert!(same_expr(&again, expr), "{text}"),
        Err(d) => panic!("{text}: {}", d.0[0].message),
    }
    for inner in children(expr) {
        check_spans(input, inner);
    }
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Tuple(items) => items.iter().collect(),
        ExprKind::Object(items) => items.iter().map(|i| &i.value).collect(),
        ExprKind::GetAttr(get) => vec![&get.source],
        ExprKind::Unary(_, e) | ExprKind::Paren(e) => vec![e],
        ExprKind::Index(index) => vec![&index.source, &index.key],
        ExprKind::Binary(_, sides) => vec![&sides.left, &sides.right],
        ExprKind::Conditional(c) => vec![&c.condition, &c.then, &c.otherwise],
        ExprKind::Splat(s) => vec![&s.source],
        ExprKind::Call(call) => call.args.iter().collect(),
        ExprKind::For(f) if &*f.value_var.name != crate::ast::SPLAT_ITEM => {
            let mut all = vec![&f.collection, &f.value];
            all.extend(&f.key);
            all.extend(&f.condition);
            all
        }
        ExprKind::Template(t) => t
            .parts
            .iter()
            .filter_map(|p| match p {
                TemplatePart::Interpolation(e) => Some(e),
                TemplatePart::If(part) => Some(&part.condition),
                TemplatePart::For(part) => Some(&part.collection),
                TemplatePart::Literal(..) => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn literals() {
    check("null", "null");
    check("true", "true");
    check("1", "1");
    check("1.50", "1.50");
    check("1e-3", "1e-3");
    check("1.e5", "1.e5");
    check("\"a\"", "\"a\"");
    check("\"\"", "\"\"");
    check("  1  # c", "1");
    check("1 /* c */", "1");
    check("/* c */ 1\n\n# d\n", "1");
    check_error("", "missing_expression");
    check_error("1.2.3", "invalid_number");
    check_error("1_000", "invalid_number");
    check_error("0x10", "invalid_number");
    check_error(".5", "missing_expression");
    check_error("1 2", "missing_newline");
    check_error("'a'", "single_quotes");
    check_error("\u{201c}a\u{201d}", "single_quotes");
    check_error("1\n2", "unexpected_token");
}

#[test]
fn names() {
    check("foo-bar", "foo-bar");
    check("a -b", "(- a b)");
    check("été", "été");
    check("e\u{301}", "é");
    check("for", "for");
    check("in", "in");
    check("type", "type");
    check("function", "function");
    check("where", "where");
    check("formula", "formula");
}

#[test]
fn operators() {
    check("1 + 2 * 3", "(+ 1 (* 2 3))");
    check("1 * 2 + 3", "(+ (* 1 2) 3)");
    check("1 - 2 - 3", "(- (- 1 2) 3)");
    check("1 / 2 % 3 * 4", "(* (% (/ 1 2) 3) 4)");
    check("a || b && c == d", "(|| a (&& b (== c d)))");
    check("a == b != c", "(!= (== a b) c)");
    check("a < b == c >= d", "(== (< a b) (>= c d))");
    check("a + b < c - d", "(< (+ a b) (- c d))");
    check("a || b || c && d && e", "(|| (|| a b) (&& (&& c d) e))");
    check("(1 + 2) * 3", "(* <(+ 1 2)> 3)");
    check("-1 + 2", "(+ (- 1) 2)");
    check("!a == b", "(== (! a) b)");
    check("-a.b[0]", "(- a.b[0])");
    check("!!--a", "(! (! (- (- a))))");
    check("1 - -1", "(- 1 (- 1))");
    check("(\n  1\n  + 2\n)", "<(+ 1 2)>");
    check_error("1 +", "missing_expression");
    check_error("1 === 1", "missing_expression");
    check_error("a & b", "invalid_operator");
    check_error("a ^ b", "invalid_operator");
    check_error("a and b", "unexpected_token");
    check_error("1\n+ 2", "unexpected_token");
}

#[test]
fn conditionals() {
    check("a ? b : c", "(? a b c)");
    check("a ? b : c ? d : e", "(? a b (? c d e))");
    check("a ? b ? c : d : e", "(? a (? b c d) e)");
    check("a || b ? c + 1 : d + 1", "(? (|| a b) (+ c 1) (+ d 1))");
    check("(a\n ? b\n : c)", "<(? a b c)>");
    check_error("a ? b", "unexpected_token");
    check_error("a ? b :", "missing_expression");
    check_error("? b : c", "missing_expression");
}

#[test]
fn traversals() {
    check("a.b.c", "a.b.c");
    check("a . b [ 0 ]", "a.b[0]");
    check("a[\"b\"].c", "a[\"b\"].c");
    check("a[b.c][0]", "a[b.c][0]");
    check("a.0", "a[0]");
    check("a.0.b", "a[0].b");
    check("a[\n0\n]", "a[0]");
    check("5.a", "5.a");
    check("f(1).a", "f(1).a");
    check("{ a = 1 }.a", "{a=1}.a");
    check("[1][0]", "[1][0]");
    check("\"a\"[0]", "\"a\"[0]");
    check_error("a.0.1", "legacy_index");
    check_error("a.", "unexpected_token");
    check_error("a.\"b\"", "unexpected_token");
    check_error("a[]", "missing_expression");
    check_error("a[0:1]", "missing_separator");
    check_error("a[0", "unclosed_bracket");
}

#[test]
fn splats() {
    check("a[*]", "(a [*])");
    check("a.*", "(a .*)");
    check("a[*].b.c[0].d", "(a [*] .b .c [0] .d)");
    check("a.*.b.c", "(a .* .b .c)");
    check("a.*.b.0", "(a .* .b [0])");
    // An index after `.*` applies to the whole result.
    check("a.*.b[0]", "(a .* .b)[0]");
    check("a.*.b[0].c", "(a .* .b)[0].c");
    check("a.*.b[*].c", "((a .* .b) [*] .c)");
    check("a[ * ].b", "(a [*] .b)");
    // A splat in a splat applies to each element.
    check("a[*].b[*].c", "(for * in (a [*]) : (*.b [*] .c))");
    check("a[*][*][0]", "(for * in (a [*]) : (* [*] [0]))");
    check("a[*].b.*.c[0]", "(for * in (a [*]) : (*.b .* .c)[0])");
    check_error("a.*.b.*.c", "nested_splat");
    check_error("a.**.b", "missing_expression");
}

#[test]
fn calls() {
    check("f()", "f()");
    check("f(1, 2)", "f(1 2)");
    check("f(1, 2,)", "f(1 2)");
    check("f(a...)", "f(a...)");
    check("f(\n  1,\n  2\n)", "f(1 2)");
    check("f (1)", "f(1)");
    check("provider::x::f(1)", "provider::x::f(1)");
    check("f(g(h(1)))", "f(g(h(1)))");
    check_error("f(,)", "missing_expression");
    check_error("f(1 2)", "missing_separator");
    check_error("f(a..., b)", "missing_separator");
    check_error("f(1", "unclosed_bracket");
    check_error("f(1]", "unclosed_bracket");
    check_error("f()()", "missing_newline");
}

#[test]
fn tuples_and_objects() {
    check("[]", "[]");
    check("[1, 2,]", "[1 2]");
    check("[\n  1, # one\n  2,\n]", "[1 2]");
    check("{}", "{}");
    check("{\n}", "{}");
    check("{ a = 1, b : 2 }", "{a=1 b=2}");
    check("{\n  a = 1\n  b = 2,\n  c = 3 # c\n\n}", "{a=1 b=2 c=3}");
    check("{ \"a\" = 1, (b) = 2, 3 = 4 }", "{<\"a\">=1 <<b>>=2 <3>=4}");
    check("{ \"a${b}\" = 1 }", "{<(template \"a\" ${b})>=1}");
    check("{ (a.b) = 1, a[b] = 2 }", "{<<a.b>>=1 <a[b]>=2}");
    check("{ a == b ? \"x\" : \"y\" = 1 }", "{<(? (== a b) \"x\" \"y\")>=1}");
    check("{ null = 1, true = 2, in = 3 }", "{null=1 true=2 in=3}");
    check("{ a = (\n1\n+ 2\n) }", "{a=<(+ 1 2)>}");
    check_error("{ a.b = 1 }", "ambiguous_key");
    check_error("{ a[0] = 1 }", "ambiguous_key");
    check_error("{ a = 1 b = 2 }", "missing_separator");
    check_error("{ a = 1,, }", "missing_expression");
    check_error("{\n a = 1\n, b = 2\n}", "missing_expression");
    check_error("{ a\n = 1 }", "missing_value");
    check_error("{ a => 1 }", "missing_value");
    check_error("{ a =\n1 }", "missing_expression");
    check_error("[1,,2]", "missing_expression");
    check_error("[1 2]", "missing_separator");
    check_error("[1}", "unclosed_bracket");
    check_error("]", "unmatched_bracket");
}

#[test]
fn loops() {
    check("[for x in y : x]", "(for x in y : x)");
    check("[for k, v in y : v if k != 1]", "(for k, v in y : v if (!= k 1))");
    check("{for k, v in y : k => v...}", "(for k, v in y : k => v...)");
    check("{ for x in y : x => 1 if x }", "(for x in y : x => 1 if x)");
    check("{\n  for x in y :\n  x => 1\n}", "(for x in y : x => 1)");
    check("{ # c\n  for x in y :\n  x => 1\n}", "(for x in y : x => 1)");
    check("[for in in y : in]", "(for in in y : in)");
    check("{ forx = 1 }", "{forx=1}");
    check(
        "[[for a in b : [for c in a : c]], 1]",
        "[(for a in b : (for c in a : c)) 1]",
    );
    for input in [
        "[for]",
        "{ for = 1 }",
        "[for x y : x]",
        "[for x in y]",
        "[for x in y : x => 1]",
        "[for x in y : x...]",
        "{for x in y : x}",
        "[for x in y : x, 1]",
        "[for x.y in z : 1]",
    ] {
        check_error(input, "invalid_for");
    }
}

#[test]
fn strings() {
    check(r#""a\n\r\t\"\\b""#, r#""a\n\r\t\"\\b""#);
    check(r#""\u00e9\U0001F600""#, "\"é😀\"");
    check("\"e\u{301}\"", "\"é\"");
    check(r#""$${a} %%{b}""#, "\"${a} %{b}\"");
    check(r#""$ % $a 100% $$ %%""#, "\"$ % $a 100% $$ %%\"");
    check(r#""$$$""#, "\"$$$\"");
    check("\"# // /* 'x'\"", "\"# // /* 'x'\"");
    check_error(r#""\q""#, "invalid_escape");
    check_error(r#""\u12""#, "invalid_escape");
    check_error(r#""\ud800""#, "invalid_escape");
    check_error("\"a", "unclosed_quote");
    check_error("\"a\nb\"", "unclosed_quote");
    check_error("\"${\"", "unclosed_quote");
}

#[test]
fn templates() {
    check(r#""a${b}c""#, r#"(template "a" ${b} "c")"#);
    check(r#""${b}""#, "(template ${b})");
    check(r#""${a}${b}""#, "(template ${a} ${b})");
    check(r#""${"${a}"}""#, "(template ${(template ${a})})");
    check("\"${\n a\n}\"", "(template ${a})");
    check(r#""${ {a = 1}.a }""#, "(template ${{a=1}.a})");
    check(r#""$$${a}""#, r#""$${a}""#);
    // A text that strip markers have emptied still makes the result a string.
    check(r#"" ${~ a ~} ""#, r#"(template "" ${a} "")"#);
    check(r#""a ${~ b ~} c""#, r#"(template "a" ${b} "c")"#);
    check(
        r#""%{ if a }x%{ else }y%{ endif }""#,
        r#"(template (if a "x" else "y"))"#,
    );
    check(
        r#""%{ for k, v in a ~} ${k} %{~ endfor }""#,
        r#"(template (for k, v in a: "" ${k} ""))"#,
    );
    check(
        r#""%{if a}%{for b in c}%{endfor}%{endif}""#,
        "(template (if a (for b in c:) else))",
    );
    check_error(r#""${}""#, "missing_expression");
    check_error(r#""${a b}""#, "missing_separator");
    check_error(r#""${a""#, "unclosed_quote");
    check_error(r#""%{ if a }""#, "unbalanced_directive");
    check_error(r#""%{ else }""#, "unbalanced_directive");
    check_error(r#""%{ if a }%{ endfor }""#, "unbalanced_directive");
    check_error(r#""%{ elseif a }""#, "invalid_directive");
    check_error(r#""%{ for x }%{ endfor }""#, "invalid_for");
}

#[test]
fn heredocs() {
    check("<<EOT\na\n  b\nEOT\n", r#""a\n  b\n""#);
    check("<<EOT\nEOT", r#""""#);
    check("<<EOT\n\\n \"q\"\nEOT", r#""\\n \"q\"\n""#);
    check("<<EOT\na ${b}\nEOT", r#"(heredoc "a " ${b} "\n")"#);
    check("<<EOT\n$${a}\n  EOT  \n", r#""${a}\n""#);
    check("<<EOT\nEOTX\n EOT x\nEOT", r#""EOTX\n EOT x\n""#);
    check("<<EOT\r\na\r\nEOT\r\n", r#""a\r\n""#);
    check("[<<A\nx\nA\n, 1]", r#"["x\n" 1]"#);
    check("{\n  a = <<A\nx\nA\n  b = 1\n}", r#"{a="x\n" b=1}"#);
    check("f(<<A\nx\nA\n)", r#"f("x\n")"#);
    check("<<A\n${<<B\nx\nB\n}\nA\n", r#"(heredoc ${"x\n"} "\n")"#);
    check_error("<<EOT\na", "unclosed_heredoc");
    check_error("<<\"EOT\"\na\nEOT", "invalid_heredoc");
    check_error("<<~EOT\na\nEOT", "invalid_heredoc");
}

#[test]
fn heredocs_without_indentation() {
    check("<<-EOT\n    a\n      b\n    EOT", r#""a\n  b\n""#);
    check("<<-EOT\n    a\n  b\n\n   \n  EOT", "\"  a\\nb\\n\\n   \\n\"");
    check("<<-EOT\n  ${a}\n    b\n  EOT", r#"(heredoc "" ${a} "\n  b\n")"#);
    check("<<-EOT\n${a}\n    b\n  EOT", r#"(heredoc ${a} "\n    b\n")"#);
    check("<<-EOT\n\ta\n\t\tb\nEOT", r#""a\n\tb\n""#);
    check(
        "<<-EOT\n  %{ if a ~}\n  x\n  %{ endif ~}\n  EOT",
        // `~}` takes the line end, so the next line is not seen as one.
        r#"(heredoc "" (if a "  x\n" else) "")"#,
    );
}

#[test]
fn template_files() {
    let template = |text: &str| match parse_template(text, SourceId(0)) {
        Ok(t) => parts(&t.parts),
        Err(d) => d.0[0].code.to_owned(),
    };
    assert_eq!(template(""), "");
    assert_eq!(template("a\n\"b\"\\n"), r#" "a\n\"b\"\\n""#);
    assert_eq!(template("${a}"), " ${a}");
    assert_eq!(template("a ${ b } $${c} $"), r#" "a " ${b} " ${c} $""#);
    assert_eq!(
        template("%{ for a in b ~}\n  ${a}\n%{ endfor ~}\n"),
        r#" (for a in b: "  " ${a} "\n") """#
    );
    assert_eq!(template("${\n  a # c\n}"), " ${a}");
    assert_eq!(template("${"), "infra::syntax::unclosed_bracket");
    assert_eq!(template("%{ if a }"), "infra::syntax::unbalanced_directive");
    assert_eq!(template("\u{1b}[0m\r${a}"), " \"\\u{1b}[0m\\r\" ${a}");
}

fn dump_body(body: &Body) -> String {
    join(body_items(body))
}

fn join(mut items: Vec<(u32, String)>) -> String {
    items.sort();
    let items: Vec<String> = items.into_iter().map(|(_, text)| text).collect();
    items.join("; ")
}

fn body_items(body: &Body) -> Vec<(u32, String)> {
    let mut items: Vec<(u32, String)> = Vec::new();
    for a in &body.attributes {
        items.push((a.span().start, format!("{} = {}", a.name.name, dump(&a.expr))));
    }
    for b in &body.blocks {
        let labels: String = b.labels.iter().map(|l| format!(" {:?}", l.name)).collect();
        let inner = dump_body(&b.body);
        items.push((b.span.start, format!("{}{labels} {{ {inner} }}", b.kind.name)));
    }
    items
}

fn dump_file(file: &File) -> String {
    let mut items = body_items(&file.body);
    for t in &file.types {
        let condition = t.condition.as_ref().map(|c| format!(" where {}", dump(c)));
        items.push((
            t.span.start,
            format!(
                "type {} = {}{}",
                t.name.name,
                dump(&t.ty),
                condition.unwrap_or_default()
            ),
        ));
    }
    for f in &file.functions {
        let params: Vec<String> = f
            .params
            .iter()
            .map(|p| format!("{}: {}", p.name.name, dump(&p.ty)))
            .collect();
        items.push((
            f.span.start,
            format!(
                "function {}({}): {} = {}",
                f.name.name,
                params.join(", "),
                dump(&f.result),
                dump(&f.body)
            ),
        ));
    }
    join(items)
}

/// Checks the tree, and the codes of the errors.
#[track_caller]
fn check_file(input: &str, expect: &str, codes: &[&str]) {
    let (file, diagnostics) = parse_file(input, SourceId(0));
    assert_eq!(dump_file(&file), expect, "{input}");
    let found: Vec<&str> = diagnostics
        .iter()
        .map(|d| d.code.trim_start_matches("infra::syntax::"))
        .collect();
    assert_eq!(found, codes, "{input}: {:?}", diagnostics.iter().next());
}

#[test]
fn files() {
    check_file("", "", &[]);
    check_file("\n\n# c\n", "", &[]);
    check_file("\u{feff}a = 1", "a = 1", &[]);
    check_file("a = 1\r\nb = 2\r\n", "a = 1; b = 2", &[]);
    check_file("a {}\nb { }\nc {\n}\n", "a {  }; b {  }; c {  }", &[]);
    check_file("a { b = 1 }", "a { b = 1 }", &[]);
    check_file(
        "a \"b\" c {\n  d = 1\n  e f {\n    g = {\n      h = 1\n    }\n  }\n\n}\n",
        r#"a "b" "c" { d = 1; e "f" { g = {h=1} } }"#,
        &[],
    );
    check_file("a { # c\n  b = 1 # d\n  /* x\n  y */\n}", "a { b = 1 }", &[]);
    check_file("a = [\n  1\n]\nb = 2", "a = [1]; b = 2", &[]);
    check_file(
        "a { for = 1 }\nfor {\n  for = 2\n}",
        "a { for = 1 }; for { for = 2 }",
        &[],
    );
    check_file("a \"x\\ty\" {}", r#"a "x\ty" {  }"#, &[]);
}

#[test]
fn types_and_functions() {
    check_file(
        "type port = number where self >= 1 && self <= 65535\ntype tier = enum(\"public\", \"private\")\n",
        "type port = number where (&& (>= self 1) (<= self 65535)); type tier = enum(\"public\" \"private\")",
        &[],
    );
    check_file(
        "function short_name(env: string, name: string): string = substr(\"${env}-${name}\", 0, 32)",
        "function short_name(env: string, name: string): string = substr((template ${env} \"-\" ${name}) 0 32)",
        &[],
    );
    check_file(
        "function f(): list(string) = []",
        "function f(): list(string) = []",
        &[],
    );
    check_file(
        "function f(\n  a: object({ b = string }),\n): number = (\n  1\n)",
        "function f(a: object({b=string})): number = <1>",
        &[],
    );
    // The words stay free.
    check_file(
        "type = 1\nfunction = 2\ntype {\n}\ntype x {\n}\nfunction \"f\" {\n}\nvariable \"x\" {\n  type = string\n  where = 1\n}\n",
        "type = 1; function = 2; type {  }; type \"x\" {  }; function \"f\" {  }; variable \"x\" { type = string; where = 1 }",
        &[],
    );
    check_file("type x number\n", "", &["unexpected_token"]);
    check_file("function f(a) : number = 1\n", "", &["unexpected_token"]);
    check_file("function f(a: number) = 1\n", "", &["unexpected_token"]);
    check_file(
        "function f(a: number, a: number): number = 1\n",
        "function f(a: number, a: number): number = 1",
        &["duplicate_parameter"],
    );
    check_file("a {\n  type x = number\n}\n", "a {  }", &["misplaced_statement"]);
}

#[test]
fn every_mistake_is_found() {
    check_file(
        "a {\n  b = 1 +\n  c = 2\n  d {\n    e = ]\n    f = 3\n  }\n}\ng = 4 5\nh = 6\n",
        "a { c = 2; d { f = 3 } }; h = 6",
        &["missing_expression", "unmatched_bracket", "missing_newline"],
    );
    check_file(
        "a = 1\na = 2\nb {\n  c = 1\n  c = 2\n}",
        "a = 1; a = 2; b { c = 1; c = 2 }",
        &["duplicate_argument", "duplicate_argument"],
    );
    check_file("a 1\nb = 2", "b = 2", &["unexpected_token"]);
    check_file("a \"b\" = {\n}\nb = 2", "b = 2", &["invalid_block"]);
    check_file("a\n{\n}\nb = 2", "b = 2", &["unexpected_token"]);
    check_file("a { b = 1, c = 2 }\nd = 3", "a {  }; d = 3", &["missing_newline"]);
    check_file("a { b {} }\nd = 3", "a { b {  } }; d = 3", &["invalid_block"]);
    check_file("a { b = 1\n}\nd = 3", "a { b = 1 }; d = 3", &["missing_newline"]);
    check_file("a {\n  b = 1 }\nd = 3", "a { b = 1 }; d = 3", &["missing_newline"]);
    check_file("a {} b {}\nc = 1", "a {  }; c = 1", &["missing_newline"]);
    check_file(
        "a \"${b}\" {\n  c = 1\n  d = +\n}",
        "",
        &["template_in_label", "missing_expression"],
    );
    check_file("\"a\" = 1\nb = 2", "b = 2", &["unexpected_token"]);
    check_file("a: 1\nb = 2", "b = 2", &["unexpected_token"]);
    check_file("a.b = 1\nb = 2", "b = 2", &["unexpected_token"]);
}

#[test]
fn unclosed_things_cost_one_statement() {
    check_file(
        "a \"x\" {\n  b = 1\n\nc \"y\" {\n  d = 2\n}\n",
        r#"a "x" { b = 1 }; c "y" { d = 2 }"#,
        &["unclosed_bracket"],
    );
    check_file(
        "a {\n  b = [1, 2\n  c = 3\n}\nd = 4\n",
        "a {  }; d = 4",
        &["unclosed_bracket"],
    );
    check_file(
        "a {\n  b = \"x\n  c = 3\n}\nd = 4\n",
        "a { c = 3 }; d = 4",
        &["unclosed_quote"],
    );
    check_file("a = f(1\nb {\n  c = 1\n}\n", "b { c = 1 }", &["unclosed_bracket"]);
    check_file("a = 1\n}\nb = 2\n", "a = 1; b = 2", &["unmatched_bracket"]);
    check_file("a = <<E\nx\n", "", &["unclosed_heredoc"]);
    check_file("a = 1\n/* x\nb = 2\n", "a = 1", &["unclosed_comment"]);
}

#[test]
fn spans() {
    let text = "\u{feff}a \"b\" {\n  # é\n  c = 1 + é # x\n  d {\n  }\n}\n";
    let (file, diagnostics) = parse_file(text, SourceId(7));
    assert!(diagnostics.is_empty());
    let at = |span: Span| {
        assert_eq!(span.source, SourceId(7));
        &text[span.start as usize..span.end as usize]
    };
    let block = &file.body.blocks[0];
    assert_eq!(at(block.header), "a \"b\"");
    assert_eq!(at(block.kind.span), "a");
    assert_eq!(at(block.labels[0].span), "\"b\"");
    assert!(at(block.span).starts_with("a \"b\" {") && at(block.span).ends_with("  }\n}"));
    assert!(at(block.body.span).starts_with("\n  # é") && at(block.body.span).ends_with("  }\n"));
    let c = &block.body.attributes[0];
    assert_eq!(at(c.span()), "c = 1 + é");
    assert_eq!(at(c.name.span), "c");
    assert_eq!(at(c.expr.span), "1 + é");
    assert_eq!(at(block.body.blocks[0].span), "d {\n  }");
    assert_eq!(at(file.body.span), text);
}

#[test]
fn bytes_that_are_not_text() {
    assert_eq!(decode(b"a = 1".to_vec(), "x"), Ok("a = 1".to_owned()));
    let d = decode(b"a = 1\nb = \"\xff\"".to_vec(), "main.infra").expect_err("not UTF-8");
    assert_eq!(d.code, "infra::syntax::invalid_utf8");
    assert!(d.notes[0].contains("offset 11 (line 2)"), "{d:?}");
}

#[test]
fn large_files_are_read_in_order() {
    let text: String = (0..100_000)
        .map(|i| format!("a \"{i}\" {{\n  b = [{i},\n  2]\n}}\n\n"))
        .collect();
    let (file, diagnostics) = parse_file(&text, SourceId(0));
    assert!(diagnostics.is_empty());
    assert_eq!(file.body.blocks.len(), 100_000);
    for (i, block) in file.body.blocks.iter().enumerate() {
        assert_eq!(*block.labels[0].name, *i.to_string());
    }
}

//! Errors of one file do not hide those of another, and one cause gives one error.

use infra_testutils::MemoryLoader;

use crate::findings;

/// Files with one mistake each, by the code of the error.
const MISTAKES: &[(&str, &str)] = &[
    ("infra::syntax::unclosed_bracket", "locals {\n  a = [1, 2\n}\n"),
    ("infra::syntax::missing_newline", "locals {\n  b = 1 2\n}\n"),
    (
        "infra::config::unknown_block",
        "resorce aws_vpc c {\n  cidr_block = \"10.0.0.0/16\"\n}\n",
    ),
    (
        "infra::config::unknown_argument",
        "resource aws_vpc d {\n  cidr = \"10.0.0.0/16\"\n}\n",
    ),
    ("infra::config::unknown_type", "resource aws_vcp e {}\n"),
    ("infra::config::undeclared", "output f { value = var.nothing }\n"),
    ("infra::config::unknown_function", "output g { value = uppr(\"x\") }\n"),
    (
        "infra::config::wrong_type",
        "resource aws_vpc h {\n  cidr_block = [1]\n}\n",
    ),
    ("infra::config::missing_argument", "output i {}\n"),
    ("infra::config::duplicate", "variable j {}\nvariable j {}\n"),
    (
        "infra::config::invalid_default",
        "variable k {\n  type    = number\n  default = \"x\"\n}\n",
    ),
    (
        "infra::config::unknown_output",
        "module l { source = \"./child\" }\noutput l2 { value = module.l.nothing }\n",
    ),
    (
        "infra::config::no_configuration",
        "module m { source = \"./missing\" }\n",
    ),
    ("infra::eval::invalid_operand", "output n { value = 1 + \"x\" }\n"),
    (
        "infra::eval::function_failed",
        "output o { value = jsondecode(\"{\") }\n",
    ),
    (
        "infra::eval::unknown_attribute",
        "locals {\n  p = { a = 1 }\n}\noutput p2 { value = local.p.b }\n",
    ),
    (
        "infra::eval::invalid_count",
        "resource aws_vpc q {\n  count      = \"many\"\n  cidr_block = \"10.0.0.0/16\"\n}\n",
    ),
    ("infra::eval::invalid_type", "variable r { type = strng }\n"),
];

/// Returns the codes of what is found in files.
fn codes(files: &[(&str, &str)]) -> Vec<&'static str> {
    let mut loader = MemoryLoader::new().with("child/main.infra", "output here { value = 1 }\n");
    for (name, text) in files {
        loader.add(name, *text);
    }
    findings(&loader, ".", None).0.iter().map(|d| d.code).collect()
}

#[test]
fn each_mistake_alone_is_one_error() {
    for (code, text) in MISTAKES {
        assert_eq!(codes(&[("main.infra", text)]), [*code], "{text}");
    }
}

#[test]
fn no_file_hides_the_error_of_another() {
    for (i, (first, a)) in MISTAKES.iter().enumerate() {
        for (second, b) in &MISTAKES[i + 1..] {
            let mut found = codes(&[("a.infra", a), ("b.infra", b)]);
            found.sort_unstable();
            let mut expected = vec![*first, *second];
            expected.sort_unstable();
            assert_eq!(found, expected, "{a}\n{b}");
        }
    }
}

#[test]
fn all_mistakes_at_once() {
    let files: Vec<(String, &str)> = MISTAKES
        .iter()
        .map(|(code, text)| (format!("{}.infra", &code[7..]), *text))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let mut found = codes(&files);
    found.sort_unstable();
    let mut expected: Vec<&str> = MISTAKES.iter().map(|(code, _)| *code).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Declarations with a mistake, and expressions that need them.
const CAUSES: &[(&str, &str, &str)] = &[
    (
        "locals {\n  a = var.nothing\n}\n",
        "local.a",
        "infra::config::undeclared",
    ),
    (
        "locals {\n  a = 1 + \"x\"\n}\n",
        "local.a",
        "infra::eval::invalid_operand",
    ),
    ("locals {\n  a = [1\n}\n", "local.a", "infra::syntax::unclosed_bracket"),
    ("resource aws_vcp a {}\n", "aws_vcp.a.id", "infra::config::unknown_type"),
    (
        "resource aws_vpc a {\n  cidr = \"x\"\n}\n",
        "aws_vpc.a.id",
        "infra::config::unknown_argument",
    ),
    (
        "resource aws_vpc a {\n  cidr_block = \"x\"\n  count = [1\n}\n",
        "aws_vpc.a[0].tags.x",
        "infra::syntax::unclosed_bracket",
    ),
    (
        "resource aws_vpc a {\n  cidr_block = \"x\"\n  tags = [1\n}\n",
        "aws_vpc.a.tags.x",
        "infra::syntax::unclosed_bracket",
    ),
    (
        "resource aws_vpc a {\n  cidr_block = \"x\"\n  count = \"many\"\n}\n",
        "aws_vpc.a[0].id",
        "infra::eval::invalid_count",
    ),
    (
        "variable a {\n  type = strng\n}\n",
        "var.a",
        "infra::eval::invalid_type",
    ),
    (
        "variable a {\n  type = number\n  default = \"x\"\n}\n",
        "var.a",
        "infra::config::invalid_default",
    ),
    (
        "module a {\n  source = \"./missing\"\n}\n",
        "module.a.id",
        "infra::config::no_configuration",
    ),
    (
        "module a {\n  source = \"./wrong\"\n}\n",
        "module.a.id",
        "infra::config::missing_argument",
    ),
    (
        "module a {\n  source = \"./unread\"\n}\n",
        "module.a.lost",
        "infra::syntax::unclosed_bracket",
    ),
    (
        "module a {\n  source = \"./child\"\n  x = 1\n}\n",
        "module.a.here",
        "infra::config::unknown_argument",
    ),
    (
        "function a(x: strng): string = x\n",
        "a(1)",
        "infra::eval::invalid_type",
    ),
    (
        "function a(x: string): string = var.x\n",
        "a(1)",
        "infra::config::impure_function",
    ),
    (
        "function a(x: string): string = a(x)\n",
        "a(1)",
        "infra::config::recursive_function",
    ),
    (
        "data aws_regoin a {}\n",
        "data.aws_regoin.a.name",
        "infra::config::unknown_type",
    ),
];

#[test]
fn one_cause_gives_one_error() {
    for (cause, expression, code) in CAUSES {
        let users = format!(
            "output u {{ value = {expression} }}\n\
             output v {{ value = \"${{{expression}}}-x\" }}\n\
             locals {{\n  w = {expression}\n  x = [local.w, local.w]\n  y = {{ for k in local.x : \"${{k}}\" => k... }}\n}}\n\
             resource aws_vpc z {{\n  cidr_block = {expression}\n  tags = {{ Name = local.w }}\n}}\n\
             output t {{ value = aws_vpc.z.id }}\n"
        );
        let found = codes(&[
            ("main.infra", cause),
            ("users.infra", &users),
            ("wrong/main.infra", "output id {}\n"),
            ("unread/main.infra", "output lost {\n  value = [1\n}\n"),
        ]);
        assert_eq!(found, [*code], "{cause}\n{expression}");
    }
}

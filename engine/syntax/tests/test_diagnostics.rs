//! What users read: diagnostics as they are rendered.

use std::fmt::Write as _;
use std::sync::Arc;

use infra_syntax::{Report, Sources, parse_file};
use miette::{GraphicalReportHandler, GraphicalTheme};

fn render(text: &str) -> String {
    let mut sources = Sources::new();
    let id = sources.add("main.infra", text);
    let (_, diagnostics) = parse_file(text, id);
    let sources = Arc::new(sources);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(90);
    let mut output = String::new();
    for diagnostic in diagnostics {
        let report = Report::new(diagnostic, Arc::clone(&sources));
        handler
            .render_report(&mut output, &report)
            .expect("rendering into a string");
        let _ = writeln!(output);
    }
    // Blanks at line ends do not survive in editors.
    output.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

macro_rules! snapshots {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                    insta::assert_snapshot!(stringify!($name), render($text));
                });
            }
        )*
    };
}

snapshots! {
    unclosed_brace: "resource \"a\" \"b\" {\n  x = 1\n\nvariable \"c\" {\n  type = string\n}\n";
    unclosed_bracket: "a = [\n  1,\n  2\nb = 3\n";
    mismatched_bracket: "locals {\n  a = f([1, 2)\n  b = 3\n}\n";
    stray_bracket: "a = 1\n}\n";
    unclosed_quote: "a = \"text\nb = 1\n";
    unclosed_heredoc: "a = <<-EOT\n  text\n";
    unclosed_comment: "a = 1\n/* comment\n";
    single_quotes: "a = 'text'\n";
    missing_value: "a =\nb = 1\n";
    missing_equals: "locals {\n  a 1\n}\n";
    colon_for_equals: "locals {\n  a: 1\n}\n";
    missing_newline: "a = 1 b = 2\n";
    comma_between_arguments: "locals {\n  a = 1,\n  b = 2\n}\n";
    block_with_equals: "resource \"a\" \"b\" = {\n}\n";
    wrong_heredoc: "locals {\n  a = <<\"EOT\"\ntext\nEOT\n  b = <<EOT # text\ntext\nEOT\n  c = << EOT\nno end\n}\n";
    two_wrong_words: "locals {\n  a \"x\"\n  b c d\n  e [1]\n}\n";
    brace_on_next_line: "resource \"a\" \"b\"\n{\n}\n";
    two_arguments_on_one_line: "variable \"a\" { type = string, default = 1 }\n";
    block_in_a_line: "resource \"a\" \"b\" { lifecycle { protect = true } }\n";
    duplicate_argument: "locals {\n  a = 1\n  b = 2\n  a = 3\n}\n";
    template_in_label: "output \"a-${b}\" {\n}\n";
    quoted_name: "locals {\n  \"a\" = 1\n}\n";
    missing_separator: "a = [1 2]\nb = f(1 2)\nc = {\n  d = 1 e = 2\n}\n";
    missing_conditional_branch: "a = b ? c\n";
    continued_line: "a = b\n  + c\n";
    bad_escape: "a = \"C:\\path\\x\"\n";
    bad_number: "a = 1.2.3\nb = 1_000\n";
    bad_operators: "a = b & c\nd = e ^ 2\nf = g and h\ni = j === k\n";
    bad_for: "a = [for x y : x]\nb = {for x in y : x}\nc = [for x in y]\n";
    bad_directive: "a = \"%{ if b }c%{ elseif d }e%{ endif }\"\nb = \"%{ if b }c\"\nc = \"%{ endfor }\"\n";
    bad_key: "a = {\n  b.c = 1\n}\n";
    object_without_value: "a = {\n  b\n  c = 1\n}\n";
    dollar_for_shell: "a = \"${HOME:-x}\"\n";
    legacy_index: "a = b.0.1\n";
    bad_type: "type port number\n";
    bad_function: "function f(a, b: number): number = 1\nfunction g(a: number) = 1\n";
    misplaced_type: "locals {\n  type a = number\n}\n";
    control_character: "a = \"\u{1b}[0m\"\n";
    too_deep: &format!("a = {}1{}\n", "(".repeat(5000), ")".repeat(5000));
    long_line: &format!("a = [{} 2 3]\n", "1, ".repeat(5000));
    too_long: &format!("a = 1{}\n", " + 1".repeat(2500));
    no_break_space: "a =\u{a0}1\n";
    semicolon: "a = 1; b = 2\n";
    windows_lines: "a = 1\r\nb = ]\r\nc = 'x'\r\n";
}

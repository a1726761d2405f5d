//! What was expected at a place, and what to do.

use crate::diagnostic::Diagnostic;
use crate::lex::{Kind, Lexer, Root};
use crate::parse::Rule;
use crate::source::Span;

use super::place::{Place, is_closer};

impl Place<'_> {
    pub(super) fn explain(&self, expected: &[Rule]) -> Diagnostic {
        if let Some(d) = self.character() {
            return d;
        }
        if self.prev_kind() == Some(Kind::OpenDirective) {
            return self.directive();
        }
        if self.prev_kind() == Some(Kind::Dot) {
            return self.attribute_name();
        }
        if let Some(d) = self.label() {
            return d;
        }
        if self.is_function_header() {
            return self.function();
        }
        let in_body = self
            .opener()
            .map_or(self.root == Root::Body, |t| t.kind == Kind::OpenBody);
        if in_body && !self.segment().iter().any(|t| t.kind == Kind::Assign) {
            return self.statement_start();
        }
        if let Some(d) = self.for_words(expected) {
            return d;
        }
        if self.expects_operand() {
            return self.operand();
        }
        self.after_operand(in_body)
    }

    /// Characters that are never right outside a string.
    fn character(&self) -> Option<Diagnostic> {
        let rest = &self.text[self.found.start..self.statement.end.max(self.found.start)];
        let before = self.text[self.statement.start..self.found.start].trim_end();
        let in_quotes = self.opener().is_some_and(|o| o.kind == Kind::OpenQuote);
        if !in_quotes && (before.ends_with("<<") || before.ends_with("<<-")) {
            return Some(
                self.error(
                    "infra::syntax::invalid_heredoc",
                    "this does not start a heredoc".to_owned(),
                    "expected `<<NAME` and a line end",
                )
                .help("write `<<EOT` or `<<-EOT`, with nothing after the name, which is not quoted"),
            );
        }
        if self.found.kind != Kind::Invalid {
            return None;
        }
        let c = rest.chars().next()?;
        let code = "infra::syntax::unexpected_character";

        Some(match c {
            '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => self
                .error(
                    "infra::syntax::single_quotes",
                    "strings are written in double quotes".to_owned(),
                    "does not start a string",
                )
                .help("use `\"` on both sides"),
            '&' | '|' => self
                .error(
                    "infra::syntax::invalid_operator",
                    format!("`{c}` is not an operator"),
                    "not an operator",
                )
                .help(format!("write `{c}{c}`")),
            '^' => self
                .error(
                    "infra::syntax::invalid_operator",
                    "`^` is not an operator".to_owned(),
                    "not an operator",
                )
                .help("use `pow(base, exponent)`"),
            ';' => self
                .error(code, "unexpected character `;`".to_owned(), "not needed")
                .help("statements end with the line; remove the `;`"),
            '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{202f}' | '\u{3000}' => self
                .error(
                    code,
                    format!("unexpected character U+{:04X}, which looks like a blank", u32::from(c)),
                    "not an ordinary blank",
                )
                .help("replace it by a space"),
            '$' => self
                .error(code, "unexpected character `$`".to_owned(), "has no meaning here")
                .help("values are named without `$`, such as `var.name`; in a string write `${var.name}`"),
            _ => self.error(code, format!("unexpected character `{c}`"), "has no meaning here"),
        })
    }

    fn directive(&self) -> Diagnostic {
        let name = self.str(self.found);
        let words = ["if", "else", "endif", "for", "endfor"];
        let d = self.error(
            "infra::syntax::invalid_directive",
            format!("expected a template directive, found {}", self.found()),
            "expected `if`, `else`, `endif`, `for` or `endfor`",
        );
        if matches!(name, "elseif" | "elsif" | "elif") {
            return d.help("put another `%{ if … }` into the `%{ else }`");
        }
        if words.contains(&name) {
            return d;
        }
        d.help("write `%%{` for a literal `%{`")
    }

    fn attribute_name(&self) -> Diagnostic {
        let d = self.unexpected("an attribute name after `.`");
        match self.found.kind {
            Kind::OpenQuote => d.help("write `[\"name\"]` for a name in quotes"),
            Kind::OpenParen => d.help("write `[expression]` for a computed name"),
            _ => d,
        }
    }

    /// A label with a template in it.
    fn label(&self) -> Option<Diagnostic> {
        let is_header = self.root == Root::Body
            && !self.tokens.is_empty()
            && !self
                .tokens
                .iter()
                .any(|t| matches!(t.kind, Kind::Assign | Kind::OpenBody | Kind::OpenParen));
        if !is_header {
            return None;
        }
        let start = match self.opener() {
            None if self.found.kind == Kind::OpenQuote => self.found.start,
            Some(open) if open.kind == Kind::OpenQuote => open.start,
            _ => return None,
        };
        let text = &self.text[..self.statement.end];
        let mut lexer = Lexer::new(text, Root::Expr, start);
        let sequence = loop {
            let token = lexer.next();
            match token.kind {
                Kind::OpenQuote | Kind::QuotedText => {}
                Kind::OpenInterpolation | Kind::OpenDirective => break token,
                _ => return None,
            }
        };
        let sign = &self.str(sequence)[..1];
        Some(
            Diagnostic::error("infra::syntax::template_in_label", "a label cannot contain a template")
                .at(self.span(sequence), "not allowed in a label")
                .help(format!(
                    "labels are fixed names; write `{sign}{sign}{{` for a literal `{sign}{{`"
                )),
        )
    }

    /// Before the `=` of an argument, or in the header of a block.
    fn statement_start(&self) -> Diagnostic {
        let segment = self.segment();
        let Some(first) = segment.first().copied() else {
            return self.no_statement();
        };
        let word = self.str(first);
        if segment.iter().any(|t| t.kind == Kind::CloseBrace) {
            return self
                .error(
                    "infra::syntax::missing_newline",
                    format!("expected a new line after the block, found {}", self.found()),
                    "expected a new line",
                )
                .help("put each statement on a line of its own");
        }
        let is_nested = self.nested || self.opener().is_some();
        if is_nested && matches!(word, "type" | "function") && segment.len() > 1 {
            return Diagnostic::error(
                "infra::syntax::misplaced_statement",
                format!("a `{word}` statement stands inside a block"),
            )
            .at(self.span(first), "not allowed here")
            .help("move it to the top level of a file");
        }
        if word == "type" && segment.len() > 1 && self.found.kind != Kind::OpenBody {
            return self
                .unexpected("`=`")
                .help("write `type name = type`, such as `type port = number where self > 0`");
        }
        let plain = segment.len() == 1;
        match self.found.kind {
            Kind::Assign if !plain => self
                .error(
                    "infra::syntax::invalid_block",
                    "a block is written without `=`".to_owned(),
                    "unexpected `=`",
                )
                .help(format!(
                    "write `{word} … {{` for a block; an argument is one name, `=` and a value"
                )),
            Kind::Colon if plain => self
                .unexpected("`=`")
                .help(format!("write `{word} = …` to set an argument")),
            Kind::Newline | Kind::End if plain => self.unexpected("`=` or `{`").help(format!(
                "write `{word} = …` to set an argument, or `{word} {{` on one line to start a block"
            )),
            Kind::Newline | Kind::End if is_nested && word != "dynamic" => {
                let value = self.text[segment[1].start..self.found.start].trim_end();
                let start = segment[1].start;
                Diagnostic::error(
                    "infra::syntax::unexpected_token",
                    format!("expected `=` after `{word}`"),
                )
                .at(
                    Span::new(self.source, start, start + value.len()),
                    "expected `=` before this",
                )
                .help(match segment.len() == 2 || value.starts_with('"') {
                    true => format!("write `{word} = {value}` to set an argument"),
                    false => format!("write `{word} = …` to set an argument"),
                })
            }
            Kind::Newline | Kind::End => self
                .unexpected("`{`")
                .help("a block's `{` stands on the line of its name"),
            Kind::Dot if plain => self
                .unexpected("`=` or `{`")
                .help("an argument's name has no dots; nested values are blocks or objects"),
            _ if plain => self
                .unexpected("`=` or `{`")
                .help(format!("write `{word} = …` to set an argument")),
            _ => self.unexpected("a label or `{`"),
        }
    }

    fn no_statement(&self) -> Diagnostic {
        if self.found.kind == Kind::Ident && self.prev_kind() == Some(Kind::OpenBody) {
            return self
                .error(
                    "infra::syntax::invalid_block",
                    format!("expected one argument in a block on one line, found {}", self.found()),
                    "not an argument",
                )
                .help("put the contents of the block on lines of their own");
        }
        let d = self.unexpected("an argument or a block");
        match self.found.kind {
            Kind::OpenQuote => d.help("the names of arguments and blocks are written without quotes"),
            Kind::OpenBody => d.help("a block starts with its kind, such as `resource`"),
            _ => d,
        }
    }

    fn is_function(&self) -> bool {
        self.root == Root::Body
            && !self.nested
            && self.tokens.len() > 1
            && self.str(self.tokens[0]) == "function"
            && self.tokens[1].kind == Kind::Ident
            && !self.tokens.iter().any(|t| t.kind == Kind::Assign)
    }

    /// Says whether this is in the parentheses of a `function` statement.
    pub(super) fn in_parameters(&self) -> bool {
        self.is_function() && self.open == [2]
    }

    /// Says whether this is in the header of a `function`, outside of types.
    fn is_function_header(&self) -> bool {
        self.is_function()
            && match self.open.as_slice() {
                [] => self.prev_kind() != Some(Kind::Colon),
                [2] => !self.segment().iter().any(|t| t.kind == Kind::Colon),
                _ => false,
            }
    }

    fn function(&self) -> Diagnostic {
        let expected = match (self.prev_kind(), self.found.kind) {
            _ if !self.open.is_empty() => "a parameter, `name: type`",
            (_, Kind::Assign) => "`:` and the type of the result",
            (Some(Kind::CloseParen), _) => "`:`",
            _ if self.tokens.len() == 2 => "`(`",
            _ => "`=`",
        };
        self.unexpected(expected)
            .help("write `function name(parameter: type): type = expression`")
    }

    /// `for`, `in`, `:` and names of a loop.
    fn for_words(&self, expected: &[Rule]) -> Option<Diagnostic> {
        let opener = self.open.last().copied()?;
        let first = self.tokens.get(opener + 1).copied()?;
        let is_directive = self.tokens[opener].kind == Kind::OpenDirective;
        if self.str(first) != "for" || first.kind != Kind::Ident {
            return None;
        }
        let after = &self.tokens[opener + 2..];
        let code = "infra::syntax::invalid_for";
        let form = match self.tokens[opener].kind {
            Kind::OpenBracket => "write `[for item in list : value]`",
            Kind::OpenDirective => "write `%{ for item in list }`",
            _ => "write `{for key, value in map : key => value}`",
        };
        let what = if expected.contains(&Rule::kw_in) {
            "`in`"
        } else if after.is_empty() || expected.contains(&Rule::ident) && after.len() == 2 {
            "a name"
        } else if !is_directive && !after.iter().any(|t| t.kind == Kind::Colon) && !self.expects_operand() {
            "`:`"
        } else if self.expects_operand() {
            return None;
        } else if is_directive {
            "`}`"
        } else {
            "the end of the `for` expression"
        };
        Some(
            self.error(
                code,
                format!("expected {what}, found {}", self.found()),
                &format!("expected {what}"),
            )
            .help(form),
        )
    }

    /// Says whether what stands before asks for a value.
    fn expects_operand(&self) -> bool {
        let Some(prev) = self.prev() else {
            return true;
        };
        match prev.kind {
            Kind::Assign
            | Kind::Comma
            | Kind::Colon
            | Kind::Question
            | Kind::FatArrow
            | Kind::Not
            | Kind::Minus
            | Kind::Operator
            | Kind::OpenParen
            | Kind::OpenBracket
            | Kind::OpenBrace
            | Kind::OpenInterpolation
            | Kind::Newline => true,
            Kind::Ident => {
                matches!(self.str(prev), "in" | "if")
                    && self
                        .open
                        .last()
                        .and_then(|i| self.tokens.get(i + 1))
                        .is_some_and(|t| matches!(self.str(*t), "for" | "if"))
            }
            _ => false,
        }
    }

    fn operand(&self) -> Diagnostic {
        let d = self.error(
            "infra::syntax::missing_expression",
            format!("expected an expression, found {}", self.found()),
            "expected an expression",
        );
        let prev = self.prev().map_or("", |t| self.str(t));
        match (self.found.kind, prev) {
            (Kind::Newline | Kind::End, "=") => d.help("the value starts on the line of the `=`"),
            (Kind::Newline | Kind::End, _) => {
                d.help("to continue an expression on the next line, put it in parentheses")
            }
            (Kind::Operator | Kind::Minus, _) if self.prev_kind() == Some(Kind::Newline) => {
                d.help("to continue an expression on the next line, put it in parentheses")
            }
            (Kind::Assign, "==" | "!=") => d.help(format!("write `{prev}`")),
            (Kind::Operator, "<") if self.str(self.found) == ">" => d.help("write `!=`"),
            (Kind::Operator, _) if self.str(self.found) == "+" => d.help("a number is written without `+`"),
            (Kind::Operator, "*") if self.str(self.found) == "*" => d.help("use `pow(base, exponent)`"),
            (Kind::Dot, "=" | "(" | "[" | ",") => d.help("a number starts with a digit, such as `0.5`"),
            _ => d,
        }
    }

    /// Spellings of other languages.
    fn habit(&self) -> Option<Diagnostic> {
        let prev = self.prev()?;
        if prev.kind == Kind::Number && self.found.kind == Kind::Ident && prev.end == self.found.start {
            let text = &self.text[prev.start..self.found.end];
            let d = Diagnostic::error("infra::syntax::invalid_number", format!("`{text}` is not a number"))
                .at(Span::new(self.source, prev.start, self.found.end), "not a number");
            return Some(match self.str(self.found).as_bytes()[0] {
                b'_' => d.help("numbers are written without separators"),
                b'x' | b'o' | b'b' => d.help("use `parseint(\"digits\", base)`"),
                _ => d.help("write text in double quotes; numbers have no units"),
            });
        }
        let habit = match (self.str(prev), self.str(self.found)) {
            ("not", _) => "write `!` for a negation",
            (_, "and") => "write `&&`",
            (_, "or") => "write `||`",
            _ => return None,
        };
        let what = "an operator";
        Some(self.unexpected(what).help(habit))
    }

    fn after_operand(&self, in_body: bool) -> Diagnostic {
        if let Some(d) = self.habit() {
            return d;
        }
        if let Some(question) = self.open_question() {
            return self
                .unexpected("`:`")
                .related(self.span(question), "for this `?`")
                .help("a conditional is `condition ? value : otherwise`");
        }
        let Some(opener) = self.opener().filter(|_| !in_body) else {
            return self.after_argument();
        };
        let expected = match opener.kind {
            Kind::OpenParen if self.is_call() => "`,` or `)`",
            Kind::OpenParen => "`)`",
            Kind::OpenBracket if self.is_index() => "`]`",
            Kind::OpenBracket => "`,` or `]`",
            Kind::OpenBrace if self.has_key() => "`,`, a new line or `}`",
            Kind::OpenBrace => "`=`",
            _ => "`}`",
        };
        let code = match opener.kind {
            Kind::OpenBrace if !self.has_key() => "infra::syntax::missing_value",
            _ => "infra::syntax::missing_separator",
        };
        let d = self
            .error(
                code,
                format!("expected {expected}, found {}", self.found()),
                &format!("expected {expected}"),
            )
            .related(self.span(opener), "in the brackets opened here");
        match (opener.kind, self.found.kind) {
            (Kind::OpenInterpolation, _) => d.help("write `$${` for a literal `${`"),
            (Kind::OpenBrace, Kind::Newline) if self.has_key() => d,
            (Kind::OpenBrace, Kind::FatArrow) if !self.has_key() => d.help("`=>` is for `{for …}`; write `=`"),
            (Kind::OpenBrace, Kind::Newline | Kind::Comma | Kind::CloseBrace) => {
                d.help("an entry of an object is `key = value`")
            }
            (_, Kind::Assign) if opener.kind != Kind::OpenBrace => d.help("use `==` to compare"),
            (Kind::OpenParen, Kind::Comma) => {
                d.help("parentheses hold one expression; a list is written in brackets, `[ … ]`")
            }
            (Kind::OpenParen | Kind::OpenBracket, Kind::Newline | Kind::End) => d,
            (Kind::OpenBracket, _) if !self.is_index() => d.help("put a comma between the elements"),
            (Kind::OpenParen, _) if self.is_call() => d.help("put a comma between the arguments"),
            _ => d,
        }
    }

    /// After a complete argument of a body.
    fn after_argument(&self) -> Diagnostic {
        let what = match self.root {
            Root::Body => "a new line after the argument",
            Root::Expr => "the end of the expression",
            Root::Template => "the end of the template",
        };
        let d = self.error(
            "infra::syntax::missing_newline",
            format!("expected {what}, found {}", self.found()),
            &format!("expected {what}"),
        );
        let before = self.text[..self.statement.start].trim_end_matches([' ', '\t']);
        let one_line = (self.nested && before.ends_with('{'))
            || self
                .opener()
                .is_some_and(|o| o.kind == Kind::OpenBody && !self.text[o.start..self.found.start].contains('\n'));
        match self.found.kind {
            _ if self.root != Root::Body => d,
            Kind::Comma if one_line => {
                d.help("a block on one line has one argument; put each argument on a line of its own")
            }
            Kind::Comma => d.help("arguments are separated by new lines; remove the `,`"),
            Kind::Newline | Kind::End if one_line => d.help(
                "a block that starts with an argument on its first line ends on that line; \
                 put the argument on a line of its own",
            ),
            Kind::Assign => d.help("use `==` to compare"),
            Kind::Ident => d.help("put each argument on a line of its own"),
            _ => d,
        }
    }

    fn is_call(&self) -> bool {
        self.open
            .last()
            .and_then(|i| i.checked_sub(1))
            .is_some_and(|i| self.tokens[i].kind == Kind::Ident)
    }

    fn is_index(&self) -> bool {
        self.open.last().and_then(|i| i.checked_sub(1)).is_some_and(|i| {
            let token = self.tokens[i];
            is_closer(token.kind)
                || matches!(token.kind, Kind::Number)
                || (token.kind == Kind::Ident && !matches!(self.str(token), "in" | "if"))
        })
    }

    /// Says whether the entry of an object has got its `=`.
    fn has_key(&self) -> bool {
        self.segment()
            .iter()
            .any(|t| matches!(t.kind, Kind::Assign | Kind::Colon | Kind::FatArrow))
    }
}

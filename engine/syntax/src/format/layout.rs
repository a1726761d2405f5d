//! Decides on the blanks between tokens.
//!
//! Lines are split into up to three cells: what comes before a `=`, the `=` with
//! its value, and a comment at the end. The second and third cells of
//! neighbouring lines are aligned.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::lex::Kind;

use super::tokens::FormatToken;

/// One line: ranges of tokens, without the line end.
struct Line {
    lead: Range<usize>,
    assign: Range<usize>,
    comment: Range<usize>,
}

/// Sets the blanks, and returns the text.
pub(super) fn lay_out(mut tokens: Vec<FormatToken<'_>>) -> String {
    let lines = lines(&tokens);
    indent(&mut tokens, &lines);
    for line in &lines {
        space(&mut tokens, line.lead.clone());
        space(&mut tokens, line.assign.clone());
    }
    align(
        &mut tokens,
        &lines,
        |line| line.lead.clone(),
        |line| line.assign.clone(),
    );
    align(
        &mut tokens,
        &lines,
        |line| line.lead.start..line.assign.end.max(line.lead.end),
        |line| line.comment.clone(),
    );
    write(&tokens)
}

fn write(tokens: &[FormatToken<'_>]) -> String {
    let size: usize = tokens.iter().map(|t| t.text.len() + t.spaces).sum();
    let mut text = String::with_capacity(size + 1);
    for token in tokens {
        text.extend(std::iter::repeat_n(' ', token.spaces));
        text.push_str(token.text);
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    text.truncate(text.trim_end_matches([' ', '\n', '\r']).len());
    if !text.is_empty() {
        text.push_str(newline);
    }
    text
}

fn lines(tokens: &[FormatToken<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (i, token) in tokens.iter().enumerate() {
        if token.is_newline() {
            lines.push(line(tokens, start..i));
            start = i + 1;
        }
    }
    if start < tokens.len() {
        lines.push(line(tokens, start..tokens.len()));
    }
    lines
}

fn line(tokens: &[FormatToken<'_>], all: Range<usize>) -> Line {
    let mut lead = all.clone();
    let has_comment = all.len() > 1 && tokens[all.end - 1].kind == Kind::LineComment;
    if has_comment {
        lead.end -= 1;
    }
    let comment = lead.end..all.end;
    let mut assign = lead.end..lead.end;
    let equals = lead.clone().skip(1).find(|i| tokens[*i].kind == Kind::Assign);
    // A value that goes on over the next lines is not aligned.
    if let Some(equals) = equals
        && tokens[equals..lead.end].iter().map(FormatToken::bracket).sum::<isize>() == 0
    {
        assign.start = equals;
        lead.end = equals;
    }
    Line { lead, assign, comment }
}

/// Indents lines by the brackets open before them.
fn indent(tokens: &mut [FormatToken<'_>], lines: &[Line]) {
    // For each level of indentation, how many brackets it stands for.
    let mut levels: Vec<isize> = Vec::new();
    for line in lines {
        if line.lead.is_empty() {
            continue;
        }
        let mut net = 0;
        for cell in [&line.lead, &line.assign] {
            for token in &tokens[cell.clone()] {
                net += token.bracket();
                if token.kind == Kind::OpenHeredoc {
                    break;
                }
            }
        }
        let depth = levels.len();
        if net > 0 {
            levels.push(net);
        }
        let mut closed = -net;
        while closed > 0
            && let Some(top) = levels.last_mut()
        {
            if closed < *top {
                *top -= closed;
                break;
            }
            closed -= *top;
            levels.pop();
        }
        let mut depth = depth.min(levels.len());
        // `): type = (` ends a list of parameters, and may open something else.
        let ends_parameters = tokens[line.lead.start].kind == Kind::CloseParen
            && tokens.get(line.lead.start + 1).is_some_and(|t| t.is_typing);
        if ends_parameters && net == 0 {
            depth = depth.saturating_sub(1);
        }
        tokens[line.lead.start].spaces = 2 * depth;
    }
}

/// Sets the blanks between the tokens of one cell.
fn space(tokens: &mut [FormatToken<'_>], cell: Range<usize>) {
    for i in cell.clone() {
        if i + 1 >= cell.end {
            return;
        }
        let before = (i > cell.start).then(|| &tokens[i - 1]);
        let has_space = space_between(before, &tokens[i], &tokens[i + 1]);
        tokens[i + 1].spaces = usize::from(has_space);
    }
}

/// Aligns the `moved` cells of neighbouring lines behind their `fixed` cells.
fn align(
    tokens: &mut [FormatToken<'_>],
    lines: &[Line],
    fixed: impl Fn(&Line) -> Range<usize>,
    moved: impl Fn(&Line) -> Range<usize>,
) {
    let mut chain: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        let cell = moved(line);
        if cell.is_empty() {
            end_chain(tokens, &mut chain);
        } else {
            chain.push((cell.start, columns(&tokens[fixed(line)])));
        }
    }
    end_chain(tokens, &mut chain);
}

fn end_chain(tokens: &mut [FormatToken<'_>], chain: &mut Vec<(usize, usize)>) {
    let most = chain.iter().map(|(_, columns)| *columns).max().unwrap_or(0);
    for (token, columns) in chain.drain(..) {
        tokens[token].spaces = most - columns + 1;
    }
}

fn columns(tokens: &[FormatToken<'_>]) -> usize {
    tokens
        .iter()
        .map(|t| {
            let width = if t.text.is_ascii() {
                t.text.len()
            } else {
                t.text.graphemes(true).count()
            };
            t.spaces + width
        })
        .sum()
}

/// Says whether a blank stands between `token` and `after`.
fn space_between(before: Option<&FormatToken<'_>>, token: &FormatToken<'_>, after: &FormatToken<'_>) -> bool {
    use Kind::{
        CloseBrace, CloseHeredoc, CloseQuote, CloseSequence, Comma, Dot, DoubleColon, Ellipsis, Ident, Minus, Not,
        Number, OpenBody, OpenBrace, OpenBracket, OpenDirective, OpenHeredoc, OpenInterpolation, OpenParen, OpenQuote,
        QuotedText, Text,
    };
    let is_sequence = |k| matches!(k, OpenInterpolation | OpenDirective);
    match (token.kind, after.kind) {
        // Calls, names, accesses.
        (Ident, OpenParen) | (Ident, DoubleColon) | (DoubleColon, Ident) => false,
        // `a.0. 1` has two accesses, `a.0. e1` too; `0.1` and `0.e1` would be numbers.
        (Dot, Number) if before.is_some_and(|b| b.kind == Number) => true,
        (Dot, Ident) if before.is_some_and(|b| b.kind == Number) && is_exponent(after.text) => true,
        (Dot, _) | (_, Dot) => false,
        (_, Comma | Ellipsis) => false,
        (Comma, _) => true,
        // Nothing is added to the text of strings.
        (QuotedText | Text | OpenQuote | OpenHeredoc, _) => false,
        (_, QuotedText | Text | CloseQuote | CloseHeredoc) => false,
        // `in [1]`, as opposed to `a[1]`.
        (Ident, _) if token.text == "in" && before.is_some_and(|b| b.kind == Ident) => true,
        (Ident | Number, OpenBracket) => false,
        (_, OpenBracket) if token.bracket() < 0 => false,
        (Not, _) => false,
        (Minus, _) => before.is_some_and(ends_operand),
        // Braces have blanks inside, unless there is nothing else.
        (OpenBody | OpenBrace, CloseBrace) => false,
        (OpenBody | OpenBrace, _) | (_, CloseBrace) => true,
        (k, OpenBrace) if is_sequence(k) => true,
        (CloseBrace, CloseSequence) => true,
        (CloseSequence, k) if is_sequence(k) => false,
        _ if after.is_typing => false,
        _ => token.bracket() <= 0 && after.bracket() >= 0,
    }
}

/// Says whether a name, directly after a number and a dot, would belong to the number.
fn is_exponent(name: &str) -> bool {
    let power = name.strip_prefix(['e', 'E']);
    let digits = power.map(|p| p.strip_prefix('-').unwrap_or(p));
    digits.is_some_and(|d| d.starts_with(|c: char| c.is_ascii_digit()))
}

/// Says whether a `-` after this token is a subtraction.
fn ends_operand(token: &FormatToken<'_>) -> bool {
    !matches!(
        token.kind,
        Kind::OpenParen
            | Kind::OpenBrace
            | Kind::OpenBody
            | Kind::OpenBracket
            | Kind::Assign
            | Kind::Colon
            | Kind::Comma
            | Kind::Question
            | Kind::Operator
            | Kind::Minus
            | Kind::Not
    )
}

//! Templates: text with interpolations and directives.

use std::sync::Arc;

use infra_syntax::ast::{Expr, Template, TemplateFor, TemplateIf, TemplatePart};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{Marks, Refinement, Type, Value, ValueKind, convert};

use super::budget::MAX_SIZE;
use super::collection;
use super::conditional::truth;
use super::env::{Env, Eval};
use super::expr::{value_of, with_article};

/// Evaluates a template; one that is a single interpolation keeps the value's type.
pub(super) fn eval(template: &Template, env: Env<'_>) -> Eval {
    if let [TemplatePart::Interpolation(expr)] = &*template.parts {
        return value_of(expr, env);
    }
    let mut out = Output::default();
    render(&template.parts, env, &mut out);
    out.finish()
}

/// What is rendered so far.
#[derive(Default)]
struct Output {
    text: String,
    /// Whether something unknown came; the text before it is kept as the prefix.
    unknown: bool,
    marks: Marks,
    errors: Diagnostics,
}

impl Output {
    fn push(&mut self, text: &str) {
        // One step beyond the limit is kept: whoever asked for the value refuses it.
        if !self.unknown && self.text.len() as u64 <= MAX_SIZE {
            self.text.push_str(text);
        }
    }

    fn finish(self) -> Eval {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let value = if self.unknown {
            let prefix = safe_prefix(&self.text);
            ValueKind::Unknown(
                Type::String,
                Some(Arc::new(Refinement {
                    not_null: true,
                    prefix: (!prefix.is_empty()).then(|| prefix.into()),
                    ..Refinement::default()
                })),
            )
            .into()
        } else {
            Value::string(self.text)
        };
        Ok(value.with_marks(self.marks))
    }
}

/// Returns the part of a prefix that stays the same whatever text follows:
/// a character that may combine with the next is left out.
fn safe_prefix(text: &str) -> &str {
    match text.char_indices().next_back() {
        Some((_, c)) if c.is_ascii_punctuation() || c == '\n' || c == ' ' => text,
        Some((at, _)) => &text[..at],
        None => text,
    }
}

fn render(parts: &[TemplatePart], env: Env<'_>, out: &mut Output) {
    for part in parts {
        match part {
            TemplatePart::Literal(text, _) => out.push(text),
            TemplatePart::Interpolation(expr) => match value_of(expr, env) {
                Ok(value) => insert(&value, expr, out),
                Err(e) => out.errors.extend(e),
            },
            TemplatePart::If(part) => render_if(part, env, out),
            TemplatePart::For(part) => render_for(part, env, out),
        }
    }
}

fn insert(value: &Value, expr: &Expr, out: &mut Output) {
    out.marks = out.marks.union(value.marks);
    match &value.kind {
        ValueKind::String(s) => out.push(s),
        ValueKind::Unknown(..) => {
            // What is known of its beginning follows the text before it.
            if let ValueKind::Unknown(_, Some(known)) = &value.kind
                && let Some(prefix) = &known.prefix
            {
                out.push(prefix);
            }
            out.unknown = true;
        }
        ValueKind::Null(_) => out.errors.push(
            Diagnostic::error(
                "infra::eval::null_interpolation",
                "a null value cannot be part of a text",
            )
            .at(expr.span, "this is null")
            .help("`coalesce` gives another value in place of null"),
        ),
        _ => match convert(value, &Type::String) {
            Ok(text) => out.push(text.as_str().unwrap_or_default()),
            Err(_) => {
                let what = with_article(&value.ty());
                out.errors.push(
                    Diagnostic::error(
                        "infra::eval::invalid_interpolation",
                        format!("{what} cannot be part of a text"),
                    )
                    .at(expr.span, format!("this is {what}"))
                    .help("`jsonencode` writes any value as text; `join` joins the elements of a list"),
                );
            }
        },
    }
}

fn render_if(part: &TemplateIf, env: Env<'_>, out: &mut Output) {
    let TemplateIf { then, otherwise, .. } = part;
    let deeper = env.deeper(part.condition.span, || {
        let condition = truth(&part.condition, env)?;
        out.marks = out.marks.union(condition.marks);
        match condition.as_bool() {
            Some(true) => render(then, env, out),
            Some(false) => render(otherwise, env, out),
            None => {
                out.unknown = true;
                render(then, env, out);
                render(otherwise, env, out);
            }
        }
        Ok(())
    });
    if let Err(e) = deeper {
        out.errors.extend(e);
    }
}

fn render_for(part: &TemplateFor, env: Env<'_>, out: &mut Output) {
    let over = &part.collection;
    let deeper = env.deeper(over.span, || {
        let value = value_of(over, env)?;
        out.marks = out.marks.union(value.marks);
        let Some(items) = collection::iterate(&value, over.span)? else {
            out.unknown = true;
            return Ok(());
        };
        for (key, item) in items {
            env.budget().charge(1, over.span)?;
            collection::bind(part.key_var.as_ref(), &part.value_var, key, item, env, |env| {
                render(&part.body, env, out);
                Ok(())
            })?;
            if !out.errors.is_empty() {
                break;
            }
        }
        Ok(())
    });
    if let Err(e) = deeper {
        out.errors.extend(e);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Names, check};
    use infra_types::ValueKind;

    #[test]
    fn interpolation() {
        check("\"a${1}b${true}\"", r#""a1btrue""#);
        check("\"${list}\"", r#"["a","b"]"#);
        check("\"x${list}\"", "error: a list of string cannot be part of a text");
        check("\"x${null}\"", "error: a null value cannot be part of a text");
        check("\"x${secret}\"", r#"sensitive "xhunter2""#);
        check("\"x${unknown}\"", "unknown string, not null");
    }

    #[test]
    fn directives() {
        check("\"%{ if true }a%{ else }b%{ endif }c\"", r#""ac""#);
        check("\"%{ for i, x in list }${i}${x},%{ endfor }\"", r#""0a,1b,""#);
        check("\"%{ for x in unknown }${x}%{ endfor }\"", "unknown string, not null");
        check(
            "\"%{ if null }%{ endif }\"",
            "error: a condition must be true or false, but it is null",
        );
    }

    #[test]
    fn the_beginning_of_an_unknown_text_is_kept() {
        let value = Names::usual().eval("\"arn:aws-${unknown}\"").unwrap();
        let ValueKind::Unknown(_, Some(known)) = value.kind else {
            panic!("{value:?}");
        };
        assert_eq!(known.prefix.as_deref(), Some("arn:aws-"));
    }
}

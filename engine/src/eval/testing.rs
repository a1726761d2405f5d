//! What the tests of the evaluator share.

use std::collections::BTreeMap;

use infra_syntax::ast::{FunctionDecl, Ident, TypeDecl};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Span, parse};
use infra_types::{Type, Value, json};

use super::scope::{Host, NoHost, Resolved, Scope};
use super::type_expr::{self, TypeConstraint};

/// A scope with some names, and the functions and types of a text.
#[derive(Default)]
pub(super) struct Names {
    values: BTreeMap<&'static str, Value>,
    functions: Vec<FunctionDecl>,
    types: Vec<TypeDecl>,
}

impl Names {
    /// `unknown`, `unknown_text`, `secret`, `list`, `object` and `text`.
    pub(super) fn usual() -> Names {
        Names {
            values: BTreeMap::from([
                ("unknown", Value::unknown(Type::Dynamic)),
                ("unknown_text", Value::unknown(Type::String)),
                ("unknown_list", Value::unknown(Type::list(Type::String))),
                ("secret", Value::from("hunter2").sensitive()),
                ("list", Value::strings(["a", "b"])),
                (
                    "object",
                    Value::object([("name", Value::from("x")), ("size", 3i64.into())]),
                ),
                ("text", "1".into()),
            ]),
            ..Names::default()
        }
    }

    /// The usual names, and what a text declares.
    pub(super) fn declaring(text: &str) -> Names {
        let (file, diagnostics) = parse::parse_file(text, SourceId(0));
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        Names {
            functions: file.functions,
            types: file.types,
            ..Names::usual()
        }
    }

    pub(super) fn eval(&self, text: &str) -> Result<Value, Diagnostics> {
        super::eval(&parse::parse_expr(text, SourceId(0))?, self)
    }

    pub(super) fn ty(&self, text: &str) -> Result<TypeConstraint, Diagnostics> {
        let expr = parse::parse_expr(text, SourceId(0))?;
        type_expr::parse(&expr, &|name| self.named_type(name))
    }
}

impl Scope for Names {
    fn resolve(&self, root: &Ident, _attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        match self.values.get(&*root.name) {
            Some(value) => Ok(Resolved {
                value: value.clone(),
                consumed: 0,
            }),
            None => Err(Diagnostic::error("test::unknown_name", format!("no `{}`", root.name)).at(span, "")),
        }
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.functions.iter().find(|f| &*f.name.name == name)
    }

    fn named_type(&self, name: &str) -> Option<TypeConstraint> {
        let decl = self.types.iter().find(|t| &*t.name.name == name)?;
        type_expr::parse_decl(decl, &|name| self.named_type(name)).ok()
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

/// Describes a value: its JSON, or what is special about it.
pub(super) fn describe(value: &Value) -> String {
    let marks = if value.contains_sensitive() { "sensitive " } else { "" };
    match json::encode(&value.unmark_deep()) {
        Ok(text) => format!("{marks}{text}"),
        Err(_) if value.is_known() => format!("{marks}partly unknown {}", value.ty()),
        Err(_) if value.is_never_null() => format!("{marks}unknown {}, not null", value.ty()),
        Err(_) => format!("{marks}unknown {}", value.ty()),
    }
}

/// Checks the result of an expression: a value as [`describe`] has it, or the
/// first message after `error: `.
#[track_caller]
pub(super) fn check(text: &str, expect: &str) {
    check_in(&Names::usual(), text, expect);
}

/// As [`check`], in a scope.
#[track_caller]
pub(super) fn check_in(names: &Names, text: &str, expect: &str) {
    let got = match names.eval(text) {
        Ok(value) => describe(&value),
        Err(e) => format!("error: {}", e.iter().next().map_or("", |d| d.message.as_str())),
    };
    assert_eq!(got, expect, "{text}");
}

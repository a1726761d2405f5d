//! `for` expressions, and iteration over collections.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use infra_syntax::ast::{Expr, For, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Entries, Marks, Number, Str, Type, Value, ValueKind, convert};

use super::conditional::as_truth;
use super::env::{Binding, Env, Eval, error};
use super::expr::{value_of, with_article};

/// The elements of a collection with their keys or indexes.
type Items<'v> = Box<dyn Iterator<Item = (Value, &'v Value)> + 'v>;

/// Iterates over a collection; nothing if it is unknown.
pub(super) fn iterate(value: &Value, span: Span) -> Eval<Option<Items<'_>>> {
    fn indexed(items: &[Value]) -> Items<'_> {
        Box::new(items.iter().enumerate().map(|(i, v)| (Number::from(i).into(), v)))
    }
    fn keyed(entries: &Entries) -> Items<'_> {
        Box::new(entries.iter().map(|(k, v)| (ValueKind::String(k.clone()).into(), v)))
    }
    Ok(Some(match &value.kind {
        ValueKind::List(s) => indexed(&s.items),
        ValueKind::Tuple(items) => indexed(items),
        ValueKind::Set(s) => Box::new(s.items.iter().map(|v| (v.clone(), v))),
        ValueKind::Map(m) => keyed(&m.items),
        ValueKind::Object(attrs) => keyed(attrs),
        ValueKind::Null(_) => {
            return error(
                "infra::eval::null_iteration",
                "a null value has no elements to go through",
                span,
                "this is null",
            );
        }
        ValueKind::Unknown(Type::Bool | Type::Number | Type::String, _)
        | ValueKind::Bool(_)
        | ValueKind::Number(_)
        | ValueKind::String(_) => {
            let what = with_article(&value.ty());
            return error(
                "infra::eval::invalid_iteration",
                format!("{what} has no elements to go through"),
                span,
                format!("this is {what}"),
            );
        }
        ValueKind::Unknown(..) => return Ok(None),
    }))
}

/// Does something with the loop variables set.
pub(super) fn bind<T>(
    key_var: Option<&Ident>,
    value_var: &Ident,
    key: Value,
    value: &Value,
    env: Env<'_>,
    f: impl FnOnce(Env<'_>) -> Eval<T>,
) -> Eval<T> {
    let key_binding;
    let mut names = env.names;
    if let Some(key_var) = key_var {
        key_binding = Binding {
            name: &key_var.name,
            value: key,
            outer: names,
        };
        names = Some(&key_binding);
    }
    let value_binding = Binding {
        name: &value_var.name,
        value: value.clone(),
        outer: names,
    };
    f(Env {
        run: env.run,
        names: Some(&value_binding),
    })
}

/// What a `for` expression gathers.
struct Gather<'f> {
    expr: &'f For,
    marks: Marks,
    known: bool,
    items: Vec<Value>,
    entries: BTreeMap<Str, Value>,
    groups: BTreeMap<Str, Vec<Value>>,
    /// Why the first element whose value fails does so.
    errors: Diagnostics,
}

/// Evaluates a `for` expression.
pub(super) fn for_expr(expr: &For, env: Env<'_>) -> Eval {
    let mut gather = Gather {
        expr,
        marks: Marks::NONE,
        known: true,
        items: Vec::new(),
        entries: BTreeMap::new(),
        groups: BTreeMap::new(),
        errors: Diagnostics::new(),
    };
    if let Err(e) = gather.all(env) {
        env.run.fail(None);
        return Err(e);
    }
    let errors = std::mem::take(&mut gather.errors);
    let value = gather.finish();
    if errors.is_empty() {
        return Ok(value);
    }
    env.run.fail(Some(value));
    Err(errors)
}

/// Checks the filter of a `for` expression that has nothing to filter.
fn check_condition(expr: &For, condition: &Expr, env: Env<'_>) -> Eval<()> {
    let any = Value::unknown(Type::Dynamic);
    let value = bind(expr.key_var.as_ref(), &expr.value_var, any.clone(), &any, env, |env| {
        value_of(condition, env)
    });
    match value {
        Ok(value) => as_truth(&value, condition.span).map(|_| ()),
        // It may depend on the elements that are not there.
        Err(e) => Err(e),
    }
}

impl Gather<'_> {
    /// Goes through the collection. A value that fails stops nothing: how many there are
    /// still counts where the expression is the branch of a conditional that is not taken.
    fn all(&mut self, env: Env<'_>) -> Eval<()> {
        let expr = self.expr;
        let source = value_of(&expr.collection, env)?;
        self.marks = source.marks;
        let Some(items) = iterate(&source, expr.collection.span)? else {
            self.known = false;
            return Ok(());
        };
        let mut any = false;
        for (key, item) in items {
            any = true;
            env.budget().charge(1, expr.value.span)?;
            bind(expr.key_var.as_ref(), &expr.value_var, key, item, env, |env| {
                self.add(env)
            })?;
        }
        match &expr.condition {
            Some(condition) if !any => check_condition(expr, condition, env),
            _ => Ok(()),
        }
    }

    /// Returns the value of an element, or what is known of it if it fails.
    fn value(&mut self, env: Env<'_>) -> Value {
        value_of(&self.expr.value, env).unwrap_or_else(|e| {
            if self.errors.is_empty() {
                self.errors = e;
            }
            env.run.failed()
        })
    }

    fn add(&mut self, env: Env<'_>) -> Eval<()> {
        if let Some(condition) = &self.expr.condition {
            let include = as_truth(&value_of(condition, env)?, condition.span)?;
            self.marks = self.marks.union(include.marks);
            match include.as_bool() {
                Some(true) => {}
                Some(false) => return Ok(()),
                None => {
                    self.known = false;
                    return Ok(());
                }
            }
        }
        let Some(key_expr) = &self.expr.key else {
            let value = self.value(env);
            self.items.push(value);
            return Ok(());
        };
        let (key, marks) = key(key_expr, env)?;
        self.marks = self.marks.union(marks);
        let Some(key) = key else {
            self.known = false;
            return Ok(());
        };
        let value = self.value(env);
        if self.expr.group {
            self.groups.entry(key).or_default().push(value);
            return Ok(());
        }
        match self.entries.entry(key) {
            Entry::Vacant(place) => {
                place.insert(value);
                Ok(())
            }
            Entry::Occupied(place) => {
                let message = if self.marks.is_empty() {
                    format!("two elements give the same key `{}`", place.key())
                } else {
                    "two elements give the same key".to_owned()
                };
                if self.errors.is_empty() {
                    self.errors = Diagnostic::error("infra::eval::duplicate_key", message)
                        .at(key_expr.span, "the key is not unique")
                        .help("`...` after the value collects the values of each key")
                        .into();
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Value {
        let value = if !self.known {
            Value::unknown(Type::Dynamic)
        } else if self.expr.key.is_none() {
            Value::tuple(self.items)
        } else if self.expr.group {
            Value::object(self.groups.into_iter().map(|(k, vs)| (k, Value::tuple(vs))))
        } else {
            Value::object(self.entries)
        };
        value.with_marks(self.marks)
    }
}

/// Evaluates the key of an entry: nothing if it is unknown; with its marks.
fn key(expr: &Expr, env: Env<'_>) -> Eval<(Option<Str>, Marks)> {
    let value = value_of(expr, env)?;
    if value.is_null() {
        return error(
            "infra::eval::null_key",
            "the key of an object must not be null",
            expr.span,
            "this is null",
        );
    }
    match convert(&value, &Type::String) {
        Ok(key) => match key.kind {
            ValueKind::String(s) => Ok((Some(s), key.marks)),
            _ => Ok((None, key.marks)),
        },
        Err(_) => {
            let what = with_article(&value.ty());
            error(
                "infra::eval::invalid_key",
                format!("the key of an object must be a string, not {what}"),
                expr.span,
                format!("this is {what}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn tuples() {
        check("[for x in list : upper(x)]", r#"["A","B"]"#);
        check("[for i, x in list : i if x != \"a\"]", "[1]");
        check("[for k, v in object : k]", r#"["name","size"]"#);
        check("[for k, v in toset(list) : k]", r#"["a","b"]"#);
        check("[for x in [1, 2] : [for y in [x] : x * y]]", "[[1],[4]]");
        check("[for x in unknown_list : x]", "unknown any");
        check("[for x in list : x if unknown]", "unknown any");
        check("[for x in [secret] : x]", r#"sensitive ["hunter2"]"#);
    }

    #[test]
    fn objects() {
        check("{ for x in list : x => 1 }", r#"{"a":1,"b":1}"#);
        check("{ for x in list : \"k\" => x... }", r#"{"k":["a","b"]}"#);
        check(
            "{ for x in list : \"k\" => x }",
            "error: two elements give the same key `k`",
        );
        check(
            "{ for x in list : null => x }",
            "error: the key of an object must not be null",
        );
    }

    #[test]
    fn what_cannot_be_gone_through() {
        check(
            "[for x in null : x]",
            "error: a null value has no elements to go through",
        );
        check(
            "[for x in \"abc\" : x]",
            "error: a string has no elements to go through",
        );
        check(
            "[for x in [] : x if 5]",
            "error: a condition must be true or false, not a number",
        );
    }
}

//! Splats: `source[*].name`.

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Splat, Traverse};
use infra_types::{Type, Value, ValueKind};

use super::env::{Env, Eval};
use super::expr::value_of;
use super::reference::traverse;

/// Evaluates a splat.
///
/// What is no list, set or tuple counts as a tuple of one element, null as an empty one.
pub(super) fn eval(splat: &Splat, env: Env<'_>) -> Eval {
    let source = value_of(&splat.source, env)?;
    let marks = source.marks;
    let source = source.unmarked();
    let is_sequence = match &source.kind {
        ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => true,
        ValueKind::Null(ty) | ValueKind::Unknown(ty, _) => {
            matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_))
        }
        _ => false,
    };
    if source.is_null() {
        if is_sequence {
            return Err(
                Diagnostic::error("infra::eval::null_splat", "a splat needs a list, but it is null")
                    .at(splat.source.span, "this is null")
                    .help("`coalesce(…, [])` gives an empty list in place of null")
                    .into(),
            );
        }
        return Ok(Value::tuple(Vec::new()).with_marks(marks));
    }
    let each = |item: &Value| each(item, &splat.rest, env);
    let result = match &source.kind {
        ValueKind::Unknown(Type::Dynamic, _) => Value::unknown(Type::Dynamic),
        ValueKind::Unknown(Type::List(elem) | Type::Set(elem), known) => {
            let item = each(&Value::unknown((**elem).clone()))?;
            ValueKind::Unknown(Type::list(item.ty()), known.clone()).into()
        }
        ValueKind::Unknown(Type::Tuple(types), known) => {
            let items = types.iter().map(|ty| Ok(each(&Value::unknown(ty.clone()))?.ty()));
            ValueKind::Unknown(Type::tuple(items.collect::<Eval<_>>()?), known.clone()).into()
        }
        ValueKind::List(s) | ValueKind::Set(s) => {
            let items = s.items.iter().map(each).collect::<Eval<Vec<_>>>()?;
            let elem = match items.first() {
                Some(first) => first.ty(),
                None => each(&Value::unknown(s.elem.clone()))?.ty(),
            };
            Value::list(elem, items)
        }
        ValueKind::Tuple(items) => Value::tuple(items.iter().map(each).collect::<Eval<_>>()?),
        _ => {
            let item = each(&source)?;
            if source.is_never_null() {
                Value::tuple(vec![item])
            } else {
                // It may turn out null: then there is no element.
                Value::unknown(Type::Dynamic)
            }
        }
    };
    Ok(result.with_marks(marks))
}

fn each(item: &Value, rest: &[Traverse], env: Env<'_>) -> Eval {
    rest.iter()
        .try_fold(item.clone(), |value, step| traverse(&value, step, env))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn splats() {
        check("[{ a = 1 }, { a = 2 }][*].a", "[1,2]");
        check("object[*].name", r#"["x"]"#);
        check("null[*]", "[]");
        check("text[*]", r#"["1"]"#);
        check("tolist([])[*].a", "[]");
        check("unknown[*].a", "unknown any");
        check("unknown_list[*]", "unknown list(string)");
        check("unknown_text[*]", "unknown any");
        check("secret[*]", r#"sensitive ["hunter2"]"#);
        check("[{ a = 1 }][*].b", "error: this object has no attribute `b`");
    }
}

//! Calls of functions: built in, declared in the configuration, and `try` and
//! `can`, whose arguments may fail.

use infra_syntax::ast::{Call, Expr, ExprKind, FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Type, Value, ValueKind, suggest};

use super::budget::Budget;
use super::env::{Env, Eval, Run, all, error};
use super::expr::{value_of, with_article, with_names};
use super::functions::{self, FnError};
use super::scope::{Host, Resolved, Scope};
use super::type_expr;

/// Evaluates a call.
pub(super) fn eval(call: &Call, span: Span, env: Env<'_>) -> Eval {
    let Call {
        name,
        args,
        expand_final: expand,
    } = call;
    let expand = *expand;
    match &*name.name {
        "try" | "core::try" => return try_(args, expand, span, env),
        "can" | "core::can" => return can(args, expand, span, env),
        "templatestring" | "core::templatestring" => args.first().map_or(Ok(()), must_be_reference)?,
        _ => {}
    }
    if let Some(function) = env.scope().user_function(&name.name) {
        return match arguments(args, expand, env)? {
            Some((values, spans)) => declared(function, values, &spans, span, env),
            None => Ok(Value::unknown(Type::Dynamic)),
        };
    }
    let Some(spec) = functions::lookup(&name.name) else {
        return Err(unknown_function(name).into());
    };
    let Some((values, spans)) = arguments(args, expand, env)? else {
        return Ok(Value::unknown(Type::Dynamic));
    };
    let budget = env.budget();
    if !spec.is_quick {
        values.iter().try_for_each(|value| budget.charge_walk(value, span))?;
    }
    let scope = Charged {
        scope: env.scope(),
        budget,
    };
    let result = functions::call(spec, values, &scope).map_err(|e| failed(&name.name, e, &spans, span))?;
    if !spec.is_quick {
        budget.charge_walk(&result, span)?;
    }
    Ok(result)
}

/// The scope of a built-in function, which may evaluate a template: all on one budget.
struct Charged<'a> {
    scope: &'a dyn Scope,
    budget: &'a Budget,
}

impl Scope for Charged<'_> {
    fn resolve(&self, root: &Ident, attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        self.scope.resolve(root, attrs, span)
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.scope.user_function(name)
    }

    fn named_type(&self, name: &str) -> Option<type_expr::TypeConstraint> {
        self.scope.named_type(name)
    }

    fn host(&self) -> &dyn Host {
        self.scope.host()
    }

    fn budget(&self) -> Option<&Budget> {
        Some(self.budget)
    }
}

/// The template that `templatestring` renders comes from elsewhere: one that is
/// written out would be rendered twice.
fn must_be_reference(template: &Expr) -> Eval<()> {
    let mut root = template;
    loop {
        root = match &root.kind {
            ExprKind::GetAttr(get) => &get.source,
            ExprKind::Index(index) => &index.source,
            ExprKind::Splat(splat) => &splat.source,
            ExprKind::Variable(_) => return Ok(()),
            _ => break,
        };
    }
    Err(Diagnostic::error(
        "infra::eval::function_failed",
        "`templatestring`: the template must be a reference to a string from elsewhere",
    )
    .at(template.span, "not a reference")
    .help("a template that is written out needs no function; otherwise put it into a local value")
    .into())
}

fn unknown_function(name: &Ident) -> Diagnostic {
    let mut d = Diagnostic::error(
        "infra::eval::unknown_function",
        format!("there is no function `{}`", name.name),
    )
    .at(name.span, "not found");
    let names = functions::names().chain(["try", "can"]);
    d.help = suggest(&name.name, names).map(|near| format!("did you mean `{near}`?"));
    d
}

fn failed(name: &str, e: FnError, spans: &[Span], call: Span) -> Diagnostic {
    let d = Diagnostic::error("infra::eval::function_failed", format!("`{name}`: {}", e.message));
    match e.arg.and_then(|i| spans.get(i).or(spans.last())) {
        Some(argument) => d.at(*argument, "this argument"),
        None => d.at(call, "in this call"),
    }
}

/// Evaluates arguments, with the place of each; nothing if it is unknown how many there are.
fn arguments(args: &[Expr], expand: bool, env: Env<'_>) -> Eval<Option<(Vec<Value>, Vec<Span>)>> {
    let mut values = all(args.iter().map(|a| value_of(a, env)))?;
    let mut spans: Vec<Span> = args.iter().map(|a| a.span).collect();
    if expand && let (Some(last), Some(span)) = (values.pop(), spans.pop()) {
        let marks = last.marks;
        match &last.kind {
            ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
                for item in last.as_items().unwrap_or_default() {
                    values.push(item.marked(marks));
                    spans.push(span);
                }
            }
            ValueKind::Unknown(Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => return Ok(None),
            ValueKind::Null(_) => {
                return error(
                    "infra::eval::invalid_expansion",
                    "what is expanded with `...` must not be null",
                    span,
                    "this is null",
                );
            }
            _ => {
                let what = with_article(&last.ty());
                return error(
                    "infra::eval::invalid_expansion",
                    format!("what is expanded with `...` must be a list, set or tuple, not {what}"),
                    span,
                    format!("this is {what}"),
                );
            }
        }
    }
    Ok(Some((values, spans)))
}

/// `try(a, b, …)`: the first that does not fail.
fn try_(args: &[Expr], expand: bool, span: Span, env: Env<'_>) -> Eval {
    let mut errors = Diagnostics::new();
    // How many arguments there are must be certain, so an expansion comes first.
    let mut expanded = match args.last() {
        Some(last) if expand => match arguments(std::slice::from_ref(last), true, env)? {
            Some((values, _)) => Some(values),
            None => return Ok(Value::unknown(Type::Dynamic)),
        },
        _ => None,
    };
    for (i, arg) in args.iter().enumerate() {
        let candidates = if let Some(values) = expanded.take_if(|_| i + 1 == args.len()) {
            values
        } else {
            match value_of(arg, env) {
                Ok(value) => vec![value],
                Err(e) if is_about_names(&e) => return Err(e),
                Err(e) => {
                    errors.extend(e);
                    continue;
                }
            }
        };
        if let Some(value) = candidates.into_iter().next() {
            return Ok(match value.is_wholly_known() {
                true => value,
                // It may still fail, or have another type, when it is known.
                false => Value::unknown(Type::Dynamic).with_marks(value.deep_marks()),
            });
        }
    }
    if errors.is_empty() {
        return error(
            "infra::eval::function_failed",
            "`try` needs at least one argument",
            span,
            "in this call",
        );
    }
    let mut d = Diagnostic::error(
        "infra::eval::function_failed",
        "`try`: none of the arguments can be evaluated",
    )
    .at(span, "in this call");
    for e in errors {
        d = d.note(e.message);
    }
    Err(d.into())
}

/// `can(a)`: whether it does not fail.
fn can(args: &[Expr], expand: bool, span: Span, env: Env<'_>) -> Eval {
    let result = match args {
        [arg] if expand => match arguments(std::slice::from_ref(arg), true, env)? {
            Some((values, _)) if values.len() == 1 => Ok(values.into_iter().next().unwrap_or_else(Value::null)),
            Some(_) => return wrong_can(span),
            None => return Ok(Value::unknown(Type::Dynamic)),
        },
        [arg] => value_of(arg, env),
        _ => return wrong_can(span),
    };
    Ok(match result {
        Err(e) if is_about_names(&e) => return Err(e),
        Err(_) => false.into(),
        Ok(value) if value.is_wholly_known() => true.into(),
        Ok(_) => Value::unknown_not_null(Type::Bool),
    })
}

/// Says whether the error is about a name that means nothing where it stands:
/// a mistake in the configuration whatever the values are, which `try` and
/// `can` must not hide.
fn is_about_names(errors: &Diagnostics) -> bool {
    errors.iter().any(|d| {
        matches!(
            d.code,
            "infra::eval::undeclared"
                | "infra::eval::unknown_name"
                | "infra::eval::incomplete_reference"
                | "infra::eval::each_outside"
                | "infra::eval::count_outside"
                | "infra::eval::self_outside"
        )
    })
}

fn wrong_can(span: Span) -> Eval {
    error(
        "infra::eval::function_failed",
        "`can` takes exactly one argument",
        span,
        "in this call",
    )
}

/// The scope of a declared function's body: nothing but its parameters.
struct Pure<'a>(&'a dyn Scope);

impl Scope for Pure<'_> {
    fn resolve(&self, root: &Ident, _attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        Err(Diagnostic::error(
            "infra::eval::impure_function",
            format!("a function sees only its parameters, so there is no `{}`", root.name),
        )
        .at(span, "not a parameter")
        .help("pass the value as an argument"))
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.0.user_function(name)
    }

    fn named_type(&self, name: &str) -> Option<type_expr::TypeConstraint> {
        self.0.named_type(name)
    }

    fn host(&self) -> &dyn Host {
        self.0.host()
    }
}

/// Calls a function that the configuration declares.
fn declared(function: &FunctionDecl, args: Vec<Value>, spans: &[Span], span: Span, env: Env<'_>) -> Eval {
    let name = &function.name.name;
    if args.len() != function.params.len() {
        let params: Vec<String> = function.params.iter().map(|p| p.name.name.to_string()).collect();
        return Err(Diagnostic::error(
            "infra::eval::function_failed",
            format!(
                "`{name}({})` takes {} arguments, got {}",
                params.join(", "),
                params.len(),
                args.len()
            ),
        )
        .at(span, "in this call")
        .related(function.name.span, "declared here")
        .into());
    }
    let calls = env.run.calls.borrow();
    if calls.contains(name) {
        let way: Vec<String> = calls.iter().chain([name]).map(|n| format!("`{n}`")).collect();
        return Err(Diagnostic::error(
            "infra::eval::recursive_function",
            format!("functions must not call themselves: {}", way.join(" → ")),
        )
        .at(span, "in this call")
        .related(function.name.span, "declared here")
        .into());
    }
    drop(calls);
    let scope = Pure(env.scope());
    let named = |name: &str| env.scope().named_type(name);
    let mut bound = Vec::with_capacity(args.len());
    for (i, (param, arg)) in function.params.iter().zip(args).enumerate() {
        let ty = type_expr::parse(&param.ty, &named)?;
        let value = ty.apply(arg, &scope).map_err(|problems| {
            let at = spans.get(i).copied().unwrap_or(span);
            let what = format!("the argument `{}` of `{name}` does not fit", param.name.name);
            unfit(&what, problems, at).related(param.name.span, "declared here")
        })?;
        bound.push((&*param.name.name, value));
    }
    let run = Run::within(&scope, env.run);
    run.calls.borrow_mut().push(name.clone());
    let result = with_names(Env::new(&run), &bound, |inner| {
        inner.deeper(span, || value_of(&function.body, inner))
    })?;
    let ty = type_expr::parse(&function.result, &named)?;
    ty.apply(result, &scope).map_err(|problems| {
        let what = format!("the result of `{name}` does not fit");
        unfit(&what, problems, function.body.span)
            .related(span, "called here")
            .into()
    })
}

fn unfit(what: &str, problems: Vec<type_expr::Problem>, span: Span) -> Diagnostic {
    let reasons: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let mut d = Diagnostic::error(
        "infra::eval::invalid_argument",
        format!("{what}: {}", reasons.join("; ")),
    )
    .at(span, "this value");
    for condition in problems.iter().filter_map(|p| p.condition) {
        d = d.related(condition, "the condition");
    }
    d.help = problems.into_iter().find_map(|p| p.help);
    d
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Names, check, check_in};

    #[test]
    fn built_in() {
        check("max(1, 3, 2)", "3");
        check("max([1, 5]...)", "5");
        check("max(unknown...)", "unknown any");
        check("max(null...)", "error: what is expanded with `...` must not be null");
        check("maxx(1)", "error: there is no function `maxx`");
        check("upper(secret)", r#"sensitive "HUNTER2""#);
    }

    #[test]
    fn templates_come_from_elsewhere() {
        let refused = "error: `templatestring`: the template must be a reference to a string from elsewhere";
        check("templatestring(\"literal\", {})", refused);
        check("templatestring(text, {})", r#""1""#);
        check("[for t in list : templatestring(t, {})]", r#"["a","b"]"#);
    }

    #[test]
    fn failures_are_caught() {
        check("try(list[9], \"x\")", r#""x""#);
        check("try(list[9])", "error: `try`: none of the arguments can be evaluated");
        check("try(unknown, 1)", "unknown any");
        check("try(list[9], [1, 2]...)", "1");
        check(
            "try([list[9]]...)",
            "error: there is no element 9: it has 2, counted from 0",
        );
        check(
            "try(1, 5...)",
            "error: what is expanded with `...` must be a list, set or tuple, not a number",
        );
        check("can(list[9])", "false");
        check("can(unknown_text)", "unknown bool, not null");
        check("can()", "error: `can` takes exactly one argument");
    }

    #[test]
    fn declared() {
        let names = Names::declaring(
            "function double(n: number): number = n * 2\n\
             function twice(n: number): string = double(double(n))\n\
             function self(n: number): number = self(n)\n\
             function impure(): string = text\n\
             function pair(o: object({ a = number, b = optional(number, 7) })): any = [o.a, o.b]\n",
        );
        let check = |text, expect| check_in(&names, text, expect);
        check("double(\"4\")", "8");
        check("twice(2)", r#""8""#);
        check("self(1)", "error: functions must not call themselves: `self` → `self`");
        check(
            "impure()",
            "error: a function sees only its parameters, so there is no `text`",
        );
        check("pair({ a = 1 })", "[1,7]");
        check(
            "pair({ a = 1, c = 2 })",
            "error: the argument `o` of `pair` does not fit: unexpected attribute \"c\"",
        );
        check("double()", "error: `double(n)` takes 1 arguments, got 0");
        check("[for n in [1, 2] : double(n)]", "[2,4]");
    }
}

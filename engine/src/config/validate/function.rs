//! Calls of functions, and `function` statements.

use std::collections::{BTreeMap, BTreeSet};

use infra_syntax::ast::{Call, FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};

use super::Validator;
use crate::config::model::Module;
use crate::config::names;
use crate::config::references::{Traversal, Visitor, walk_expr_with};
use crate::eval::{functions, type_expr};

/// Functions whose arguments may fail: the evaluator knows them by name.
const SPECIAL: &[&str] = &["try", "can"];

/// Checks that a function exists and takes as many arguments as it is given.
pub(super) fn call(module: &Module, call: &Call, span: Span, out: &mut Diagnostics) {
    let name = &call.name;
    let plain = name.name.strip_prefix("core::").unwrap_or(&name.name);
    if SPECIAL.contains(&plain) {
        return;
    }
    if let Some(function) = module.functions.get(&name.name) {
        let params: Vec<&str> = function.params.iter().map(|p| &*p.name.name).collect();
        let signature = || format!("{}({})", name.name, params.join(", "));
        let arity = Arity {
            least: params.len(),
            most: Some(params.len()),
        };
        if let Some(d) = arity.check(call, signature, span) {
            out.push(d.related(function.name.span, "declared here"));
        }
        return;
    }
    let Some(spec) = functions::lookup(&name.name) else {
        if !module.may_declare(&name.name) {
            out.push(unknown(module, name));
        }
        return;
    };
    let arity = Arity {
        least: spec.params.len(),
        most: spec.variadic.is_none().then_some(spec.params.len()),
    };
    out.extend(arity.check(call, || spec.signature(), span));
}

struct Arity {
    least: usize,
    most: Option<usize>,
}

impl Arity {
    fn check(&self, call: &Call, signature: impl FnOnce() -> String, span: Span) -> Option<Diagnostic> {
        let (given, expand_final) = (call.args.len(), call.expand_final);
        let few = !expand_final && given < self.least;
        let many = self.most.is_some_and(|most| given > most + usize::from(expand_final));
        if !few && !many {
            return None;
        }
        let amount = |n: usize| match n {
            0 => "no argument".to_owned(),
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        let takes = match self.most {
            Some(_) => amount(self.least),
            None => format!("at least {}", amount(self.least)),
        };
        let signature = signature();
        let name = signature.split('(').next().unwrap_or(&signature);
        Some(
            Diagnostic::error(
                "infra::config::wrong_arity",
                format!("`{name}` takes {takes}, not {given}"),
            )
            .at(span, if few { "too few arguments" } else { "too many arguments" })
            .help(format!("it is called like `{signature}`")),
        )
    }
}

fn unknown(module: &Module, name: &Ident) -> Diagnostic {
    let declared = module.functions.keys().map(|k| &**k);
    let built_in = functions::names().map(|n| -> &str { n });
    let known = declared.chain(built_in).chain(SPECIAL.iter().copied());
    let help = match infra_types::suggest(&name.name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if name.name.starts_with("provider::") => "functions of providers are not supported".to_owned(),
        None => format!("declare it: `function {}(…): … = …`", name.name),
    };
    Diagnostic::error(
        "infra::config::unknown_function",
        format!("there is no function `{}`", name.name),
    )
    .at(name.span, "not known")
    .help(help)
}

impl<'a> Validator<'a, '_> {
    /// Checks a `function` statement: it sees its parameters and nothing else.
    pub(super) fn function(&mut self, function: &'a FunctionDecl) {
        let types = &self.module.types;
        let named = |name: &str| types.get(name).cloned();
        let all = function.params.iter().map(|p| &p.ty).chain([&function.result]);
        for ty in all {
            if let Err(errors) = type_expr::parse(ty, &named) {
                self.out.extend(errors);
            }
        }
        if names::is_valid(&function.name.name) && functions::lookup(&function.name.name).is_some() {
            self.out.push(
                Diagnostic::error(
                    "infra::config::reserved_name",
                    format!("a function cannot be called `{}`", function.name.name),
                )
                .at(function.name.span, "a built-in function has this name")
                .help("choose another name"),
            );
        }
        let params: Vec<&str> = function.params.iter().map(|p| &*p.name.name).collect();
        let mut body = Body {
            module: self.module,
            params: &params,
            function,
            out: self.out,
        };
        walk_expr_with(&function.body, &params, &mut body);
    }

    /// Reports functions that call themselves, directly or not.
    pub(super) fn function_cycles(&mut self) {
        let functions = &self.module.functions;
        let calls: BTreeMap<&str, BTreeSet<&str>> = functions
            .iter()
            .map(|(name, function)| {
                let mut calls = Calls::default();
                walk_expr_with(&function.body, &[], &mut calls);
                calls.0.retain(|called| functions.contains_key(*called));
                (&**name, calls.0)
            })
            .collect();
        let mut done = BTreeSet::new();
        for name in calls.keys() {
            let mut way = Vec::new();
            if let Some(cycle) = find_cycle(name, &calls, &mut done, &mut way) {
                let names: Vec<String> = cycle.iter().map(|n| format!("`{n}`")).collect();
                let function = &functions[cycle[0]];
                self.out.push(
                    Diagnostic::error(
                        "infra::config::recursive_function",
                        format!("the function `{}` calls itself: {}", cycle[0], names.join(" → ")),
                    )
                    .at(function.name.span, "calls itself")
                    .help("functions cannot be recursive; use a `for` expression"),
                );
            }
        }
    }
}

/// Returns a cycle that is reached from a function, if it was not found before.
fn find_cycle<'n>(
    name: &'n str,
    calls: &BTreeMap<&'n str, BTreeSet<&'n str>>,
    done: &mut BTreeSet<&'n str>,
    way: &mut Vec<&'n str>,
) -> Option<Vec<&'n str>> {
    if let Some(start) = way.iter().position(|n| *n == name) {
        return Some(way[start..].iter().copied().chain([name]).collect());
    }
    if !done.insert(name) {
        return None;
    }
    way.push(name);
    let cycle = calls[name]
        .iter()
        .find_map(|called| find_cycle(called, calls, done, way));
    way.pop();
    cycle
}

/// Checks the names in a function's body.
struct Body<'a, 'o> {
    module: &'a Module,
    params: &'o [&'a str],
    function: &'a FunctionDecl,
    out: &'o mut Diagnostics,
}

impl<'a> Visitor<'a> for Body<'a, '_> {
    fn traversal(&mut self, t: Traversal<'a>) {
        self.out.push(
            Diagnostic::error(
                "infra::config::impure_function",
                format!(
                    "a function sees only its parameters, not `{}`",
                    t.describe(t.steps.len())
                ),
            )
            .at(t.span, "not a parameter")
            .related(self.function.name.span, "the function")
            .help(match infra_types::suggest(&t.root.name, self.params.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add a parameter and give it this value where the function is called".to_owned(),
            }),
        );
    }

    fn call(&mut self, call: &'a Call, span: Span) {
        self::call(self.module, call, span, self.out);
    }
}

/// Collects the names of called functions.
#[derive(Default)]
struct Calls<'a>(BTreeSet<&'a str>);

impl<'a> Visitor<'a> for Calls<'a> {
    fn traversal(&mut self, _: Traversal<'a>) {}

    fn call(&mut self, call: &'a Call, _: Span) {
        self.0.insert(&call.name.name);
    }
}

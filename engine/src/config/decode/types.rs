//! `type` statements.

use std::collections::{BTreeMap, HashMap};

use infra_syntax::ast::{Expr, TypeDecl};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::Str;

use super::Decoder;
use crate::config::names;
use crate::config::references::{Traversal, Visitor, walk_expr};
use crate::eval::type_expr::{self, TypeConstraint};

/// Names that types have already.
const BUILT_IN: &[&str] = &[
    "any", "bool", "number", "string", "list", "set", "map", "tuple", "object", "optional", "enum", "secret",
];

impl Decoder<'_> {
    /// Reads the `type` statements of all files; one may use another, whatever the order.
    pub(super) fn types(&mut self, decls: Vec<TypeDecl>) {
        let mut pending: BTreeMap<Str, TypeDecl> = BTreeMap::new();
        for decl in decls {
            let name = decl.name.clone();
            if BUILT_IN.contains(&&*name.name) {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::reserved_name",
                        format!("a type cannot be called `{}`", name.name),
                    )
                    .at(name.span, "a built-in type has this name")
                    .help("choose another name"),
                );
            } else if self.is_new(format!("type `{}`", name.name), name.span) {
                pending.insert(name.name, decl);
            }
        }
        let mut order = Order {
            pending: &pending,
            states: HashMap::new(),
            sorted: Vec::with_capacity(pending.len()),
            cycles: Vec::new(),
        };
        for name in pending.keys() {
            order.visit(name, &mut Vec::new());
        }
        let (sorted, cycles) = (order.sorted, order.cycles);
        for name in pending.keys() {
            // What a cycle mentions too early takes any value.
            self.folder.module.types.insert(name.clone(), TypeConstraint::any());
        }
        self.out.extend(cycles);
        for name in sorted {
            let ty = self.named_type(&pending[&name]);
            self.folder.module.types.insert(name, ty);
        }
    }
}

/// Sorts `type` statements so that each comes after those it uses.
struct Order<'a> {
    pending: &'a BTreeMap<Str, TypeDecl>,
    /// Whether a type is done (`true`) or being visited.
    states: HashMap<&'a str, bool>,
    sorted: Vec<Str>,
    cycles: Vec<Diagnostic>,
}

impl<'a> Order<'a> {
    fn visit(&mut self, name: &'a Str, chain: &mut Vec<&'a str>) {
        let pending = self.pending;
        let decl = &pending[name];
        match self.states.get(&**name) {
            Some(true) => return,
            Some(false) => {
                let start = chain.iter().position(|n| *n == &**name).unwrap_or(0);
                let way: Vec<String> = chain[start..]
                    .iter()
                    .chain([&&**name])
                    .map(|n| format!("`{n}`"))
                    .collect();
                self.cycles.push(
                    Diagnostic::error(
                        "infra::config::recursive_type",
                        format!("the type `{name}` contains itself: {}", way.join(" → ")),
                    )
                    .at(decl.name.span, "contains itself")
                    .help("use `any` where the recursion begins"),
                );
                return;
            }
            None => {}
        }
        self.states.insert(name, false);
        chain.push(name);
        let mut used = Names::default();
        walk_expr(&decl.ty, &mut used);
        for used in used.0 {
            if let Some((name, _)) = pending.get_key_value(used) {
                self.visit(name, chain);
            }
        }
        chain.pop();
        self.states.insert(name, true);
        self.sorted.push(name.clone());
    }
}

/// Collects the names that stand alone.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Visitor<'a> for Names<'a> {
    fn traversal(&mut self, traversal: Traversal<'a>) {
        self.0.push(&traversal.root.name);
    }
}

impl Decoder<'_> {
    /// Reads a type; named types are those read before.
    pub(super) fn type_constraint(&mut self, expr: &Expr) -> Option<TypeConstraint> {
        let types = &self.folder.module.types;
        let result = type_expr::parse(expr, &|name| types.get(name).cloned());
        result.map_err(|errors| self.out.extend(suggested(errors, types))).ok()
    }

    /// Reads a `type` statement; what is wrong takes any value.
    fn named_type(&mut self, decl: &TypeDecl) -> TypeConstraint {
        let types = &self.folder.module.types;
        match type_expr::parse_decl(decl, &|name| types.get(name).cloned()) {
            Ok(ty) => ty,
            Err(errors) => {
                self.out.extend(suggested(errors, types));
                TypeConstraint::any()
            }
        }
    }
}

/// Adds named types to the advice about types that are not there.
fn suggested(mut errors: Diagnostics, types: &BTreeMap<Str, TypeConstraint>) -> Diagnostics {
    for d in errors.0.iter_mut().filter(|d| d.help.is_none()) {
        let name = d
            .message
            .strip_prefix("there is no type `")
            .and_then(|rest| rest.strip_suffix('`'));
        if let Some(near) = name.and_then(|name| names::nearest(name, types.keys().map(|k| &**k))) {
            d.help = Some(format!("did you mean `{near}`?"));
        }
    }
    errors
}

//! Why a value does not fit a type: every reason, in words and with its place.

use infra_syntax::Span;
use infra_syntax::ast::Expr;
use infra_types::{Path, PathStep, Type, Value, ValueKind, convert_closed, suggest};

use crate::eval::spans;
use crate::eval::type_expr::Problem;

/// One reason.
#[derive(Clone, Debug)]
pub(crate) struct Misfit {
    /// The part of the value.
    pub(crate) path: Path,
    /// What is wrong with it.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// The name of an attribute that the type does not have.
    unexpected: Option<String>,
    /// The condition that does not hold.
    pub(crate) condition: Option<Span>,
    /// Whether the type is right and something else is not.
    beyond_type: bool,
}

impl Misfit {
    /// Returns the place of the part in the expression that the value comes from.
    pub(crate) fn span(&self, expr: &Expr) -> Span {
        match &self.unexpected {
            Some(name) => spans::key_within(expr, &self.path, name),
            None => spans::within(expr, &self.path),
        }
    }

    /// Returns a few words for the place: what stands there.
    pub(crate) fn label(&self, value: &Value) -> String {
        if self.unexpected.is_some() {
            return "not known here".to_owned();
        }
        if self.beyond_type {
            return "this value".to_owned();
        }
        match self.path.get(value).unwrap_or(value).ty() {
            Type::Dynamic => "does not fit".to_owned(),
            ty => format!("this is {}", described(&ty)),
        }
    }
}

/// Returns a type with its article, in words of the language's users.
pub(crate) fn described(ty: &Type) -> String {
    match ty {
        // What is written in brackets is called a list by everybody.
        Type::Tuple(_) => "a list".to_owned(),
        Type::Object(_) => "an object".to_owned(),
        ty => format!("a {}", ty.friendly()),
    }
}

/// Returns all reasons why a value does not convert to a type; none if it does.
pub(crate) fn misfits(value: &Value, ty: &Type) -> Vec<Misfit> {
    let mut found = Vec::new();
    Search { found: &mut found }.run(value, ty, &Path::root());
    found
}

/// Returns the reasons for which a variable's type refused a value.
///
/// Conversion stops at the first reason; when that is what failed, all are looked for.
pub(crate) fn of_problems(problems: Vec<Problem>, value: &Value, ty: &Type) -> Vec<Misfit> {
    let all = misfits(value, ty);
    if !all.is_empty() {
        return all;
    }
    let convert = |p: Problem| Misfit {
        path: p.path,
        message: p.message,
        help: p.help.map(|h| h.replace('"', "`")),
        unexpected: None,
        condition: p.condition,
        beyond_type: true,
    };
    problems.into_iter().map(convert).collect()
}

struct Search<'f> {
    found: &'f mut Vec<Misfit>,
}

impl Search<'_> {
    fn add(&mut self, path: Path, message: String, help: Option<String>) {
        self.found.push(Misfit {
            path,
            message,
            help,
            unexpected: None,
            condition: None,
            beyond_type: false,
        });
    }

    fn run(&mut self, value: &Value, ty: &Type, at: &Path) {
        let Err(e) = convert_closed(value, ty) else {
            return;
        };
        let before = self.found.len();
        match (&value.kind, ty) {
            (ValueKind::Object(_) | ValueKind::Map(_), Type::Object(_)) => self.object(value, ty, at),
            (ValueKind::Object(_) | ValueKind::Map(_), Type::Map(elem)) => {
                for (key, part) in value.as_entries().into_iter().flatten() {
                    self.run(part, elem, &at.join(PathStep::Key(key.clone())));
                }
            }
            (ValueKind::Tuple(_) | ValueKind::List(_) | ValueKind::Set(_), Type::List(elem) | Type::Set(elem)) => {
                for (i, part) in value.as_items().unwrap_or_default().iter().enumerate() {
                    self.run(part, elem, &at.join_index(i));
                }
            }
            _ => {}
        }
        if self.found.len() == before {
            let path = Path(at.0.iter().chain(&e.path.0).cloned().collect());
            self.add(path, in_backticks(&e.message), None);
        }
    }

    fn object(&mut self, value: &Value, ty: &Type, at: &Path) {
        let (Some(given), Type::Object(wanted)) = (value.as_entries(), ty) else {
            return;
        };
        let mut meant = Vec::new();
        for (name, part) in given {
            if let Some(attribute) = wanted.get(name) {
                self.run(part, &attribute.ty, &at.join_attr(name.clone()));
                continue;
            }
            let near = suggest(name, wanted.keys().map(|k| &**k));
            meant.extend(near);
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its attributes are {}", super::names::list(wanted.keys().map(|k| &**k))),
            };
            self.found.push(Misfit {
                path: at.clone(),
                message: format!("it has no attribute `{name}`"),
                help: Some(help),
                unexpected: Some(name.to_string()),
                condition: None,
                beyond_type: false,
            });
        }
        for (name, attribute) in wanted.iter() {
            if !attribute.optional && !given.contains_key(name) && !meant.contains(&&**name) {
                let help = format!("add `{name} = …`");
                self.add(at.clone(), format!("the attribute `{name}` is missing"), Some(help));
            }
        }
    }
}

/// Puts the names in a conversion's words into backticks.
fn in_backticks(message: &str) -> String {
    message.replace('"', "`")
}

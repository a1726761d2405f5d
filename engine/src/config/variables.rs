//! Values for the root module's variables: from the environment, variable
//! files and the command line.
//!
//! Later ones win: environment variables (`INFRA_VAR_name`), `auto.vars.infra`,
//! `*.auto.vars.infra` by name, then what the command line says in its order.
//! Variable files may be JSON (`*.json`).

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_syntax::ast::Expr;
use infra_syntax::parse::{decode as decode_text, parse_expr, parse_file};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Sources, Span};
use infra_types::{Str, Value, json};

use super::decode::constant::NoNames;
use super::loader::{self, SourceLoader};
use super::misfit::{Misfit, of_problems};
use super::model::{Config, Module, Variable};
use super::names;
use crate::eval::{self, spans};

/// What environment variables begin with.
const PREFIX: &str = "INFRA_VAR_";

/// A value as it was given.
#[derive(Clone, Debug)]
pub enum RawValue {
    /// A text: it is the value of a variable of a primitive type, and an expression otherwise.
    Text(Str),
    /// An expression in a variable file.
    Expr(Expr),
    /// A value from JSON.
    Value(Value),
}

/// Where a value was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In an environment variable.
    Environment,
    /// In a variable file.
    File,
    /// On the command line.
    CommandLine,
}

/// One value that was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// The variable's name.
    pub name: Str,
    /// The value.
    pub value: RawValue,
    /// Where it was given.
    pub origin: Origin,
    /// The place of the name, if it is written as one.
    pub name_span: Span,
    /// The place of the value.
    pub span: Span,
}

/// One option of the command line.
#[derive(Clone, Debug)]
pub enum Argument {
    /// `--var NAME=VALUE`.
    Value(String),
    /// `--var-file FILE`.
    File(String),
}

/// All values that were given, in their order.
#[derive(Debug)]
pub struct Collected {
    /// The values.
    pub given: Vec<Given>,
    /// The texts: those of the configuration, and after them those of the values.
    pub sources: Sources,
    /// What is wrong with their form.
    pub diagnostics: Diagnostics,
}

/// Collects the given values; on the command line all files stand before all values.
pub fn collect(
    loader: &dyn SourceLoader,
    config: &Config,
    root: &str,
    environment: &[(String, String)],
    files: &[String],
    values: &[String],
) -> Collected {
    let files = files.iter().cloned().map(Argument::File);
    let values = values.iter().cloned().map(Argument::Value);
    let arguments: Vec<Argument> = files.chain(values).collect();
    collect_in_order(loader, config, root, environment, &arguments)
}

/// Collects the given values. Paths of files are relative to the working folder.
pub fn collect_in_order(
    loader: &dyn SourceLoader,
    config: &Config,
    root: &str,
    environment: &[(String, String)],
    arguments: &[Argument],
) -> Collected {
    let mut sources = Sources::new();
    for (_, source) in config.sources.iter() {
        sources.add(source.name.clone(), Arc::clone(&source.text));
    }
    let mut collected = Collected {
        given: Vec::new(),
        sources,
        diagnostics: Diagnostics::new(),
    };
    let mut environment: Vec<(&str, &str)> = environment
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
        .collect();
    environment.sort_unstable();
    for (name, value) in environment {
        collected.text(name, value, format!("{PREFIX}{name}"), Origin::Environment);
    }
    let mut automatic: Vec<String> = loader.list(root).unwrap_or_default();
    automatic.retain(|name| is_automatic(name));
    automatic.sort_by_key(|name| (!name.starts_with("auto.vars."), name.clone()));
    for name in automatic {
        collected.file(loader, &loader::join(root, &name));
    }
    for argument in arguments {
        match argument {
            Argument::File(path) => collected.file(loader, path),
            Argument::Value(text) => collected.argument(text),
        }
    }
    collected
}

/// Says whether a variable file is loaded without being asked for.
fn is_automatic(name: &str) -> bool {
    ["auto.vars.infra", "auto.vars.json"].iter().any(|end| {
        name.strip_suffix(end)
            .is_some_and(|start| start.is_empty() || start.ends_with('.'))
    })
}

impl Collected {
    fn text(&mut self, name: &str, value: &str, source: String, origin: Origin) {
        let id = self.sources.add(source, value);
        let span = Span::new(id, 0, value.len());
        self.given.push(Given {
            name: name.into(),
            value: RawValue::Text(value.into()),
            origin,
            name_span: span,
            span,
        });
    }

    fn argument(&mut self, text: &str) {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let name = name.trim();
                self.text(name, value, format!("--var {name}"), Origin::CommandLine);
            }
            _ => self.diagnostics.push(
                Diagnostic::error(
                    "infra::variables::invalid_option",
                    format!("`--var {text}` does not give a variable a value"),
                )
                .help("write `--var name=value`"),
            ),
        }
    }

    fn file(&mut self, loader: &dyn SourceLoader, path: &str) {
        let text = match loader.read(path) {
            Ok(bytes) => decode_text(bytes, path),
            Err(e) => Err(Diagnostic::error(
                "infra::variables::unreadable_file",
                format!("the variable file `{path}` cannot be read: {e}"),
            )
            .help("paths of variable files are relative to the working folder")),
        };
        let text: Arc<str> = match text {
            Ok(text) => text.into(),
            Err(d) => return self.diagnostics.push(d),
        };
        let id = self.sources.add(path, Arc::clone(&text));
        match path.ends_with(".json") {
            true => self.json(&text, id),
            false => self.attributes(&text, id),
        }
    }

    fn attributes(&mut self, text: &str, id: SourceId) {
        let (file, errors) = parse_file(text, id);
        self.diagnostics.extend(errors);
        let blocks = file.body.blocks.iter().map(|b| (b.header, &b.kind.name));
        let types = file.types.iter().map(|t| (t.span, &t.name.name));
        let functions = file.functions.iter().map(|f| (f.span, &f.name.name));
        for (span, name) in blocks.chain(types).chain(functions) {
            self.diagnostics.push(
                Diagnostic::error(
                    "infra::variables::invalid_file",
                    format!("a variable file holds only values, not `{name}`"),
                )
                .at(span, "not a value")
                .help("write `name = value`; declarations belong in a `.infra` file of the module"),
            );
        }
        for attribute in file.body.attributes {
            self.given.push(Given {
                name: attribute.name.name,
                span: attribute.expr.span,
                value: RawValue::Expr(attribute.expr),
                origin: Origin::File,
                name_span: attribute.name.span,
            });
        }
    }

    fn json(&mut self, text: &str, id: SourceId) {
        let error = |message: String, at: usize| {
            let at = at.min(text.len());
            Diagnostic::error("infra::variables::invalid_file", message).at(Span::new(id, at, at), "here")
        };
        let value = match json::decode(text) {
            Ok(value) => value,
            Err(e) => {
                let at = match &e {
                    json::JsonError::Syntax { offset, .. } => *offset,
                    _ => 0,
                };
                let d = error(format!("the variable file is not JSON: {e}"), at);
                return self.diagnostics.push(d);
            }
        };
        let Some(entries) = value.as_entries() else {
            let d = error("a variable file in JSON must be an object".into(), 0);
            return self.diagnostics.push(d.help("write `{ \"name\": value }`"));
        };
        for (name, value) in entries {
            let mut quoted = String::new();
            json::write_string(name, &mut quoted);
            let at = text.find(&quoted).unwrap_or(0);
            let span = Span::new(id, at, at + quoted.len());
            self.given.push(Given {
                name: name.clone(),
                value: RawValue::Value(value.clone()),
                origin: Origin::File,
                name_span: span,
                span,
            });
        }
    }

    /// Returns the values of the root module's variables: given or default, converted.
    ///
    /// `validation` blocks are not checked here: they may refer to other values.
    pub fn resolve(self, config: &Config) -> (BTreeMap<Str, Value>, Arc<Sources>, Diagnostics) {
        self.resolve_some(config, &|_| true)
    }

    /// As [`Collected::resolve`], for those variables that are asked for; the others may lack a value.
    pub fn resolve_some(
        self,
        config: &Config,
        wanted: &dyn Fn(&Str) -> bool,
    ) -> (BTreeMap<Str, Value>, Arc<Sources>, Diagnostics) {
        let module = config.root();
        let mut out = self.diagnostics;
        let mut last: BTreeMap<&Str, &Given> = BTreeMap::new();
        for given in &self.given {
            if module.variables.contains_key(&given.name) {
                last.insert(&given.name, given);
            } else if !module.may_declare(&given.name) {
                out.extend(undeclared(module, given));
            }
        }
        let mut values = BTreeMap::new();
        for (name, variable) in module.variables.iter().filter(|(name, _)| wanted(name)) {
            let value = match last.get(name) {
                Some(given) => one(variable, given, &self.sources, &mut out),
                None => without(variable, &mut out),
            };
            if let Some(value) = value {
                values.insert(name.clone(), value);
            }
        }
        out.sort();
        (values, Arc::new(self.sources), out)
    }
}

/// Returns what is to be said about a value for a variable that is not declared.
fn undeclared(module: &Module, given: &Given) -> Option<Diagnostic> {
    let code = "infra::variables::undeclared";
    let message = format!("a value is given for `{}`, but there is no such variable", given.name);
    let d = match given.origin {
        Origin::Environment => return None,
        Origin::File => Diagnostic::warning(code, message).at(given.name_span, "not declared"),
        Origin::CommandLine => Diagnostic::error(code, message),
    };
    let declared = module.variables.keys().map(|k| &**k);
    Some(d.help(names::advice(
        &given.name,
        declared,
        "the variables are",
        "the root module declares no variables",
    )))
}

/// Returns the value of a variable that was given none.
fn without(variable: &Variable, out: &mut Diagnostics) -> Option<Value> {
    if variable.default_span.is_none() {
        let name = &variable.name.name;
        out.push(
            Diagnostic::error(
                "infra::variables::missing",
                format!("the variable `{name}` needs a value"),
            )
            .at(variable.span, "has no default")
            .help(format!(
                "use `--var {name}=…`, a file `NAME.vars.infra` with `--var-file`, or the environment variable `{PREFIX}{name}`"
            )),
        );
    }
    variable.default.clone()
}

/// Converts the value given for a variable.
fn one(variable: &Variable, given: &Given, sources: &Sources, out: &mut Diagnostics) -> Option<Value> {
    let (value, expr) = match raw(variable, given, sources) {
        Ok(found) => found,
        Err(errors) => {
            out.extend(errors.into_iter().map(|d| hide(variable, given, sources, d)));
            return None;
        }
    };
    if value.is_null() {
        if variable.nullable {
            return Some(Value::null_of(variable.ty.ty.clone()));
        }
        if variable.default_span.is_some() {
            return variable.default.clone();
        }
        let d = Diagnostic::error(
            "infra::variables::null",
            format!("the variable `{}` must not be null", variable.name.name),
        )
        .at(given.span, "null")
        .related(variable.span, "declared with `nullable = false`");
        out.push(d);
        return None;
    }
    let secret = variable.sensitive || variable.ty.is_secret();
    let plain = value.clone();
    let value = if secret { value.sensitive() } else { value };
    match variable.convert(value, &NoNames) {
        Ok(value) => Some(value),
        Err(problems) => {
            for misfit in of_problems(problems, &plain, &variable.ty.ty) {
                let d = describe(variable, given, expr.as_ref(), &plain, misfit);
                out.push(hide(variable, given, sources, d));
            }
            None
        }
    }
}

/// Returns the value that was given before conversion, and the expression it came from.
fn raw(variable: &Variable, given: &Given, sources: &Sources) -> Result<(Value, Option<Expr>), Diagnostics> {
    let expr = match &given.value {
        RawValue::Value(value) => return Ok((value.clone(), None)),
        RawValue::Expr(expr) => expr.clone(),
        RawValue::Text(text) => {
            if variable.type_span.is_none() || variable.ty.ty.is_primitive() {
                return Ok((Value::string(text.clone()), None));
            }
            let text = sources.text(given.span);
            parse_expr(text, given.span.source).map_err(|errors| text_not_expression(variable, given, errors))?
        }
    };
    let value = eval::eval(&expr, &NoNames)?;
    Ok((value, Some(expr)))
}

/// Adds to syntax errors why the text is read as an expression at all.
fn text_not_expression(variable: &Variable, given: &Given, errors: Diagnostics) -> Diagnostics {
    let mut all = Diagnostics::new();
    for d in errors {
        let why = format!(
            "the value of `{}` is read as an expression, because its type is `{}`",
            given.name, variable.ty.ty
        );
        all.push(d.note(why));
    }
    all
}

fn describe(variable: &Variable, given: &Given, expr: Option<&Expr>, value: &Value, misfit: Misfit) -> Diagnostic {
    let place = spans::describe(&variable.name.name, &misfit.path);
    let span = expr.map_or(given.span, |expr| misfit.span(expr));
    let mut d = Diagnostic::error(
        "infra::variables::wrong_type",
        format!("the value of `{place}` does not fit: {}", misfit.message),
    )
    .at(span, misfit.label(value))
    .related(variable.type_span.unwrap_or(variable.span), "the variable's type");
    if let Some(condition) = misfit.condition {
        d = d.related(condition, "the condition");
    }
    d.help = misfit.help;
    d
}

/// Takes the place out of a finding about a secret: the lines there would show it.
fn hide(variable: &Variable, given: &Given, sources: &Sources, mut d: Diagnostic) -> Diagnostic {
    if !variable.sensitive && !variable.ty.is_secret() {
        return d;
    }
    if d.label
        .as_ref()
        .is_some_and(|(span, _)| span.source == given.span.source)
    {
        d.label = None;
        let location = match given.origin {
            Origin::File => sources.location(given.span),
            _ => sources
                .try_get(given.span.source)
                .map(|s| s.name.clone())
                .unwrap_or_default(),
        };
        d.notes.push(format!(
            "given in {location}, which is not shown because it is a secret"
        ));
    }
    d
}

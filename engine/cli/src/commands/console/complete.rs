//! What can follow where the cursor is: names, attributes, functions.

use std::collections::BTreeSet;

use infra_engine::config::{Module, Repetition};
use infra_engine::eval::functions;
use infra_syntax::tokens::{self, Kind, Token};
use infra_types::{Mode, Str, Type, Value, ValueKind};

use super::session::Session;
use crate::ui::values;

/// Something that may be meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// What is put in.
    pub text: String,
    /// What is shown in the list: of functions, how they are called.
    pub display: String,
}

impl Candidate {
    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            display: text.clone(),
            text,
        }
    }
}

/// Returns what the word before the cursor may become, and where that word begins.
pub(super) fn complete(session: &Session<'_, '_>, line: &str, cursor: usize) -> (usize, Vec<Candidate>) {
    let before = line.get(..cursor).unwrap_or(line);
    let found = tokens::expression(before);
    if found.ends_in_text {
        return (cursor, Vec::new());
    }
    let typed = Typed {
        text: before,
        tokens: found
            .tokens
            .into_iter()
            .filter(|t| !matches!(t.kind, Kind::Newline | Kind::Comment))
            .collect(),
    };
    let (word, rest) = match typed.tokens.split_last() {
        Some((last, rest)) if last.end == before.len() && last.kind == Kind::Name => (typed.word(*last), rest),
        // A number is no beginning of a name.
        Some((last, _)) if last.end == before.len() && last.kind == Kind::Number => return (cursor, Vec::new()),
        _ => ("", typed.tokens.as_slice()),
    };
    let start = before.len() - word.len();
    let mut candidates = match rest.last() {
        Some(dot) if dot.kind == Kind::Dot => match typed.base(rest.len() - 1) {
            Some(base) => members(session, &typed, &rest[base..rest.len() - 1]),
            None => Vec::new(),
        },
        Some(sign) if typed.word(*sign) == "::" => match rest {
            [.., space, _] if typed.word(*space) == "core" => built_in(),
            _ => Vec::new(),
        },
        _ => roots(session, &typed, rest),
    };
    candidates.retain(|c| c.text.starts_with(word));
    candidates.sort();
    candidates.dedup();
    (start, candidates)
}

/// Returns how the call that the cursor is in goes on, such as `offset, length)`.
pub(super) fn signature(session: &Session<'_, '_>, line: &str) -> Option<String> {
    let found = tokens::expression(line);
    let mut depth = 0usize;
    let mut commas = 0usize;
    let mut open = None;
    for (i, token) in found.tokens.iter().enumerate().rev() {
        match token.kind {
            Kind::Close => depth += 1,
            Kind::Open if depth > 0 => depth -= 1,
            Kind::Open => {
                open = Some(i);
                break;
            }
            Kind::Comma if depth == 0 => commas += 1,
            _ => {}
        }
    }
    let open = open?;
    let [.., name, paren] = &found.tokens[..=open] else {
        return None;
    };
    if name.kind != Kind::Name || name.end != paren.start || &line[paren.start..paren.end] != "(" {
        return None;
    }
    let (params, variadic) = parameters(session, &line[name.start..name.end])?;
    let is_begun = found
        .tokens
        .last()
        .is_some_and(|t| !matches!(t.kind, Kind::Open | Kind::Comma));
    let skipped = commas + usize::from(is_begun);
    let mut rest: Vec<String> = params.into_iter().skip(skipped).collect();
    rest.extend(variadic.map(|name| format!("{name}...")));
    let rest = rest.join(", ");
    let space = if line.ends_with(',') { " " } else { "" };
    Some(match (is_begun, rest.is_empty()) {
        (true, false) => format!(", {rest})"),
        (false, false) => format!("{space}{rest})"),
        (_, true) => ")".into(),
    })
}

/// Returns the names of a function's parameters, and of what may follow them.
fn parameters(session: &Session<'_, '_>, name: &str) -> Option<(Vec<String>, Option<String>)> {
    if let Some(spec) = functions::lookup(name) {
        let params = spec.params.iter().map(|p| p.name.to_owned()).collect();
        return Some((params, spec.variadic.as_ref().map(|p| p.name.to_owned())));
    }
    let function = session.root().functions.get(name)?;
    Some((function.params.iter().map(|p| p.name.name.to_string()).collect(), None))
}

/// What stands before the cursor.
struct Typed<'t> {
    text: &'t str,
    tokens: Vec<Token>,
}

impl Typed<'_> {
    fn word(&self, token: Token) -> &str {
        &self.text[token.start..token.end]
    }

    /// Returns where the reference begins that the dot at an index belongs to.
    ///
    /// Nothing for a dot behind a call or an expression in brackets: these are
    /// not evaluated while someone types.
    fn base(&self, dot: usize) -> Option<usize> {
        let mut at = dot;
        loop {
            let part = at.checked_sub(1)?;
            let token = self.tokens[part];
            at = match token.kind {
                Kind::Close if self.word(token) == "]" => self.opening(part)?,
                Kind::Name | Kind::Number => part,
                Kind::Operator if self.word(token) == "*" => part,
                _ => return None,
            };
            let before = at.checked_sub(1).map(|i| self.tokens[i]);
            match before {
                Some(before) if before.kind == Kind::Dot => at -= 1,
                Some(before) if token.kind == Kind::Close && before.end == self.tokens[at].start => {}
                _ if token.kind == Kind::Name => return Some(at),
                _ => return None,
            }
        }
    }

    /// Returns the bracket that belongs to a closing one, if there is nothing to call between them.
    fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0usize;
        for at in (0..=close).rev() {
            match self.word(self.tokens[at]) {
                "]" => depth += 1,
                "[" => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                "(" | "{" => return None,
                _ => {}
            }
        }
        None
    }
}

impl Session<'_, '_> {
    fn root(&self) -> &Module {
        self.world.config.root()
    }

    fn types(&self, mode: Mode) -> impl Iterator<Item = &Str> {
        self.root()
            .resources
            .keys()
            .filter(move |k| k.mode == mode)
            .map(|k| &k.ty)
    }

    fn names(&self, mode: Mode, ty: &str) -> Vec<Candidate> {
        let keys = self.root().resources.keys();
        plain(keys.filter(|k| k.mode == mode && *k.ty == *ty).map(|k| &k.name))
    }
}

fn plain<'s>(names: impl IntoIterator<Item = &'s Str>) -> Vec<Candidate> {
    names.into_iter().map(|name| Candidate::plain(&**name)).collect()
}

/// What a reference may begin with, keywords and functions.
fn roots(session: &Session<'_, '_>, typed: &Typed<'_>, before: &[Token]) -> Vec<Candidate> {
    let module = session.root();
    let mut out = built_in();
    for (name, function) in &module.functions {
        let params: Vec<&str> = function.params.iter().map(|p| &*p.name.name).collect();
        out.push(Candidate {
            text: format!("{name}("),
            display: format!("{name}({})", params.join(", ")),
        });
    }
    let prefixes = [
        ("var.", !module.variables.is_empty()),
        ("local.", !module.locals.is_empty()),
        ("module.", !module.calls.is_empty()),
        ("data.", session.types(Mode::Data).next().is_some()),
        ("path.", true),
        ("each.", true),
        ("count.", true),
    ];
    out.extend(
        prefixes
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(text, _)| Candidate::plain(text)),
    );
    let types: BTreeSet<&Str> = session.types(Mode::Managed).collect();
    out.extend(types.into_iter().map(|ty| Candidate::plain(format!("{ty}."))));
    out.extend(["true", "false", "null", "self"].map(Candidate::plain));
    if before.last().is_some_and(|t| matches!(typed.word(*t), "[" | "{")) {
        out.push(Candidate::plain("for"));
    }
    out.extend(loop_variables(typed).into_iter().map(Candidate::plain));
    out
}

/// Returns the names that loops before the cursor introduce.
fn loop_variables<'t>(typed: &'t Typed<'_>) -> BTreeSet<&'t str> {
    let mut names = BTreeSet::new();
    let mut within = false;
    for token in &typed.tokens {
        match (token.kind, typed.word(*token)) {
            (Kind::Name, "for") => within = true,
            (Kind::Name, "in") => within = false,
            (Kind::Name, name) if within => {
                names.insert(name);
            }
            (Kind::Comma, _) => {}
            _ => within = false,
        }
    }
    names
}

fn built_in() -> Vec<Candidate> {
    let specs = functions::names().filter_map(functions::lookup);
    specs
        .map(|spec| Candidate {
            text: format!("{}(", spec.name),
            display: spec.signature(),
        })
        .collect()
}

/// What may follow the dot after a reference.
fn members(session: &Session<'_, '_>, typed: &Typed<'_>, base: &[Token]) -> Vec<Candidate> {
    let module = session.root();
    let is_path = base.iter().all(|t| matches!(t.kind, Kind::Name | Kind::Dot));
    let names: Vec<&str> = base
        .iter()
        .filter(|t| t.kind == Kind::Name)
        .map(|t| typed.word(*t))
        .collect();
    let fixed = |names: &[&str]| names.iter().map(|n| Candidate::plain(*n)).collect();
    match names.as_slice() {
        _ if !is_path => {}
        ["var"] => return plain(module.variables.keys()),
        ["local"] => return plain(module.locals.keys()),
        ["path"] => return fixed(&["cwd", "module", "root"]),
        ["each"] => return fixed(&["key", "value"]),
        ["count"] => return fixed(&["index"]),
        ["terraform" | "infra"] => return fixed(&["workspace"]),
        ["module"] => return plain(module.calls.keys()),
        ["module", name] => {
            let single = |call: &&infra_engine::config::ModuleCall| matches!(call.repetition, Repetition::Single);
            if let Some(call) = module.calls.get(*name).filter(single) {
                return plain(session.world.config.module(call.child).outputs.keys());
            }
        }
        ["data"] => return plain(session.types(Mode::Data).collect::<BTreeSet<_>>()),
        ["resource"] => return plain(session.types(Mode::Managed).collect::<BTreeSet<_>>()),
        ["data", ty] => return session.names(Mode::Data, ty),
        ["resource", ty] => return session.names(Mode::Managed, ty),
        [ty] if session.types(Mode::Managed).any(|t| **t == **ty) => return session.names(Mode::Managed, ty),
        _ => {}
    }
    let (Some(first), Some(last)) = (base.first(), base.last()) else {
        return Vec::new();
    };
    let text = &typed.text[first.start..last.end];
    let Ok(mut value) = session.evaluate(text) else {
        return Vec::new();
    };
    let is_splat = |w: &[Token]| typed.word(w[1]) == "*" && matches!(typed.word(w[0]), "[" | ".");
    if base.windows(2).any(is_splat) {
        // Behind `[*]` come the attributes of what is in the list.
        match value.as_items().and_then(<[Value]>::first) {
            Some(item) => value = item.clone(),
            None => return Vec::new(),
        }
    }
    attributes(&value)
        .or_else(|| planned_attributes(session, &names))
        .unwrap_or_default()
}

/// Returns the attributes of a value; nothing if it does not say.
fn attributes(value: &Value) -> Option<Vec<Candidate>> {
    if value.is_sensitive() {
        return Some(Vec::new());
    }
    let names = |names: &mut dyn Iterator<Item = &Str>| {
        let written_plainly = names.filter(|name| values::key(name) == ***name);
        plain(written_plainly)
    };
    if let Some(entries) = value.as_entries() {
        return Some(names(&mut entries.keys()));
    }
    match &value.kind {
        ValueKind::Unknown(Type::Object(attrs), _) => Some(names(&mut attrs.keys())),
        _ => None,
    }
}

/// Returns the attributes that a resource will have once it is made.
fn planned_attributes(session: &Session<'_, '_>, names: &[&str]) -> Option<Vec<Candidate>> {
    let (mode, ty, name) = match names {
        ["data", ty, name] => (Mode::Data, ty, name),
        ["resource", ty, name] | [ty, name] => (Mode::Managed, ty, name),
        _ => return None,
    };
    let declared = |k: &infra_engine::config::ResourceKey| k.mode == mode && *k.ty == **ty && *k.name == **name;
    if !session.root().resources.keys().any(declared) {
        return None;
    }
    match session.world.registry.schema(mode, ty)?.ty() {
        Type::Object(attrs) => Some(plain(attrs.keys())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use infra_engine::config::load;
    use infra_engine::eval::NoHost;
    use infra_engine::eval::world::{ModuleInstanceId, Purpose, World};
    use infra_types::InstanceKey;

    use super::*;
    use crate::loader::FileLoader;
    use crate::providers;

    const CONFIGURATION: &str = r#"
variable "name" { default = "world" }
variable "names" { default = { first = "a", "not plain" = "b" } }
variable "token" {
  default   = { hidden = "hunter2" }
  sensitive = true
}
locals {
  list = [{ key = 1, kind = 2 }]
}
function short_name(env: string, name: string): string = "${env}-${name}"
module "child" { source = "./child" }
module "many" {
  source = "./child"
  count  = 1
}
resource "terraform_data" "made" { input = { part = 1 } }
resource "terraform_data" "planned" { input = 1 }
resource "random_pet" "pet" {}
"#;

    /// Completes at `|`; returns the word and what it may become.
    fn check(text: &str) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("main.infra"), CONFIGURATION).expect("it can be written");
        std::fs::create_dir(folder.path().join("child")).expect("a folder can be made");
        let child = "output \"one\" { value = 1 }\noutput \"other\" { value = 2 }\n";
        std::fs::write(folder.path().join("child/main.infra"), child).expect("it can be written");
        let registry = providers::registry();
        let (config, _, errors) = load(&FileLoader, &folder.path().to_string_lossy(), &registry);
        assert!(!errors.has_errors(), "{errors:?}");
        let config = config.expect("it can be read");
        let world = World::new(&config, &registry, &NoHost, Purpose::Run, BTreeMap::new());
        let made = config
            .root()
            .resources
            .keys()
            .find(|k| &*k.name == "made")
            .expect("it is declared");
        let part = Value::object([("part", Value::from(1i64))]);
        let object = Value::object([("id", Value::from("x")), ("output", part)]);
        world.set_instance(ModuleInstanceId::ROOT, made, InstanceKey::None, object);
        let session = Session::new(&world);
        let cursor = text.find('|').expect("there is a cursor");
        let line = text.replace('|', "");
        let (start, found) = complete(&session, &line, cursor);
        let found = found.into_iter().map(|c| c.text).collect();
        (line[start..cursor].to_owned(), found)
    }

    fn found(text: &str) -> Vec<String> {
        check(text).1
    }

    #[test]
    fn names() {
        assert_eq!(check("1 + var.na|"), ("na".into(), vec!["name".into(), "names".into()]));
        assert_eq!(found("var.|"), ["name", "names", "token"]);
        assert_eq!(found("local.|"), ["list"]);
        assert_eq!(found("va|"), ["values(", "var."]);
        assert_eq!(found("terra|"), ["terraform_data."]);
        assert_eq!(found("terraform_data.|"), ["made", "planned"]);
        assert_eq!(found("random_|"), ["random_pet."]);
        assert_eq!(found("path.m|"), ["module"]);
        assert_eq!(found("nul|"), ["null"]);
        assert_eq!(
            found("var.name|s"),
            ["name", "names"],
            "what comes after the cursor does not matter"
        );
    }

    #[test]
    fn modules() {
        assert_eq!(found("module.|"), ["child", "many"]);
        assert_eq!(found("module.child.|"), ["one", "other"]);
        assert_eq!(found("module.many.|"), [""; 0]);
    }

    #[test]
    fn attributes_of_values() {
        assert_eq!(found("terraform_data.made.|"), ["id", "output"]);
        assert_eq!(found("terraform_data.made.output.pa|"), ["part"]);
        assert_eq!(found("terraform_data.made[\"output\"].|"), ["part"]);
        assert_eq!(found("local.list[0].k|"), ["key", "kind"]);
        assert_eq!(found("local.list[*].ke|"), ["key"]);
        assert_eq!(found("upper(local.list[local.list[0].key - 1].ke|"), ["key"]);
        assert_eq!(found("var.names.|"), ["first"], "other keys cannot stand after a dot");
    }

    #[test]
    fn attributes_of_what_is_not_there_yet() {
        assert_eq!(
            found("terraform_data.planned.|"),
            ["id", "input", "output", "triggers_replace"]
        );
        assert_eq!(found("random_pet.pet.pre|"), ["prefix"]);
    }

    #[test]
    fn nothing_of_secrets() {
        assert_eq!(found("var.token.|"), [""; 0]);
    }

    #[test]
    fn functions_with_their_signatures() {
        assert_eq!(check("[subst|"), ("subst".into(), vec!["substr(".into()]));
        assert_eq!(found("short|"), ["short_name("]);
        assert_eq!(found("core::subst|"), ["substr("]);
        assert!(found("|").contains(&"upper(".to_owned()));
    }

    #[test]
    fn loops() {
        assert_eq!(found("[for item in [] : ite|"), ["item"]);
        assert_eq!(found("{ fo|"), ["for", "format(", "formatdate(", "formatlist("]);
        assert!(!found("1 + fo|").contains(&"for".to_owned()));
    }

    #[test]
    fn not_in_text() {
        for text in [
            "\"var.|",
            "<<EOT\nvar.|",
            "1 # var.|",
            "1 /* var.|",
            "12|",
            "1.|",
            "f().|",
            "(var.names).|",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        assert_eq!(found("\"${var.nam|"), ["name", "names"]);
        assert_eq!(found("<<EOT\n${var.nam|"), ["name", "names"]);
    }

    #[test]
    fn strange_lines() {
        for text in [
            "]|",
            "].|",
            ".|",
            "[0].|",
            "*.|",
            "a[*|",
            "a[.|",
            "::|",
            "ä.|",
            "a..|",
            "}|",
            "var.names[\"|",
        ] {
            check(text);
        }
    }

    #[test]
    fn calls_show_what_they_take() {
        let registry = providers::registry();
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(
            folder.path().join("main.infra"),
            "function two(a: string, b: string): string = a\n",
        )
        .expect("it can be written");
        let (config, ..) = load(&FileLoader, &folder.path().to_string_lossy(), &registry);
        let config = config.expect("it can be read");
        let world = World::new(&config, &registry, &NoHost, Purpose::Run, BTreeMap::new());
        let session = Session::new(&world);
        let hint = |line: &str| signature(&session, line);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(hint("substr("), some("str, offset, length)"));
        assert_eq!(hint("substr(\"a\""), some(", offset, length)"));
        assert_eq!(hint("substr(\"a\","), some(" offset, length)"));
        assert_eq!(hint("substr(\"a\", 1, [2, 3]"), some(")"));
        assert_eq!(hint("two("), some("a, b)"));
        assert_eq!(hint("merge({}, {"), None);
        assert_eq!(hint("merge({}, {}"), some(", maps...)"));
        assert_eq!(hint("(1"), None);
        assert_eq!(hint("nope("), None);
        assert_eq!(hint("substr(\"a\", 1, 2)"), None);
        assert_eq!(hint(""), None);
    }
}

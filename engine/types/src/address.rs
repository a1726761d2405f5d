//! Addresses of modules, resources and resource instances.
//!
//! A *path* names something in the configuration (no instance keys); an
//! *address* names something that exists (with instance keys of modules).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Str;

/// Managed resource or data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
}

/// Which instance of a resource or module.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceKey {
    /// The only one: neither `count` nor `for_each`.
    #[default]
    None,
    /// An index of `count`.
    Int(u64),
    /// A key of `for_each`.
    Str(Str),
}

/// A module in the configuration: the names of the calls that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(pub Arc<[Str]>);

/// A module instance: the calls that lead to it, with their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleAddr(pub Arc<[(Str, InstanceKey)]>);

/// A resource in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourcePath {
    /// The module it stands in.
    pub module: ModulePath,
    /// Managed or data.
    pub mode: Mode,
    /// Its type, such as `aws_vpc`.
    pub ty: Str,
    /// Its name.
    pub name: Str,
}

/// A resource within a module instance; all its instances together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceAddr {
    /// The module instance it stands in.
    pub module: ModuleAddr,
    /// Managed or data.
    pub mode: Mode,
    /// Its type.
    pub ty: Str,
    /// Its name.
    pub name: Str,
}

/// One instance of a resource: what a state entry is filed under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceAddr {
    /// The resource.
    pub resource: ResourceAddr,
    /// Which instance of it.
    pub key: InstanceKey,
}

impl ModulePath {
    /// The root module.
    pub fn root() -> Self {
        Self::default()
    }

    /// Says whether it is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the module that is called `name` from here.
    pub fn child(&self, name: impl Into<Str>) -> Self {
        self.0.iter().cloned().chain([name.into()]).collect::<Vec<_>>().into()
    }
}

impl From<Vec<Str>> for ModulePath {
    fn from(names: Vec<Str>) -> Self {
        ModulePath(names.into())
    }
}

impl ModuleAddr {
    /// The root module.
    pub fn root() -> Self {
        Self::default()
    }

    /// Says whether it is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the instance `key` of the module that is called `name` from here.
    pub fn child(&self, name: impl Into<Str>, key: InstanceKey) -> Self {
        ModuleAddr(
            self.0
                .iter()
                .cloned()
                .chain([(name.into(), key)])
                .collect::<Vec<_>>()
                .into(),
        )
    }

    /// Returns the calling module instance; nothing for the root.
    pub fn parent(&self) -> Option<ModuleAddr> {
        let (_, rest) = self.0.split_last()?;
        Some(ModuleAddr(rest.into()))
    }

    /// Returns the module it is an instance of.
    pub fn path(&self) -> ModulePath {
        self.0.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>().into()
    }
}

impl ResourceAddr {
    /// Returns the resource in the configuration.
    pub fn path(&self) -> ResourcePath {
        ResourcePath {
            module: self.module.path(),
            mode: self.mode,
            ty: self.ty.clone(),
            name: self.name.clone(),
        }
    }

    /// Returns the address of one instance.
    pub fn instance(&self, key: InstanceKey) -> InstanceAddr {
        InstanceAddr {
            resource: self.clone(),
            key,
        }
    }
}

impl InstanceAddr {
    /// Creates an address in the root module.
    pub fn root(ty: impl Into<Str>, name: impl Into<Str>, key: InstanceKey) -> Self {
        InstanceAddr {
            resource: ResourceAddr {
                module: ModuleAddr::root(),
                mode: Mode::Managed,
                ty: ty.into(),
                name: name.into(),
            },
            key,
        }
    }

    /// Returns the resource's type.
    pub fn ty(&self) -> &Str {
        &self.resource.ty
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstanceKey::None => Ok(()),
            InstanceKey::Int(i) => write!(f, "[{i}]"),
            InstanceKey::Str(s) => write!(f, "[{}]", quote(s)),
        }
    }
}

/// Quotes a text as the language would write it.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' => out.push(c),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out.replace("${", "$${").replace("%{", "%%{")
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            write!(f, "{dot}module.{name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ModuleAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, key)) in self.0.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            write!(f, "{dot}module.{name}{key}")?;
        }
        Ok(())
    }
}

fn write_resource(
    f: &mut fmt::Formatter<'_>,
    module: &dyn fmt::Display,
    is_root: bool,
    mode: Mode,
    ty: &str,
    name: &str,
) -> fmt::Result {
    if !is_root {
        write!(f, "{module}.")?;
    }
    if mode == Mode::Data {
        f.write_str("data.")?;
    }
    write!(f, "{ty}.{name}")
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_resource(f, &self.module, self.module.is_root(), self.mode, &self.ty, &self.name)
    }
}

impl fmt::Display for ResourceAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_resource(f, &self.module, self.module.is_root(), self.mode, &self.ty, &self.name)
    }
}

impl fmt::Display for InstanceAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.resource, self.key)
    }
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {why}")]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// The reason.
    pub why: &'static str,
}

/// What a text address can mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A module instance and everything in it (`module.a`, `module.a["x"]`).
    Module(ModuleAddr),
    /// A resource (all its instances, if the key is none) or one instance.
    Resource(InstanceAddr),
}

impl Target {
    /// Says whether an instance is meant: it is the one, or one of the resource or module.
    ///
    /// A module without a key at the end stands for all its instances.
    pub fn covers(&self, addr: &InstanceAddr) -> bool {
        match self {
            Target::Resource(own) => {
                own.resource == addr.resource && (own.key == InstanceKey::None || own.key == addr.key)
            }
            Target::Module(own) => {
                let path = &addr.resource.module.0;
                let Some((last, before)) = own.0.split_last() else {
                    return true;
                };
                path.starts_with(before)
                    && path
                        .get(before.len())
                        .is_some_and(|(name, key)| *name == last.0 && (last.1 == InstanceKey::None || last.1 == *key))
            }
        }
    }

    /// Says whether instances of a resource of the configuration may be meant.
    pub fn mentions(&self, path: &ResourcePath) -> bool {
        match self {
            Target::Resource(own) => own.resource.path() == *path,
            Target::Module(own) => path.module.0.starts_with(&own.path().0),
        }
    }

    /// Says whether all instances of a resource of the configuration are meant, whatever there are.
    pub fn covers_all(&self, path: &ResourcePath) -> bool {
        let without_keys = |module: &ModuleAddr| module.0.iter().all(|(_, key)| *key == InstanceKey::None);
        self.mentions(path)
            && match self {
                // A module on the way may have keys; then its instances are not meant.
                Target::Resource(own) => own.key == InstanceKey::None && own.resource.module.is_root(),
                Target::Module(own) => own.0.len() == 1 && without_keys(own),
            }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Module(module) => module.fmt(f),
            Target::Resource(resource) => resource.fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |why| AddressError {
            text: text.to_owned(),
            why,
        };
        let parts = split_address(text).map_err(error)?;
        let mut parts = parts.into_iter().peekable();
        let mut module = Vec::new();
        while parts.peek().is_some_and(|(name, _)| name == "module") {
            let (_, key) = parts.next().expect("peeked");
            if key != InstanceKey::None {
                return Err(error("`module` takes no key"));
            }
            let (name, key) = parts.next().ok_or_else(|| error("a module name is missing"))?;
            module.push((Str::from(name), key));
        }
        let module = ModuleAddr(module.into());
        let Some((first, key)) = parts.next() else {
            if module.is_root() {
                return Err(error("it is empty"));
            }
            return Ok(Target::Module(module));
        };
        if key != InstanceKey::None {
            return Err(error("a type takes no key"));
        }
        let (mode, ty) = if first == "data" {
            let (ty, key) = parts.next().ok_or_else(|| error("a type is missing"))?;
            if key != InstanceKey::None {
                return Err(error("a type takes no key"));
            }
            (Mode::Data, ty)
        } else {
            (Mode::Managed, first)
        };
        let (name, key) = parts.next().ok_or_else(|| error("a resource name is missing"))?;
        if parts.next().is_some() {
            return Err(error("there is more after the resource name"));
        }
        Ok(Target::Resource(InstanceAddr {
            resource: ResourceAddr {
                module,
                mode,
                ty: ty.into(),
                name: name.into(),
            },
            key,
        }))
    }
}

impl FromStr for InstanceAddr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.parse()? {
            Target::Resource(addr) => Ok(addr),
            Target::Module(_) => Err(AddressError {
                text: text.to_owned(),
                why: "it names a module, not a resource instance",
            }),
        }
    }
}

/// Splits `a.b["k"].c[0]` into names with keys.
fn split_address(text: &str) -> Result<Vec<(String, InstanceKey)>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() {
            return Err("a name is missing");
        }
        if !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return Err("a name has a character that names cannot have");
        }
        rest = &rest[end..];
        let mut key = InstanceKey::None;
        if let Some(inner) = rest.strip_prefix('[') {
            (key, rest) = split_key(inner)?;
        }
        parts.push((name.to_owned(), key));
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None if rest.is_empty() => return Ok(parts),
            None => return Err("there is something after the key"),
        }
    }
}

fn split_key(text: &str) -> Result<(InstanceKey, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut key = String::new();
        let mut chars = quoted.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    let rest = quoted[i + 1..].strip_prefix(']').ok_or("a `]` is missing")?;
                    let key = key.replace("$${", "${").replace("%%{", "%{");
                    return Ok((InstanceKey::Str(key.into()), rest));
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => key.push('\n'),
                    Some('r') => key.push('\r'),
                    Some('t') => key.push('\t'),
                    Some('u') => {
                        let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let c = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                        key.push(c.ok_or("a `\\u` escape is wrong")?);
                    }
                    Some(c @ ('"' | '\\')) => key.push(c),
                    _ => return Err("an escape is wrong"),
                },
                c => key.push(c),
            }
        }
        return Err("a quote is not closed");
    }
    let end = text.find(']').ok_or("a `]` is missing")?;
    let index = text[..end]
        .parse()
        .map_err(|_| "a key is neither a number nor a quoted string")?;
    Ok((InstanceKey::Int(index), &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let target: Target = text.parse().unwrap();
        let shown = match &target {
            Target::Module(m) => m.to_string(),
            Target::Resource(r) => r.to_string(),
        };
        assert_eq!(shown, text);
    }

    #[test]
    fn addresses_round_trip() {
        check("aws_vpc.main");
        check("aws_vpc.main[0]");
        check("data.aws_region.here");
        check(r#"module.a["x.y"].module.b[2].aws_vpc.main["a\"]b"]"#);
        check("module.a");
        check(r#"terraform_data.x["$${a}"]"#);
        check("terraform_data.x[\"a\\u0001\\nb\"]");
    }

    #[test]
    fn targets_cover_instances() {
        let covers = |target: &str, addr: &str| {
            let target: Target = target.parse().unwrap();
            target.covers(&addr.parse().unwrap())
        };
        assert!(covers("t.a", "t.a[1]"));
        assert!(covers("t.a[1]", "t.a[1]"));
        assert!(!covers("t.a[1]", "t.a[0]"));
        assert!(!covers("t.a", "module.m.t.a"));
        assert!(covers("module.m", "module.m[0].module.n.t.a"));
        assert!(covers("module.m[0]", "module.m[0].t.a"));
        assert!(!covers("module.m[0]", "module.m[1].t.a"));
        assert!(covers("module.m[0].module.n", "module.m[0].module.n[\"k\"].t.a"));
        // As Terraform has it, a key is only left out at the end.
        assert!(!covers("module.m.module.n", "module.m[0].module.n.t.a"));
        assert!(!covers("module.m.t.a", "module.m[0].t.a"));
    }

    #[test]
    fn wrong_addresses_are_refused() {
        for text in [
            "",
            "a",
            "a.b.c",
            "a[0].b",
            "a.b[",
            "a.b[x]",
            "a.b[\"x]",
            "module",
            "module.a[0",
            "a..b",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}

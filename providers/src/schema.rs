//! Schemas: what a resource, data source or provider block may contain.
//!
//! A value of a schema is an object with one entry per attribute and per
//! nested block, always all of them: unset attributes are null, unset single
//! blocks are null, unset list, set and map blocks are empty.

use std::collections::BTreeMap;

use infra_types::{Path, PathStep, Str, Type, Value};

use crate::error::Problem;

/// The schema of a resource type, data source or provider.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Grows when stored attributes need an upgrade.
    pub version: u32,
    /// What may be written, and what comes back.
    pub block: Block,
    /// Whether the object holds data that cannot be made again.
    pub data_bearing: bool,
    /// Whether replacement creates the new object before the old one is deleted,
    /// when the configuration does not say.
    pub create_before_destroy: bool,
    /// Whether the object is nothing but its entry in the state: nothing exists
    /// outside that a lost entry would leave behind.
    pub state_only: bool,
    /// The attributes that no two objects of this type may have in common at the
    /// same time, in one region of one provider configuration; none if there are no such.
    pub unique: &'static [&'static str],
}

/// The contents of a block.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Attributes by name.
    pub attributes: BTreeMap<&'static str, Attribute>,
    /// Nested blocks by name.
    pub blocks: BTreeMap<&'static str, NestedBlock>,
    /// What it is for.
    pub description: &'static str,
}

/// An attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its type.
    pub ty: Type,
    /// Must be set.
    pub required: bool,
    /// May be set.
    pub optional: bool,
    /// Is (also) set by the service.
    pub computed: bool,
    /// Must not be shown or stored in clear.
    pub sensitive: bool,
    /// A change replaces the object.
    pub force_new: bool,
    /// Used when it is not set.
    pub default: Option<Value>,
    /// Says whether two different values mean the same (`prior`, `configured`).
    pub equal: Option<fn(&Value, &Value) -> bool>,
    /// Checks of a configured value.
    pub validators: Vec<Validator>,
    /// Why it should not be used, and what to use.
    pub deprecated: Option<&'static str>,
    /// What it is for.
    pub description: &'static str,
}

/// A nested block.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    /// Its contents.
    pub block: Block,
    /// How repetitions are held.
    pub nesting: Nesting,
    /// How many there must be.
    pub min: usize,
    /// How many there may be.
    pub max: Option<usize>,
    /// Any change of it replaces the object.
    pub force_new: bool,
    /// When it is not written, what the service has is kept.
    pub computed: bool,
}

/// How repetitions of a nested block are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most one; an object, or null.
    Single,
    /// A list of objects, in order.
    List,
    /// A set of objects.
    Set,
}

/// A check of a configured value.
#[derive(Clone, Copy, Debug)]
pub enum Validator {
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A number of characters.
    Length(usize, usize),
    /// A whole number within bounds.
    Range(i64, i64),
    /// One of these whole numbers.
    OneOfNumbers(&'static [i64]),
    /// Any other check: returns what is wrong with the value.
    Custom(fn(&Value) -> Option<String>),
}

impl Attribute {
    fn new(ty: Type) -> Self {
        Self {
            ty,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            force_new: false,
            default: None,
            equal: None,
            validators: Vec::new(),
            deprecated: None,
            description: "",
        }
    }

    /// An attribute that must be set.
    pub fn required(ty: Type) -> Self {
        Self {
            required: true,
            ..Self::new(ty)
        }
    }

    /// An attribute that may be set.
    pub fn optional(ty: Type) -> Self {
        Self {
            optional: true,
            ..Self::new(ty)
        }
    }

    /// An attribute that only the service sets.
    pub fn computed(ty: Type) -> Self {
        Self {
            computed: true,
            ..Self::new(ty)
        }
    }

    /// An attribute that may be set, and is filled in by the service otherwise.
    pub fn optional_computed(ty: Type) -> Self {
        Self {
            optional: true,
            computed: true,
            ..Self::new(ty)
        }
    }

    /// A change replaces the object.
    pub fn force_new(mut self) -> Self {
        self.force_new = true;
        self
    }

    /// Must not be shown or stored in clear.
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Used when it is not set.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Sets when two different values mean the same (`prior`, `configured`).
    pub fn equal(mut self, equal: fn(&Value, &Value) -> bool) -> Self {
        self.equal = Some(equal);
        self
    }

    /// Adds a check.
    pub fn check(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Says what it is for.
    pub fn doc(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    /// Says why it should not be used, and what to use.
    pub fn deprecated(mut self, text: &'static str) -> Self {
        self.deprecated = Some(text);
        self
    }

    /// Says whether the configuration may set it.
    pub fn is_settable(&self) -> bool {
        self.required || self.optional
    }
}

impl NestedBlock {
    /// A block that may stand at most once.
    pub fn single(block: Block) -> Self {
        Self {
            block,
            nesting: Nesting::Single,
            min: 0,
            max: Some(1),
            force_new: false,
            computed: false,
        }
    }

    /// A block that may be repeated; order matters.
    ///
    /// Blocks that Terraform holds as a list of at most one (`x[0].y`) are
    /// `list(...).at_most(1)`, so that references agree.
    pub fn list(block: Block) -> Self {
        Self {
            nesting: Nesting::List,
            max: None,
            ..Self::single(block)
        }
    }

    /// A block that may be repeated; order does not matter.
    pub fn set(block: Block) -> Self {
        Self {
            nesting: Nesting::Set,
            max: None,
            ..Self::single(block)
        }
    }

    /// Must stand at least once.
    pub fn required(mut self) -> Self {
        self.min = 1;
        self
    }

    /// May stand at most this often.
    pub fn at_most(mut self, max: usize) -> Self {
        self.max = Some(max);
        self
    }

    /// Any change of it replaces the object.
    pub fn force_new(mut self) -> Self {
        self.force_new = true;
        self
    }

    /// When it is not written, what the service has is kept.
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Returns the type of the block's value.
    pub fn ty(&self) -> Type {
        let object = self.block.ty();
        match self.nesting {
            Nesting::Single => object,
            Nesting::List if object.has_dynamic() => Type::Dynamic,
            Nesting::List => Type::list(object),
            Nesting::Set => Type::set(object),
        }
    }

    /// Returns the value of the block when it is not written.
    pub fn empty(&self) -> Value {
        let object = self.block.ty();
        match self.nesting {
            Nesting::Single => Value::null_of(object),
            Nesting::List => Value::list(object, Vec::new()),
            Nesting::Set => Value::set(object, Vec::new()),
        }
    }
}

impl Block {
    /// Creates an empty block.
    pub fn new(description: &'static str) -> Self {
        Self {
            description,
            ..Self::default()
        }
    }

    /// Adds an attribute.
    pub fn attr(mut self, name: &'static str, attribute: Attribute) -> Self {
        self.attributes.insert(name, attribute);
        self
    }

    /// Adds a nested block.
    pub fn block(mut self, name: &'static str, block: NestedBlock) -> Self {
        self.blocks.insert(name, block);
        self
    }

    /// Returns the type of the block's value.
    pub fn ty(&self) -> Type {
        let attributes = self.attributes.iter().map(|(name, a)| (Str::from(*name), a.ty.clone()));
        let blocks = self.blocks.iter().map(|(name, b)| (Str::from(*name), b.ty()));
        Type::object(attributes.chain(blocks))
    }

    /// Checks a configured value: required attributes, bounds, validators.
    ///
    /// Unknown values are not checked; what they will be is checked again later.
    pub fn validate(&self, value: &Value, at: &Path, problems: &mut Vec<Problem>) {
        let Some(entries) = value.as_entries() else {
            return;
        };
        for (name, attribute) in &self.attributes {
            let Some(v) = entries.get(name) else { continue };
            let path = at.join_attr(*name);
            if v.is_null() {
                if attribute.required {
                    problems.push(
                        Problem::new(path, format!("required argument `{name}` is null"))
                            .help(format!("give `{name}` a value that is not null")),
                    );
                }
                continue;
            }
            if !v.is_wholly_known() {
                continue;
            }
            for validator in &attribute.validators {
                if let Some(message) = validator.check(name, v) {
                    let mut problem = Problem::new(path.clone(), message);
                    if let Validator::OneOf(allowed) = validator {
                        problem.help = v
                            .as_str()
                            .and_then(|s| nearest(s, allowed))
                            .map(|n| format!("did you mean `{n}`?"));
                    }
                    problems.push(problem);
                }
            }
        }
        for (name, nested) in &self.blocks {
            let Some(v) = entries.get(name) else { continue };
            let path = at.join_attr(*name);
            match (nested.nesting, v.as_items()) {
                (Nesting::Single, _) => {
                    if v.is_known() && v.is_null() && nested.min > 0 {
                        problems.push(Problem::new(path.clone(), format!("a `{name}` block is required")));
                    }
                    nested.block.validate(v, &path, problems);
                }
                (_, Some(items)) => {
                    if items.len() < nested.min {
                        problems.push(Problem::new(
                            path.clone(),
                            format!("at least {} `{name}` block is required", nested.min),
                        ));
                    }
                    if nested.max.is_some_and(|max| items.len() > max) {
                        problems.push(Problem::new(
                            path.clone(),
                            format!("at most {} `{name}` block may be written", nested.max.unwrap_or(0)),
                        ));
                    }
                    for (i, item) in items.iter().enumerate() {
                        nested.block.validate(item, &path.join(PathStep::Index(i)), problems);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Returns the candidate that is most like `text`, if one is like it at all.
pub fn nearest<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(text, c), *c))
        .filter(|(d, c)| *d <= c.len().max(text.len()) / 3 + 1)
        .min()
        .map(|(_, c)| c)
}

impl Validator {
    /// Returns what is wrong with the value.
    fn check(&self, name: &str, value: &Value) -> Option<String> {
        match self {
            Validator::OneOf(allowed) => {
                let text = value.as_str()?;
                (!allowed.contains(&text)).then(|| {
                    let allowed: Vec<_> = allowed.iter().map(|a| format!("`{a}`")).collect();
                    format!("`{name}` must be one of {}", allowed.join(", "))
                })
            }
            Validator::Length(min, max) => {
                let n = value.as_str()?.chars().count();
                (n < *min || n > *max).then(|| format!("`{name}` must have {min} to {max} characters, it has {n}"))
            }
            Validator::Range(min, max) => match value.as_i64() {
                Some(n) if n >= *min && n <= *max => None,
                _ => Some(format!("`{name}` must be a whole number from {min} to {max}")),
            },
            Validator::OneOfNumbers(allowed) => match value.as_i64() {
                Some(n) if allowed.contains(&n) => None,
                _ => {
                    let allowed: Vec<_> = allowed.iter().map(i64::to_string).collect();
                    Some(format!("`{name}` must be one of {}", allowed.join(", ")))
                }
            },
            Validator::Custom(check) => check(value),
        }
    }
}

impl Schema {
    /// Creates a schema of version 0.
    pub fn new(block: Block) -> Self {
        Self {
            block,
            ..Self::default()
        }
    }

    /// The object holds data that cannot be made again.
    pub fn data_bearing(mut self) -> Self {
        self.data_bearing = true;
        self
    }

    /// Replacement creates the new object first.
    pub fn create_before_destroy(mut self) -> Self {
        self.create_before_destroy = true;
        self
    }

    /// No two objects may have all of these attributes in common.
    pub fn unique(mut self, attributes: &'static [&'static str]) -> Self {
        self.unique = attributes;
        self
    }

    /// The object is nothing but its entry in the state.
    pub fn state_only(mut self) -> Self {
        self.state_only = true;
        self
    }

    /// Returns the type of a value of this schema.
    pub fn ty(&self) -> Type {
        self.block.ty()
    }
}

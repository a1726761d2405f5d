//! The configuration as the pipeline sees it: a tree of modules with their
//! declarations, names not yet evaluated.
//!
//! Expressions stay syntax ([`ast::Expr`]); everything that has a fixed form
//! (meta-arguments, types, addresses) is decoded.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use infra_syntax::ast::{self, Expr, FunctionDecl, Ident};
use infra_syntax::{SourceId, Sources, Span};
use infra_types::{Mode, ModulePath, ResourcePath, Str, Value};
use rustc_hash::FxBuildHasher;

use crate::eval::Scope;
use crate::eval::type_expr::{Problem, TypeConstraint};

/// A whole configuration: the root module and all modules it calls, directly or not.
#[derive(Debug)]
pub struct Config {
    /// The texts it was read from.
    pub sources: Arc<Sources>,
    /// The modules, one per call (two calls of one folder are two modules);
    /// callers before the called. The first is the root.
    pub modules: Vec<Module>,
    /// Settings of the `infra { }` block of the root module.
    pub settings: Settings,
}

/// Index of a module in [`Config::modules`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

impl ModuleId {
    /// The root module.
    pub const ROOT: ModuleId = ModuleId(0);
}

/// What the `infra { }` block says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `required_version`.
    pub required_version: Option<(String, Span)>,
    /// `state KIND { … }`: the kind and its arguments.
    pub state: Option<StateSettings>,
    /// Whether the block says something that could not be understood, so that it
    /// is not certain where the state is.
    pub unclear: bool,
}

/// `state KIND { … }`.
#[derive(Clone, Debug)]
pub struct StateSettings {
    /// `local` or `s3`.
    pub kind: Ident,
    /// The arguments.
    pub body: ast::Body,
    /// The block's header.
    pub span: Span,
}

/// The parts of a module that could not be read.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    /// Files with errors: blocks in them may lack arguments that are written there.
    pub files: BTreeSet<SourceId>,
    /// The words in these files; nothing if there may be any others.
    pub words: Option<BTreeSet<Str>>,
}

/// One module: the declarations of all files of a folder.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its index.
    pub id: ModuleId,
    /// The calls that lead to it.
    pub path: ModulePath,
    /// The module that calls it; nothing for the root.
    pub parent: Option<ModuleId>,
    /// Its folder as `path.module` gives it (relative to the working folder).
    pub dir: String,
    /// Whether a part of it could not be read, so that a name may be declared
    /// although it is not found here.
    pub incomplete: bool,
    /// Names of things whose declaration is wrong, so that they are not here.
    pub lost: BTreeSet<Str>,
    /// What is in the parts that could not be read.
    pub unread: Unread,
    /// `type` statements.
    pub types: BTreeMap<Str, TypeConstraint>,
    /// `variable` blocks.
    pub variables: BTreeMap<Str, Variable>,
    /// Entries of `locals` blocks.
    pub locals: BTreeMap<Str, Local>,
    /// `output` blocks.
    pub outputs: BTreeMap<Str, Output>,
    /// `resource` and `data` blocks.
    pub resources: Resources,
    /// `module` blocks.
    pub calls: BTreeMap<Str, ModuleCall>,
    /// `provider` blocks.
    pub providers: BTreeMap<ProviderKey, ProviderBlock>,
    /// `function` statements.
    pub functions: BTreeMap<Str, FunctionDecl>,
    /// `moved` blocks.
    pub moved: Vec<Moved>,
    /// `removed` blocks.
    pub removed: Vec<Removed>,
    /// `import` blocks (root module only).
    pub imports: Vec<Import>,
    /// `check` blocks.
    pub checks: BTreeMap<Str, Check>,
}

/// What a resource is filed under within its module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceKey {
    /// Managed or data.
    pub mode: Mode,
    /// Its type.
    pub ty: Str,
    /// Its name.
    pub name: Str,
}

/// The resources of a module, sorted by their keys once they are all there.
///
/// They are looked up again and again, by each reference.
pub type Resources = IndexMap<ResourceKey, Resource, FxBuildHasher>;

impl Ord for ResourceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most resources are compared with others of their type, and share its text.
        let types = || match Arc::ptr_eq(&self.ty, &other.ty) {
            true => Ordering::Equal,
            false => self.ty.cmp(&other.ty),
        };
        self.mode
            .cmp(&other.mode)
            .then_with(types)
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for ResourceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which configuration of a provider: its name and alias.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderKey {
    /// The provider's name, such as `aws`.
    pub name: Str,
    /// The alias, if it has one.
    pub alias: Option<Str>,
}

impl std::fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match &self.alias {
            Some(alias) => write!(f, ".{alias}"),
            None => Ok(()),
        }
    }
}

/// `variable NAME { … }`.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: Ident,
    /// Its type with defaults of optional attributes, conditions and secrets.
    pub ty: TypeConstraint,
    /// Where the type stands; nothing if it has none, so that any value fits.
    pub type_span: Option<Span>,
    /// Its default, converted to the type.
    pub default: Option<Value>,
    /// Where the default stands.
    pub default_span: Option<Span>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether null is a value (rather than a request for the default).
    pub nullable: bool,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// Whether it exists during one run only.
    pub ephemeral: bool,
    /// `validation` blocks.
    pub validations: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// A condition with its message.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What must hold.
    pub condition: Expr,
    /// What is said otherwise.
    pub message: Expr,
    /// The block's header.
    pub span: Span,
}

/// One entry of a `locals` block.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub expr: Expr,
}

/// `output NAME { … }`.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// Whether it exists during one run only.
    pub ephemeral: bool,
    /// What it waits for besides what it mentions.
    pub depends_on: Vec<Reference>,
    /// `precondition` blocks.
    pub preconditions: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// How many instances there are.
#[derive(Clone, Debug, Default)]
pub enum Repetition {
    /// Exactly one, without a key.
    #[default]
    Single,
    /// `count = …`.
    Count(Expr),
    /// `for_each = …`.
    ForEach(Expr),
}

/// `resource TYPE NAME { … }` or `data TYPE NAME { … }`.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it is filed under.
    pub key: ResourceKey,
    /// Where its type stands.
    pub ty_span: Span,
    /// The resource in the whole configuration.
    pub path: ResourcePath,
    /// Its arguments and blocks, without meta-arguments.
    pub body: Arc<ast::Body>,
    /// `count` or `for_each`.
    pub repetition: Repetition,
    /// `enabled = bool`.
    pub enabled: Option<Expr>,
    /// `depends_on`.
    pub depends_on: Vec<Reference>,
    /// `provider = …`, else the provider that the type's name says.
    pub provider: ProviderKey,
    /// Where the `provider` argument stands, if it is written.
    pub provider_span: Option<Span>,
    /// `lifecycle { … }`.
    pub lifecycle: Arc<Lifecycle>,
    /// The block's header.
    pub span: Span,
}

/// `lifecycle { … }`. All flags are expressions.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// `create_before_destroy`.
    pub create_before_destroy: Option<Expr>,
    /// `prevent_destroy`.
    pub prevent_destroy: Option<Expr>,
    /// `protect`.
    pub protect: Option<Expr>,
    /// `adopt`.
    pub adopt: Option<Expr>,
    /// `ignore_changes`.
    pub ignore_changes: IgnoreChanges,
    /// `external`: attributes that others own after creation.
    pub external: Vec<AttributeRef>,
    /// `replace_triggered_by`: references to resources, instances or attributes.
    pub replace_triggered_by: Vec<Expr>,
    /// `precondition` blocks.
    pub preconditions: Vec<Condition>,
    /// `postcondition` blocks.
    pub postconditions: Vec<Condition>,
    /// The block's header, if it was written.
    pub span: Option<Span>,
}

/// `ignore_changes`.
#[derive(Clone, Debug)]
pub enum IgnoreChanges {
    /// These attributes.
    Some(Vec<AttributeRef>),
    /// All attributes.
    All,
}

impl Default for IgnoreChanges {
    fn default() -> Self {
        IgnoreChanges::Some(Vec::new())
    }
}

/// A path to an attribute of the block it stands in: `tags["a"]`, `container["web"].image`.
#[derive(Clone, Debug)]
pub struct AttributeRef {
    /// The steps; indexes are literal.
    pub steps: Vec<AttributeStep>,
    /// Where it stands.
    pub span: Span,
}

/// One step of an [`AttributeRef`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeStep {
    /// A name.
    Name(Str),
    /// A text in brackets: a map key, or the `name` of a block.
    Key(Str),
    /// A number in brackets.
    Index(usize),
}

/// `module NAME { source = … }`.
#[derive(Clone, Debug)]
pub struct ModuleCall {
    /// Its name.
    pub name: Ident,
    /// The module it calls.
    pub child: ModuleId,
    /// Where `source` stands; nothing if it is missing.
    pub source_span: Option<Span>,
    /// The arguments for the module's variables.
    pub args: BTreeMap<Str, ast::Attribute>,
    /// `count` or `for_each`.
    pub repetition: Repetition,
    /// `enabled = bool`.
    pub enabled: Option<Expr>,
    /// `depends_on`.
    pub depends_on: Vec<Reference>,
    /// `providers = { name = name.alias }`: child's key to caller's key.
    pub providers: BTreeMap<ProviderKey, ProviderKey>,
    /// The block's header.
    pub span: Span,
}

/// `provider NAME { … }`.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// Its name and alias.
    pub key: ProviderKey,
    /// Its arguments.
    pub body: ast::Body,
    /// The block's header.
    pub span: Span,
}

/// `moved { from = … to = … }`; addresses relative to the module it stands in.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Where it was.
    pub from: infra_types::address::Target,
    /// Where it is now.
    pub to: infra_types::address::Target,
    /// Where `from` stands.
    pub from_span: Span,
    /// Where `to` stands.
    pub to_span: Span,
    /// The block's header.
    pub span: Span,
}

/// `removed { from = … lifecycle { destroy = bool } }`.
#[derive(Clone, Debug)]
pub struct Removed {
    /// What was removed from the configuration (no keys).
    pub from: infra_types::address::Target,
    /// Whether the object is destroyed rather than forgotten.
    pub destroy: bool,
    /// Where `from` stands.
    pub from_span: Span,
    /// The block's header.
    pub span: Span,
}

/// `import { to = … id = … for_each = … }`.
#[derive(Clone, Debug)]
pub struct Import {
    /// Where it goes.
    pub to: Expr,
    /// The id that the provider knows it by.
    pub id: Expr,
    /// One import per element.
    pub for_each: Option<Expr>,
    /// `provider = …`.
    pub provider: Option<ProviderKey>,
    /// The block's header.
    pub span: Span,
}

/// `check NAME { … }`.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: Ident,
    /// `assert` blocks.
    pub asserts: Vec<Condition>,
    /// A data source only this check uses.
    pub data: Option<Resource>,
    /// The block's header.
    pub span: Span,
}

/// What an expression mentions, within its module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceTarget {
    /// `var.NAME`.
    Variable(Str),
    /// `local.NAME`.
    Local(Str),
    /// A resource or data source.
    Resource(ResourceKey),
    /// `module.NAME` as a whole, or any use that does not name one output.
    Module(Str),
    /// `module.NAME.OUTPUT` (also with an instance key between).
    ModuleOutput(Str, Str),
    /// `each.key` or `each.value`.
    Each,
    /// `count.index`.
    Count,
    /// `self`.
    SelfObject,
    /// `path.…`, `terraform.…`, `infra.…`: always known.
    Environment,
}

/// A mention with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What is mentioned.
    pub target: ReferenceTarget,
    /// Where.
    pub span: Span,
}

impl Variable {
    /// Converts a given value to the variable's type: fills in defaults, checks
    /// conditions, marks secrets. The scope serves the functions that conditions call.
    pub fn convert(&self, value: Value, scope: &dyn Scope) -> Result<Value, Vec<Problem>> {
        self.ty.apply(value, scope)
    }
}

impl Config {
    /// Returns a module.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// Returns the root module.
    pub fn root(&self) -> &Module {
        self.module(ModuleId::ROOT)
    }

    /// Finds a module by the calls that lead to it.
    pub fn find_module(&self, path: &ModulePath) -> Option<&Module> {
        path.0.iter().try_fold(self.root(), |module, name| {
            module.calls.get(name).map(|call| self.module(call.child))
        })
    }

    /// Finds a resource.
    pub fn find_resource(&self, path: &ResourcePath) -> Option<&Resource> {
        self.find_module(&path.module)?.resources.get(&ResourceKey {
            mode: path.mode,
            ty: path.ty.clone(),
            name: path.name.clone(),
        })
    }
}

impl std::fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.mode == Mode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.ty, self.name)
    }
}

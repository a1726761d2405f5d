//! Blocks to the model: one folder's files become one [`Module`].
//!
//! Each kind of block has its own file. What is wrong is reported, and the rest
//! goes on with what can be used, so that one mistake hides no other.

pub(super) mod address;
mod check;
mod condition;
pub(super) mod constant;
mod fields;
mod lifecycle;
mod module_call;
mod output;
mod provider;
mod refactor;
mod references;
mod repetition;
mod resource;
mod settings;
mod types;
mod variable;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use infra_providers::Registry;
use infra_syntax::ast::{self, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{ModulePath, Str};

use super::model::{Lifecycle, Local, Module, ModuleId, Resources, Settings, Unread};
use super::names;

/// One folder, decoded; calls have no children yet.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its declarations, as if it were the root module.
    pub(super) module: Module,
    /// The `source` of each call, as written.
    pub(super) sources: BTreeMap<Str, (String, Span)>,
    /// What its `infra` block says.
    pub(super) settings: Settings,
    /// The headers of blocks that only the root module may have.
    pub(super) root_only: Vec<(&'static str, Span)>,
}

/// The kinds of blocks at the top level of a file.
const KINDS: &[&str] = &[
    "resource",
    "data",
    "module",
    "variable",
    "output",
    "locals",
    "provider",
    "moved",
    "removed",
    "import",
    "check",
    "infra",
    "terraform",
];

/// Decodes the files of a folder.
pub(super) fn decode(dir: String, files: Vec<ast::File>, registry: &Registry, out: &mut Diagnostics) -> Folder {
    let mut decoder = Decoder {
        registry,
        out,
        folder: Folder {
            module: empty_module(dir),
            sources: BTreeMap::new(),
            settings: Settings::default(),
            root_only: Vec::new(),
        },
        declared: FxHashMap::default(),
        infra_block: None,
        no_lifecycle: Arc::default(),
    };
    let mut files = files;
    let types = files.iter_mut().flat_map(|f| std::mem::take(&mut f.types)).collect();
    decoder.types(types);
    let blocks = files.iter().map(|file| file.body.blocks.len()).sum();
    decoder.folder.module.resources.reserve(blocks);
    for file in files {
        decoder.file(file);
    }
    decoder.folder.module.resources.sort_unstable_keys();
    decoder.folder
}

/// Returns a module without declarations.
pub(super) fn empty_module(dir: String) -> Module {
    Module {
        id: ModuleId::ROOT,
        path: ModulePath::root(),
        parent: None,
        dir,
        incomplete: false,
        lost: BTreeSet::new(),
        unread: Unread::default(),
        types: BTreeMap::new(),
        variables: BTreeMap::new(),
        locals: BTreeMap::new(),
        outputs: BTreeMap::new(),
        resources: Resources::default(),
        calls: BTreeMap::new(),
        providers: BTreeMap::new(),
        functions: BTreeMap::new(),
        moved: Vec::new(),
        removed: Vec::new(),
        imports: Vec::new(),
        checks: BTreeMap::new(),
    }
}

/// Turns blocks into the model.
struct Decoder<'a> {
    registry: &'a Registry,
    out: &'a mut Diagnostics,
    folder: Folder,
    /// Where each named thing was declared first, by what it is called in messages.
    declared: FxHashMap<String, Span>,
    /// The first `infra` block.
    infra_block: Option<Span>,
    /// What resources without `lifecycle` share.
    no_lifecycle: Arc<Lifecycle>,
}

impl Decoder<'_> {
    fn file(&mut self, file: ast::File) {
        for attribute in &file.body.attributes {
            self.top_level_argument(attribute);
        }
        for function in file.functions {
            let what = format!("function `{}`", function.name.name);
            if self.is_new(what, function.name.span) {
                self.folder
                    .module
                    .functions
                    .insert(function.name.name.clone(), function);
            }
        }
        for block in file.body.blocks {
            self.block(block);
        }
    }

    fn top_level_argument(&mut self, attribute: &ast::Attribute) {
        let name = &attribute.name.name;
        self.out.push(
            Diagnostic::error(
                "infra::config::argument_outside_block",
                format!("the argument `{name}` stands outside of any block"),
            )
            .at(attribute.name.span, "arguments belong in blocks")
            .help(format!(
                "put it into a block, such as `locals {{ {name} = … }}`; values for variables belong in a `.vars.infra` file"
            )),
        );
    }

    fn block(&mut self, block: ast::Block) {
        match &*block.kind.name {
            "resource" => self.resource(block),
            "data" => self.data(block),
            "module" => self.module_call(block),
            "variable" => self.variable(block),
            "output" => self.output(block),
            "locals" => self.locals(block),
            "provider" => self.provider(block),
            "moved" => self.moved(block),
            "removed" => self.removed(block),
            "import" => self.import(block),
            "check" => self.check(block),
            "infra" => self.infra(block),
            "terraform" => self.terraform(block),
            _ => self.unknown_block(&block),
        }
    }

    fn unknown_block(&mut self, block: &ast::Block) {
        self.lose(&block.labels);
        let kind = &*block.kind.name;
        let help = match kind {
            "policy" => "policies are not supported yet".to_owned(),
            "ephemeral" => "ephemeral resources are not supported; use a `data` block".to_owned(),
            "run" | "mock_provider" | "override_resource" => {
                format!("`{kind}` blocks belong in a test file (`*.test.infra`)")
            }
            "lifecycle" | "dynamic" | "provisioner" | "connection" => {
                format!("`{kind}` belongs in a `resource` block")
            }
            _ => names::advice(kind, KINDS.iter().copied(), "the blocks are", ""),
        };
        self.out.push(
            Diagnostic::error(
                "infra::config::unknown_block",
                format!("there is no block of the kind `{kind}`"),
            )
            .at(block.kind.span, "not known")
            .help(help),
        );
    }

    fn locals(&mut self, block: ast::Block) {
        self.labels(&block, &[]);
        for nested in &block.body.blocks {
            self.out.push(
                Diagnostic::error(
                    "infra::config::unknown_block",
                    format!("`locals` holds only arguments, not blocks like `{}`", nested.kind.name),
                )
                .at(nested.header, "a block")
                .help(format!("for an object write `{} = {{ … }}`", nested.kind.name)),
            );
        }
        let mut here = HashSet::new();
        for attribute in block.body.attributes {
            let name = attribute.name;
            // The parser has reported a name that stands in one block twice.
            if !here.insert(name.name.clone()) {
                continue;
            }
            if !self.is_new(format!("local value `{}`", name.name), name.span) {
                continue;
            }
            let expr = attribute.expr;
            self.folder
                .module
                .locals
                .insert(name.name.clone(), Local { name, expr });
        }
    }

    /// Notes a declaration; reports it and says no if there was one of that name.
    fn is_new(&mut self, what: String, span: Span) -> bool {
        let Some(first) = self.declared.get(&what) else {
            self.declared.insert(what, span);
            return true;
        };
        self.out.push(
            Diagnostic::error("infra::config::duplicate", format!("{what} is declared twice"))
                .at(span, "declared again here")
                .related(*first, "declared here first")
                .help("rename or remove one of them"),
        );
        false
    }

    /// Checks that a block has the labels it needs; `wanted` says what each is.
    fn labels(&mut self, block: &ast::Block, wanted: &[&str]) -> bool {
        let right = fields::labels(block, wanted, self.out);
        if !right {
            self.lose(&block.labels);
        }
        right
    }

    /// Notes names whose declaration is wrong, so that mentions of them are not reported as well.
    fn lose(&mut self, names: &[Ident]) {
        self.folder.module.lost.extend(names.iter().map(|n| n.name.clone()));
    }

    /// Checks that a label can be a name.
    fn valid_name(&mut self, name: &Ident, what: &str) -> bool {
        if names::is_valid(&name.name) {
            return true;
        }
        self.lose(std::slice::from_ref(name));
        self.out.push(
            Diagnostic::error(
                "infra::config::invalid_name",
                format!("`{}` cannot be the name of a {what}", name.name),
            )
            .at(name.span, "not a name")
            .help("a name begins with a letter or `_` and goes on with letters, digits, `_` and `-`"),
        );
        false
    }
}

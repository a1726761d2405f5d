//! The module tree, from local folders.
//!
//! Each folder is read, parsed and decoded once, however often it is called.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use infra_providers::Registry;
use infra_syntax::parse::{decode as decode_text, parse_file};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Sources, Span};
use infra_types::{ModulePath, Str};

use super::decode::{Folder, decode, empty_module};
use super::loader::{self, SourceLoader};
use super::model::{Config, Module, ModuleId, Settings, Unread};
use super::validate::is_missing;

/// How deep module calls may be nested.
const MAX_DEPTH: usize = 64;

/// How many modules a configuration may have.
const MAX_MODULES: usize = 100_000;

/// The code of the error about a folder without configuration.
pub const NO_CONFIGURATION: &str = "infra::config::no_configuration";

/// Reads the configuration whose root module is the folder `root`.
///
/// There is a configuration even if there are errors, as far as it could be
/// read; there is none only if `root` is no folder.
pub fn load(loader: &dyn SourceLoader, root: &str, registry: &Registry) -> (Option<Config>, Arc<Sources>, Diagnostics) {
    load_with(loader, root, registry, Sources::new())
}

/// As [`load`], adding to sources that hold other texts already (variable files, say).
pub fn load_with(
    loader: &dyn SourceLoader,
    root: &str,
    registry: &Registry,
    sources: Sources,
) -> (Option<Config>, Arc<Sources>, Diagnostics) {
    let root = loader::normalise(root);
    let mut tree = Tree {
        loader,
        registry,
        sources,
        folders: HashMap::new(),
        modules: Vec::new(),
        settings: Settings::default(),
        way: Vec::new(),
        out: Diagnostics::new(),
        too_many: false,
    };
    if !loader.exists_dir(&root) {
        tree.out.push(
            Diagnostic::error(NO_CONFIGURATION, format!("there is no folder `{root}`"))
                .help("name the folder of a root module, such as `environments/production`"),
        );
        return (None, Arc::new(tree.sources), tree.out);
    }
    tree.module(&root, ModulePath::root(), None);
    let sources = Arc::new(tree.sources);
    tree.out.sort();
    let config = Config {
        sources: Arc::clone(&sources),
        modules: tree.modules,
        settings: tree.settings,
    };
    (Some(config), sources, tree.out)
}

struct Tree<'a> {
    loader: &'a dyn SourceLoader,
    registry: &'a Registry,
    sources: Sources,
    /// The folders read so far.
    folders: HashMap<String, Arc<Folder>>,
    modules: Vec<Module>,
    settings: Settings,
    /// The folders from the root to where we are, with the place of the call.
    way: Vec<(String, Option<Span>)>,
    out: Diagnostics,
    too_many: bool,
}

impl Tree<'_> {
    /// Adds the module of a folder and those it calls.
    fn module(&mut self, dir: &str, path: ModulePath, caller: Option<(ModuleId, Span)>) -> ModuleId {
        let (mut module, sources) = match caller {
            // Nothing can call the root module, so its folder is not kept.
            None => {
                let folder = self.read_folder(dir, None);
                self.settings = folder.settings;
                (folder.module, folder.sources)
            }
            Some((_, span)) => {
                let folder = self.folder(dir, span);
                (folder.module.clone(), folder.sources.clone())
            }
        };
        let id = ModuleId(u32::try_from(self.modules.len()).unwrap_or(u32::MAX));
        module.id = id;
        module.parent = caller.map(|(parent, _)| parent);
        place(&mut module, &path);
        let calls: Vec<Str> = module.calls.keys().cloned().collect();
        self.modules.push(module);
        self.way.push((dir.to_owned(), caller.map(|(_, span)| span)));
        for name in calls {
            let child_path = path.child(name.clone());
            let child = match sources.get(&name) {
                Some((source, span)) => self.call(dir, source, *span, id, child_path),
                None => self.unreadable(dir, id, child_path),
            };
            self.connect(id, &name, child);
        }
        self.way.pop();
        id
    }

    /// Connects a call with its module.
    fn connect(&mut self, caller: ModuleId, name: &Str, child: ModuleId) {
        let takes_enabled = self.modules[child.0 as usize].variables.contains_key("enabled");
        if let Some(call) = self.modules[caller.0 as usize].calls.get_mut(name) {
            call.child = child;
            if !takes_enabled && let Some(enabled) = call.args.remove("enabled") {
                call.enabled = Some(enabled.expr);
            }
        }
    }

    /// Adds the module that a call names.
    fn call(&mut self, dir: &str, source: &str, span: Span, caller: ModuleId, path: ModulePath) -> ModuleId {
        let target = loader::join(dir, source);
        match self.refusal(dir, source, &target, span) {
            None => self.module(&target, path, Some((caller, span))),
            Some(d) => {
                self.out.extend(d);
                self.unreadable(&target, caller, path)
            }
        }
    }

    /// Returns why a module cannot be called; an empty reason if that was said before.
    fn refusal(&mut self, dir: &str, source: &str, target: &str, span: Span) -> Option<Option<Diagnostic>> {
        let is_local =
            source == "." || source == ".." || ["./", "../", "/"].iter().any(|start| source.starts_with(start));
        if !is_local {
            return Some(Some(self.not_local(dir, source, span)));
        }
        if let Some(start) = self.way.iter().position(|(folder, _)| folder == target) {
            return Some(Some(self.calls_itself(start, target, span)));
        }
        if self.way.len() >= MAX_DEPTH {
            return Some(Some(
                Diagnostic::error(
                    "infra::config::too_deep",
                    format!("module calls are nested more than {MAX_DEPTH} deep"),
                )
                .at(span, "not followed"),
            ));
        }
        if self.modules.len() >= MAX_MODULES {
            let first = !std::mem::replace(&mut self.too_many, true);
            return Some(first.then(|| {
                Diagnostic::error(
                    "infra::config::too_many_modules",
                    format!("the configuration has more than {MAX_MODULES} modules"),
                )
                .at(span, "not followed")
                .help("use `for_each` or `count` on a module call in place of many calls")
            }));
        }
        None
    }

    fn not_local(&self, dir: &str, source: &str, span: Span) -> Diagnostic {
        let d = Diagnostic::error(
            "infra::config::unsupported_source",
            format!("the module source `{source}` is not a local folder"),
        )
        .at(span, "not a path");
        if self.loader.exists_dir(&loader::join(dir, source)) {
            return d.help(format!("local folders begin with `./` or `../`: write `./{source}`"));
        }
        d.help("modules come from local folders, such as `../../modules/network`; registries and URLs are not supported, so keep a copy in the repository")
    }

    fn calls_itself(&self, start: usize, target: &str, span: Span) -> Diagnostic {
        let way: Vec<String> = self.way[start..]
            .iter()
            .map(|(folder, _)| format!("`{folder}`"))
            .chain([format!("`{target}`")])
            .collect();
        let mut d = Diagnostic::error(
            "infra::config::module_cycle",
            format!("the module in `{target}` calls itself: {}", way.join(" → ")),
        )
        .at(span, "leads back to where it came from")
        .help("remove one of these calls");
        for (folder, call) in &self.way[start + 1..] {
            if let Some(call) = call {
                d = d.related(*call, format!("`{folder}` is called here"));
            }
        }
        d
    }

    /// Adds a module of which nothing is known.
    fn unreadable(&mut self, dir: &str, caller: ModuleId, path: ModulePath) -> ModuleId {
        let id = ModuleId(u32::try_from(self.modules.len()).unwrap_or(u32::MAX));
        self.modules.push(Module {
            id,
            path,
            parent: Some(caller),
            incomplete: true,
            ..empty_module(dir.to_owned())
        });
        id
    }

    /// Returns a called folder, reading it if that was not done yet.
    fn folder(&mut self, dir: &str, called_at: Span) -> Arc<Folder> {
        if let Some(folder) = self.folders.get(dir) {
            return Arc::clone(folder);
        }
        let folder = Arc::new(self.read_folder(dir, Some(called_at)));
        for (what, span) in &folder.root_only {
            self.out.push(
                Diagnostic::error(
                    "infra::config::root_only",
                    format!("`{what}` blocks belong in the root module"),
                )
                .at(*span, "this module is called by another one")
                .help("move it to the root module"),
            );
        }
        self.folders.insert(dir.to_owned(), Arc::clone(&folder));
        folder
    }

    fn read_folder(&mut self, dir: &str, called_at: Option<Span>) -> Folder {
        let names = match self.loader.list(dir) {
            Ok(names) => names,
            Err(e) => {
                let mut d = Diagnostic::error(NO_CONFIGURATION, format!("the folder `{dir}` cannot be read: {e}"))
                    .help("is the path right? It is relative to the folder of the file it stands in");
                if let Some(span) = called_at {
                    d = d.at(span, "called here");
                }
                self.out.push(d);
                let mut folder = decode(dir.to_owned(), Vec::new(), self.registry, &mut self.out);
                folder.module.incomplete = true;
                return folder;
            }
        };
        let mut wanted: Vec<&String> = names.iter().filter(|name| is_configuration(name)).collect();
        wanted.sort();
        if wanted.is_empty() {
            self.out.push(no_configuration(dir, &names, called_at));
        }
        let mut unread = Unread {
            words: Some(BTreeSet::new()),
            ..Unread::default()
        };
        let mut files = Vec::with_capacity(wanted.len());
        for name in wanted {
            let shown = loader::file_in(dir, name);
            let bytes = match self.loader.read(&loader::join(dir, name)) {
                Ok(bytes) => bytes,
                Err(e) => {
                    self.out.push(Diagnostic::error(
                        "infra::config::unreadable_file",
                        format!("`{shown}` cannot be read: {e}"),
                    ));
                    unread.words = None;
                    continue;
                }
            };
            match decode_text(bytes, &shown) {
                Ok(text) => {
                    let text: Arc<str> = text.into();
                    let source = self.sources.add(shown, Arc::clone(&text));
                    let (file, errors) = parse_file(&text, source);
                    if errors.has_errors() {
                        unread.see(source, &text);
                    }
                    self.out.extend(errors);
                    files.push(file);
                }
                Err(d) => {
                    unread.words = None;
                    self.out.push(d);
                }
            }
        }
        let mut found = Diagnostics::new();
        let mut folder = decode(dir.to_owned(), files, self.registry, &mut found);
        folder.module.incomplete = unread.words.is_none() || !unread.files.is_empty();
        let follows = |d: &Diagnostic| is_missing(d) && d.label.as_ref().is_some_and(|(at, _)| unread.has(*at));
        self.out.extend(found.into_iter().filter(|d| !follows(d)));
        folder.module.unread = unread;
        folder
    }
}

impl Unread {
    /// Notes a file with errors.
    fn see(&mut self, source: SourceId, text: &str) {
        self.files.insert(source);
        if let Some(words) = &mut self.words {
            let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            words.extend(text.split(|c| !is_part(c)).filter(|w| !w.is_empty()).map(Str::from));
        }
    }

    /// Says whether a place is in a file with errors.
    pub(crate) fn has(&self, place: Span) -> bool {
        self.files.contains(&place.source)
    }
}

impl Module {
    /// Says whether a name may be declared in a part that could not be read.
    pub(crate) fn may_declare(&self, name: &str) -> bool {
        self.lost.contains(name)
            || self.incomplete && self.unread.words.as_ref().is_none_or(|words| words.contains(name))
    }
}

/// Sets the module's path in everything that holds it.
fn place(module: &mut Module, path: &ModulePath) {
    module.path = path.clone();
    if path.is_root() {
        return;
    }
    for resource in module.resources.values_mut() {
        resource.path.module = path.clone();
    }
    for check in module.checks.values_mut() {
        if let Some(data) = &mut check.data {
            data.path.module = path.clone();
        }
    }
}

/// Says whether a file of this name is part of a module.
fn is_configuration(name: &str) -> bool {
    name.ends_with(".infra")
        && !name.starts_with('.')
        && !name.ends_with(".vars.infra")
        && !name.ends_with(".test.infra")
        && name != "vars.infra"
}

fn no_configuration(dir: &str, names: &[String], called_at: Option<Span>) -> Diagnostic {
    let help = match names.iter().find(|name| name.ends_with(".tf")) {
        Some(tf) => {
            format!("there is `{tf}`: infra reads the same language from files that end in `.infra`, so rename it")
        }
        None => "write a `main.infra`, or name another folder".to_owned(),
    };
    let d = Diagnostic::error(NO_CONFIGURATION, format!("the folder `{dir}` has no `.infra` files")).help(help);
    match called_at {
        Some(span) => d.at(span, "called here"),
        None => d,
    }
}

/// The folders of a configuration with one module of each, for checks that do not depend on the caller.
pub(super) fn one_per_folder(config: &Config) -> Vec<&Module> {
    let mut first: BTreeMap<&str, &Module> = BTreeMap::new();
    for module in &config.modules {
        let known = first.entry(&module.dir).or_insert(module);
        if known.incomplete && !module.incomplete {
            *known = module;
        }
    }
    first.into_values().collect()
}

//! `infra console`: evaluates expressions.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use infra_engine::config::{LoadError, SourceLoader};
use infra_engine::eval::world::{ModuleInstanceId, Purpose, World};
use infra_engine::eval::{Host, eval};
use infra_engine::project::Project;
use infra_state::State;
use infra_syntax::{Diagnostics, Sources};
use infra_types::{Value, json};

use crate::args::ConsoleArgs;
use crate::error::{ERROR, Failure, SUCCESS};
use crate::host::{SystemHost, now};
use crate::loader::FileLoader;
use crate::ui::{Output, values};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &ConsoleArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let folder = &args.folder.folder;
    project::check_folder(folder)?;
    let project = if has_configuration(folder) {
        Some(project::open(folder, &registry)?)
    } else {
        None
    };
    let variables = match &project {
        Some(project) => project::variables(project, folder, &args.variables, output)?,
        None => BTreeMap::new(),
    };
    let state = match &project {
        Some(_) => project::reading_store(folder, &args.state, &registry)?.load()?.0,
        None => State::new(""),
    };
    // Without configuration there is an empty one, so that functions and operators work.
    let (empty, ..) = infra_engine::config::load(&EmptyFolder, &project::folder_name(folder), &registry);
    let Some(config) = project.as_ref().map(|p| &p.config).or(empty.as_ref()) else {
        return Ok(ERROR);
    };
    let host = SystemHost::applying(&now());
    let world = World::new(config, &registry, &host as &dyn Host, Purpose::Run, variables);
    if let Some(project) = &project {
        seed(&world, project, &state);
    }
    if args.json {
        lines(&world, answer_json)
    } else if std::io::stdin().is_terminal() {
        interactive(&world, output)
    } else {
        piped(&world, output)
    }
}

/// A folder without files.
struct EmptyFolder;

impl SourceLoader for EmptyFolder {
    fn list(&self, _dir: &str) -> Result<Vec<String>, LoadError> {
        Ok(Vec::new())
    }

    fn read(&self, _path: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError("it does not exist".into()))
    }

    fn exists_dir(&self, _dir: &str) -> bool {
        true
    }
}

fn has_configuration(folder: &Path) -> bool {
    FileLoader.list(&project::folder_name(folder)).is_ok_and(|names| {
        names
            .iter()
            .any(|n| n.ends_with(".infra") && !n.ends_with(".vars.infra") && !n.ends_with(".test.infra"))
    })
}

/// Gives resources the values that the state has; modules their instances.
fn seed(world: &World<'_>, project: &Project, state: &State) {
    use infra_engine::graph::Node;
    for id in project.graph.order() {
        match project.graph.node(*id) {
            // What cannot be known without a plan has no value here.
            Node::Module(module) => drop(world.expand_module(*module)),
            Node::Resource(module, key) => {
                let resource = &project.config.module(*module).resources[key];
                for at in world.instances_of(*module) {
                    let Ok(expansion) = world.expand_resource(at, resource) else {
                        continue;
                    };
                    let base = world.resource_addr(at, key);
                    let known = state
                        .instances_of(&base)
                        .filter_map(|(addr, i)| Some((addr.key.clone(), i.current.clone()?)));
                    let known: Vec<_> = known.collect();
                    if known.is_empty() {
                        continue;
                    }
                    world.declare_resource(at, key, expansion.shape);
                    for (instance, object) in known {
                        world.set_instance(at, key, instance, object.attributes.clone());
                    }
                }
            }
            Node::Output(module, name) => {
                for at in world.instances_of(*module) {
                    world.output(at, name);
                }
            }
            _ => {}
        }
    }
    world.take_errors();
}

/// Evaluates one expression, as it would stand after `=` in a file.
fn evaluate(world: &World<'_>, text: &str) -> Result<Value, (Diagnostics, Arc<Sources>)> {
    let mut sources = Sources::new();
    // The texts of the configuration keep their numbers; the line comes after them.
    for (_, source) in world.config.sources.iter() {
        sources.add(source.name.clone(), Arc::clone(&source.text));
    }
    let id = sources.add("<console>", text);
    let sources = Arc::new(sources);
    let result =
        infra_syntax::parse::parse_expr(text, id).and_then(|expr| eval(&expr, &world.scope(ModuleInstanceId::ROOT)));
    let errors = world.take_errors();
    match result {
        Ok(_) if errors.has_errors() => Err((errors, sources)),
        Ok(value) => Ok(value),
        Err(errors) => Err((errors, sources)),
    }
}

/// Answers each line with a line.
fn lines(world: &World<'_>, answer: fn(&World<'_>, &str) -> String) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        if writeln!(out, "{}", answer(world, &line))
            .and_then(|()| out.flush())
            .is_err()
        {
            break;
        }
    }
    Ok(SUCCESS)
}

/// Answers a JSON string with `{"value": …}` or `{"error": "…"}`.
fn answer_json(world: &World<'_>, line: &str) -> String {
    let error = |message: &str| serde_json::json!({ "error": message }).to_string();
    let text: String = match serde_json::from_str(line) {
        Ok(text) => text,
        Err(e) => return error(&format!("a line must be a JSON string with an expression: {e}")),
    };
    match evaluate(world, &text) {
        Ok(value) if value.contains_sensitive() => error("the value is sensitive"),
        Ok(value) if !value.is_wholly_known() => error("the value is not known yet"),
        Ok(value) => match json::encode(&value) {
            Ok(text) => format!("{{\"value\": {text}}}"),
            Err(e) => error(&e.to_string()),
        },
        Err((errors, _)) => {
            let messages: Vec<&str> = errors.iter().map(|d| d.message.as_str()).collect();
            error(&messages.join("; "))
        }
    }
}

fn piped(world: &World<'_>, output: &Output) -> Result<u8, Failure> {
    let mut failed = false;
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if !line.trim().is_empty() {
            failed |= !show(world, &line, output);
        }
    }
    Ok(if failed { ERROR } else { SUCCESS })
}

/// Shows the value of an expression, or what is wrong with it.
fn show(world: &World<'_>, text: &str, output: &Output) -> bool {
    match evaluate(world, text) {
        Ok(value) => {
            output.line(&values::value(&value, 0));
            true
        }
        Err((errors, sources)) => {
            output.diagnostics(&errors, &sources);
            false
        }
    }
}

fn interactive(world: &World<'_>, output: &Output) -> Result<u8, Failure> {
    let editor = rustyline::DefaultEditor::new();
    let Ok(mut editor) = editor else {
        return piped(world, output);
    };
    output.note("Expressions are evaluated against the state. `exit` or Ctrl-D leaves.\n");
    while let Ok(line) = editor.readline("> ") {
        let text = line.trim();
        if matches!(text, "exit" | "quit") {
            break;
        }
        if text.is_empty() {
            continue;
        }
        // History is a convenience; a line that does not fit in is no error.
        let _ = editor.add_history_entry(text);
        show(world, &line, output);
    }
    Ok(SUCCESS)
}

//! `infra plan`: shows what would change, and saves it.

use std::collections::BTreeSet;
use std::path::Path;

use infra_engine::flow::{self, Context};
use infra_engine::plan::file::SavedPlan;
use infra_engine::plan::{Plan, PlanMode, PlanOptions};
use infra_engine::project::Project;
use infra_providers::SessionOptions;
use infra_types::InstanceAddr;
use infra_types::address::Target;

use crate::args::{PlanArgs, PlanningArgs};
use crate::error::{CHANGES, Failure, SUCCESS, file_error};
use crate::host::{SystemHost, now};
use crate::ui::{Output, json, markdown, plan_view};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &PlanArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let folder = &args.folder.folder;
    let project = project::open(folder, &registry)?;
    output.diagnostics(&project.warnings, &project.config.sources);
    let options = options(&args.planning, mode(args.destroy, args.refresh_only))?;
    let variables = project::variables(project, folder, &args.planning.variables, output)?;
    let state = project::state_path(folder, &args.planning.state, &registry, &project.config, &variables)?;
    let mut store = project::store(state.clone(), &registry);
    project::lock(&mut store, "plan", args.planning.state.lock_timeout)?;
    let progress = output.progress();
    let context = Context {
        project,
        registry: &registry,
        session_options: session_options(folder, output),
        observer: &progress,
    };
    let host = SystemHost::planning(&options.timestamp);
    let planned = super::runtime().block_on(flow::plan(&mut store, &context, &host, variables, options.clone()));
    progress.finish();
    store.unlock()?;
    let planned = planned.map_err(|d| Failure::new(d, project.config.sources.clone()))?;
    // Needed until the process ends, which gives the memory back sooner.
    let plan = &Box::leak(Box::new(planned)).plan;
    std::mem::forget(store);
    if args.json {
        output.line(&json::plan(plan, project, &registry).to_string());
        output.note(&plan_view::render(plan, &project.config, output.note_color()));
    } else {
        output.line(&plan_view::render(plan, &project.config, output.color()));
    }
    output.diagnostics(&plan.warnings, &project.config.sources);
    let saved = || SavedPlan {
        state: Some(state.to_string_lossy().into_owned()),
        ..SavedPlan::new(
            plan,
            &project.config,
            &options,
            plan_view::render(plan, &project.config, false),
            json::plan(plan, project, &registry),
        )
    };
    save(args, plan, project, saved, output)?;
    Ok(if args.detailed_exitcode && plan.has_changes() {
        CHANGES
    } else {
        SUCCESS
    })
}

fn save(
    args: &PlanArgs,
    plan: &Plan,
    project: &Project,
    saved: impl FnOnce() -> SavedPlan,
    output: &Output,
) -> Result<(), Failure> {
    if let Some(path) = &args.out {
        write_private(path, &saved().to_bytes()).map_err(|e| file_error("write", path, &e))?;
        output.note(&format!(
            "Saved the plan to `{0}`. Apply it with: infra apply {0}\n",
            path.display()
        ));
    }
    if let Some(path) = &args.markdown {
        let folder = project::folder_name(&args.folder.folder);
        let target = args
            .out
            .as_ref()
            .map_or_else(|| folder.clone(), |p| p.display().to_string());
        let place = markdown::Place {
            stack: stack_name(folder),
            target,
        };
        let text = markdown::render(plan, project, &place);
        std::fs::write(path, text).map_err(|e| file_error("write", path, &e))?;
    }
    Ok(())
}

/// The name under which a review knows a folder; one without a name has its own.
fn stack_name(folder: String) -> String {
    let here = || Path::new(&folder).canonicalize().ok();
    let named = Path::new(&folder)
        .components()
        .any(|c| matches!(c, std::path::Component::Normal(_)));
    match here().as_deref().and_then(Path::file_name) {
        Some(name) if !named => name.to_string_lossy().into_owned(),
        _ => folder,
    }
}

/// Writes a file that only its owner may read, all at once.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // A temporary file is created for its owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Returns the mode that the flags ask for.
pub(super) fn mode(destroy: bool, refresh_only: bool) -> PlanMode {
    match (destroy, refresh_only) {
        (true, _) => PlanMode::Destroy,
        (_, true) => PlanMode::RefreshOnly,
        _ => PlanMode::Normal,
    }
}

/// Returns the planning options that the arguments ask for.
pub(super) fn options(args: &PlanningArgs, mode: PlanMode) -> Result<PlanOptions, Failure> {
    let mut replace = BTreeSet::new();
    for text in &args.replace {
        let addr: InstanceAddr = text.parse().map_err(|e| project::address_error(&e))?;
        replace.insert(addr);
    }
    let targets = |texts: &[String]| -> Result<Vec<Target>, Failure> {
        let parsed = texts
            .iter()
            .map(|text| text.parse().map_err(|e| project::address_error(&e)));
        parsed.collect()
    };
    Ok(PlanOptions {
        mode,
        refresh: args.refresh,
        replace,
        targets: targets(&args.targets)?,
        excludes: targets(&args.excludes)?,
        timestamp: now(),
    })
}

/// Returns what providers are told.
pub(super) fn session_options(folder: &Path, output: &Output) -> SessionOptions {
    SessionOptions {
        root: Some(folder.to_owned()),
        notify: Some(output.notify()),
        has_objects: false,
    }
}

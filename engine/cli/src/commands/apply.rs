//! `infra apply`: plans, asks, and makes the changes; or applies a saved plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use infra_engine::config::{LoadError, SourceLoader};
use infra_engine::execute::Outcome;
use infra_engine::flow::{self, Context, Planned};
use infra_engine::plan::file::SavedPlan;
use infra_engine::plan::{PlanMode, PlanOptions, digest};
use infra_engine::project::Project;
use infra_providers::Registry;
use infra_state::Store;
use infra_syntax::Diagnostic;
use infra_types::{Str, Value};

use crate::args::{ApplyArgs, PlanningArgs};
use crate::commands::resume;
use crate::commands::stages::Stages;
use crate::error::{ACKNOWLEDGE, DIFFERS, ERROR, Failure, SUCCESS, file_error};
use crate::host::SystemHost;
use crate::ui::{Output, plan_view, values};
use crate::{project, providers, signals};

/// Runs the command.
pub(super) fn run(args: &ApplyArgs, output: &Output) -> Result<u8, Failure> {
    if args.target.is_file() {
        return apply_saved(args, output);
    }
    let mode = super::plan::mode(args.destroy, args.refresh_only);
    apply_folder(
        &args.target,
        &args.planning,
        mode,
        args.yes,
        args.stages,
        args.resume,
        output,
    )
}

/// Plans a folder, asks, and applies.
pub(super) fn apply_folder(
    folder: &Path,
    planning: &PlanningArgs,
    mode: PlanMode,
    yes: bool,
    stages: usize,
    resume: bool,
    output: &Output,
) -> Result<u8, Failure> {
    let registry = providers::registry();
    let project = project::open(folder, &registry)?;
    output.diagnostics(&project.warnings, &project.config.sources);
    let how = match resume {
        true => How::Resume,
        false => How::Plan(super::plan::options(planning, mode)?),
    };
    let variables = project::variables(project, folder, &planning.variables, output)?;
    let run = Run {
        folder,
        planning,
        project,
        registry: &registry,
        output,
        yes,
        stages,
    };
    run.go(variables, how, &|planned| {
        run.show(planned);
        confirm(planned, yes, output)
    })
}

/// What is to be applied.
enum How {
    /// What is planned now.
    Plan(PlanOptions),
    /// What is left of what was approved.
    Resume,
}

/// One apply: what it works with.
struct Run<'a> {
    folder: &'a Path,
    planning: &'a PlanningArgs,
    project: &'a Project,
    registry: &'a Registry,
    output: &'a Output,
    /// Whether the user has agreed beforehand, and to how many stages.
    yes: bool,
    stages: usize,
}

impl Run<'_> {
    fn go(
        &self,
        variables: BTreeMap<Str, Value>,
        how: How,
        approve: &dyn Fn(&mut Planned) -> Result<bool, Failure>,
    ) -> Result<u8, Failure> {
        let output = self.output;
        let sources = &self.project.config.sources;
        let state = &self.planning.state;
        let path = project::state_path(self.folder, state, self.registry, &self.project.config, &variables)?;
        let mut store = project::store(path, self.registry);
        let purpose = match &how {
            How::Plan(options) if options.mode == PlanMode::Destroy => "destroy",
            _ => "apply",
        };
        project::lock(&mut store, purpose, state.lock_timeout)?;
        if let Some(dead) = store.taken_over() {
            output.note(&format!(
                "Took over the lock of a run that is gone: {}.\n",
                dead.owner()
            ));
        }
        let runtime = super::runtime();
        let progress = output.progress();
        let context = Context {
            project: self.project,
            registry: self.registry,
            session_options: super::plan::session_options(self.folder, output),
            observer: &progress,
        };
        let (options, approval) = match how {
            How::Plan(options) => (options, None),
            How::Resume => {
                let (options, approval) = resume::approved(&mut store)?;
                (options, Some(approval))
            }
        };
        let host = SystemHost::planning(&options.timestamp);
        let mut stages = Stages::new(options);
        let code = loop {
            let options = stages.options().clone();
            let planned = runtime.block_on(flow::plan(&mut store, &context, &host, variables.clone(), options));
            progress.finish();
            let approved = planned
                .map_err(|d| Failure::new(d, sources.clone()))
                .and_then(|mut planned| {
                    stages.check(&planned.plan)?;
                    let approved = match (stages.is_first(), &approval) {
                        (true, Some(approval)) => {
                            self.show(&planned);
                            resume::check(approval, &planned.plan, &self.project.config)?;
                            true
                        }
                        (true, None) => approve(&mut planned)?,
                        (false, _) => self.approve_stage(&stages, &planned)?,
                    };
                    Ok(approved.then_some(planned))
                });
            let planned = match approved {
                Ok(Some(planned)) => planned,
                Ok(None) => break Ok(ERROR),
                Err(failure) => break Err(failure),
            };
            let result = self.execute(&runtime, &mut store, &planned);
            let code = result.and_then(|outcome| {
                let code = self.report(&planned, &outcome);
                // The end of the process gives the memory back sooner than taking it apart.
                std::mem::forget(outcome);
                code
            });
            let more = code.is_ok() && stages.next(&planned.plan);
            std::mem::forget(planned);
            if !more {
                break code;
            }
        };
        store.unlock()?;
        std::mem::forget(store);
        code
    }

    /// Shows a stage after the first, and asks again unless it was allowed beforehand.
    fn approve_stage(&self, stages: &Stages, planned: &Planned) -> Result<bool, Failure> {
        self.output.line(&format!("\nStage {}", stages.number()));
        self.show(planned);
        let allowed = self.yes && stages.number() <= self.stages;
        if allowed || !planned.plan.has_changes() {
            return Ok(true);
        }
        match self
            .output
            .ask(&format!("Make these changes, stage {}?", stages.number()))
        {
            Some(true) => Ok(true),
            Some(false) => {
                self.output.note("The stages before were applied; this one was not.\n");
                Ok(false)
            }
            None => Err(stages.not_approved()),
        }
    }

    /// Shows what would be done.
    fn show(&self, planned: &Planned) {
        let config = &self.project.config;
        self.output
            .line(&plan_view::render(&planned.plan, config, self.output.color()));
        self.output.diagnostics(&planned.plan.warnings, &config.sources);
    }

    fn execute(
        &self,
        runtime: &tokio::runtime::Runtime,
        store: &mut Store,
        planned: &Planned,
    ) -> Result<Outcome, Failure> {
        let progress = self.output.progress();
        let context = Context {
            project: self.project,
            registry: self.registry,
            session_options: super::plan::session_options(self.folder, self.output),
            observer: &progress,
        };
        let host = SystemHost::applying(&planned.plan.timestamp);
        let result = runtime.block_on(async {
            let shutdown = signals::listen();
            flow::apply(store, &context, &host, planned, self.planning.parallelism, shutdown).await
        });
        progress.finish();
        result.map_err(|d| Failure::new(d, self.project.config.sources.clone()))
    }

    fn report(&self, planned: &Planned, outcome: &Outcome) -> Result<u8, Failure> {
        let output = self.output;
        output.diagnostics(&outcome.diagnostics, &self.project.config.sources);
        output.line(&plan_view::outcome(&planned.plan, outcome, output.color()));
        if planned.plan.is_partial() {
            let left = Diagnostic::warning("infra::apply::partial", "not everything was applied, as asked for")
                .help("plan again without `--target` and `--exclude` to see what is left");
            output.diagnostics(&left.into(), &self.project.config.sources);
        }
        if !outcome.is_whole() {
            if planned.plan.has_changes() {
                let folder = match project::folder_name(self.folder).as_str() {
                    "." => String::new(),
                    name => format!(" {name}"),
                };
                output.note(&format!(
                    "To do the rest of what was approved: infra apply --resume{folder}\n"
                ));
            }
            return Err(Failure::shown(ERROR));
        }
        if planned.plan.mode != PlanMode::Destroy && !outcome.state.outputs.is_empty() {
            output.text("\n");
            output.text(&values::outputs(&outcome.state.outputs, output.color()));
        }
        Ok(SUCCESS)
    }
}

/// Asks whether to go on, unless nothing changes or the answer was given.
fn confirm(planned: &Planned, yes: bool, output: &Output) -> Result<bool, Failure> {
    if yes || !planned.plan.has_changes() {
        return Ok(true);
    }
    let question = match planned.plan.mode {
        PlanMode::Destroy => "Delete all of this? There is no way back.",
        _ => "Make these changes?",
    };
    match output.ask(question) {
        Some(true) => Ok(true),
        Some(false) => {
            output.note("Nothing was changed.\n");
            Ok(false)
        }
        None => Err(Failure::from(
            Diagnostic::error(
                "infra::cli::acknowledge",
                "the changes must be confirmed, and there is no terminal to ask on",
            )
            .help("use `--yes`, or save the plan with `infra plan --out FILE` and apply that"),
        )
        .with_code(ACKNOWLEDGE)),
    }
}

/// The saved configuration as a source of files.
struct SavedSources(BTreeMap<String, String>);

impl SourceLoader for SavedSources {
    fn list(&self, dir: &str) -> Result<Vec<String>, LoadError> {
        let prefix = if dir == "." { String::new() } else { format!("{dir}/") };
        let names: Vec<String> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            return Err(LoadError("it is not in the saved plan".into()));
        }
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0
            .get(path)
            .map(|text| text.clone().into_bytes())
            .ok_or_else(|| LoadError("it is not in the saved plan".into()))
    }

    fn exists_dir(&self, dir: &str) -> bool {
        self.list(dir).is_ok()
    }
}

/// Reads a saved plan.
pub(super) fn read_saved(path: &Path) -> Result<SavedPlan, Failure> {
    let bytes = std::fs::read(path).map_err(|e| file_error("read", path, &e))?;
    SavedPlan::parse(&bytes).map_err(|e| {
        Diagnostic::error("infra::plan::file", format!("`{}`: {e}", path.display()))
            .help("make the plan again with `infra plan --out FILE`")
            .into()
    })
}

/// Applies a saved plan: plans again, and goes on only if the result is the same.
fn apply_saved(args: &ApplyArgs, output: &Output) -> Result<u8, Failure> {
    let saved = read_saved(&args.target)?;
    check_place(&saved)?;
    let registry = providers::registry();
    let loader = SavedSources(saved.sources.iter().map(|s| (s.name.clone(), s.text.clone())).collect());
    let project = Project::load(&loader, &saved.root, &registry, &SystemHost::planning(&saved.timestamp))
        .map_err(|r| Failure::new(r.diagnostics, r.sources))?;
    let damaged = |e: infra_engine::plan::file::PlanFileError| -> Failure {
        Diagnostic::error("infra::plan::file", format!("`{}`: {e}", args.target.display())).into()
    };
    let folder = PathBuf::from(&saved.root);
    let mut variables = saved.variables().map_err(damaged)?;
    if !saved.sensitive_variables.is_empty() {
        let secret = |name: &Str| saved.sensitive_variables.iter().any(|n| **n == **name);
        let given = project::some_variables(&project.config, &folder, &args.planning.variables, output, &secret)?;
        for name in &saved.sensitive_variables {
            if let Some(value) = given.get(name.as_str()) {
                variables.insert(name.as_str().into(), value.clone());
            }
        }
    }
    let options = saved.options().map_err(damaged)?;
    let mut planning = args.planning.clone();
    planning.state.state = planning.state.state.or_else(|| saved.state.as_ref().map(PathBuf::from));
    let run = Run {
        folder: &folder,
        planning: &planning,
        project: &project,
        registry: &registry,
        output,
        yes: args.yes,
        stages: args.stages,
    };
    run.go(variables, How::Plan(options), &|planned| {
        if digest::digest(&planned.plan) == saved.digest {
            run.show(planned);
            return Ok(true);
        }
        let now = plan_view::render(&planned.plan, &project.config, false);
        output.line(&plan_view::changed_plan(&saved.text, &now));
        Err(differs(&saved, planned))
    })
}

/// Fails if a plan without a state was made somewhere else.
///
/// A state that is there tells by its history that it is the right one; before
/// the first apply, only the configuration can.
fn check_place(saved: &SavedPlan) -> Result<(), Failure> {
    let here = |name: &str, text: &str| std::fs::read(name).is_ok_and(|bytes| bytes == text.as_bytes());
    if saved.serial > 0 || saved.sources.iter().any(|s| here(&s.name, &s.text)) {
        return Ok(());
    }
    Err(Failure::from(
        Diagnostic::error(
            "infra::plan::elsewhere",
            format!(
                "the configuration of the plan is not in the folder `{}`; nothing was done",
                saved.root
            ),
        )
        .note("there is no state yet that would say where the plan belongs")
        .help("apply the plan in the folder it was made in, or make and review a new one"),
    )
    .with_code(DIFFERS))
}

/// The error about a plan that is not what was reviewed.
fn differs(saved: &SavedPlan, planned: &Planned) -> Failure {
    let serial = planned.plan.stored.serial;
    let mut d = Diagnostic::error(
        "infra::plan::differs",
        "what would be done now is not what was planned; nothing was done",
    );
    d = if planned.plan.stored.lineage != saved.lineage && saved.serial > 0 {
        d.note("the state is another one than the plan was made for")
    } else if serial == saved.serial {
        d.note(format!(
            "planned at {}; the state is still at serial {serial}",
            saved.timestamp
        ))
    } else {
        d.note(format!(
            "planned at {} with the state at serial {}; now the state is at serial {serial}",
            saved.timestamp, saved.serial
        ))
    };
    if !saved.sensitive_variables.is_empty() {
        let names: Vec<String> = saved.sensitive_variables.iter().map(|n| format!("`{n}`")).collect();
        d = d.note(format!(
            "secrets are not kept in a saved plan: the values given now for {} must be the same as then",
            names.join(", ")
        ));
    }
    Failure::from(d.help("make and review a new plan with `infra plan --out FILE`")).with_code(DIFFERS)
}

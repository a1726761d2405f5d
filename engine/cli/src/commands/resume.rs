//! What is left of an apply that failed or was killed.

use infra_engine::config::Config;
use infra_engine::plan::approval::{Approval, ApprovalError};
use infra_engine::plan::{Plan, PlanOptions};
use infra_state::Store;
use infra_syntax::Diagnostic;

use crate::error::{DIFFERS, Failure};

/// How many differences are listed.
const LISTED: usize = 20;

/// Finds what was approved, and how to plan what is left of it.
pub(super) fn approved(store: &mut Store) -> Result<(PlanOptions, Approval), Failure> {
    let note = store.read_note()?;
    if note.is_empty() {
        return Err(
            Diagnostic::error("infra::apply::nothing_to_resume", "there is nothing to go on with")
                .note("the last apply of this state did everything, or there was none")
                .help("plan and apply without `--resume`")
                .into(),
        );
    }
    let useless = |error: ApprovalError| -> Failure {
        Diagnostic::error("infra::apply::nothing_to_resume", error.to_string())
            .help("plan and apply without `--resume`")
            .into()
    };
    let approval = Approval::parse(&note).map_err(useless)?;
    let (state, _) = store.load()?;
    let options = approval.options(&state).map_err(useless)?;
    Ok((options, approval))
}

/// Refuses a plan that does anything that was not approved.
pub(super) fn check(approval: &Approval, plan: &Plan, config: &Config) -> Result<(), Failure> {
    let found = approval.not_covered(plan, config);
    if found.is_empty() {
        return Ok(());
    }
    let mut d = Diagnostic::error(
        "infra::plan::differs",
        "what is left to do is not what was approved; nothing was done",
    );
    for line in found.iter().take(LISTED) {
        d = d.note(line.clone());
    }
    if found.len() > LISTED {
        d = d.note(format!("… and {} more", found.len() - LISTED));
    }
    Err(Failure::from(d.help("review the plan above, and apply it without `--resume`")).with_code(DIFFERS))
}

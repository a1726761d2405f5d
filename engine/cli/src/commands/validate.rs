//! `infra validate`: checks the configuration without values or access.

use infra_syntax::Severity;

use crate::args::ValidateArgs;
use crate::error::{ERROR, Failure, SUCCESS};
use crate::ui::{Output, diagnostics};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &ValidateArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let result =
        project::open(&args.folder.folder, &registry).and_then(|project| match project::unsupported(&project.config) {
            Some(d) => Err(Failure::new(d, project.config.sources.clone())),
            None => Ok(project),
        });
    let (found, sources) = match &result {
        Ok(project) => (&project.warnings, &project.config.sources),
        Err(failure) => (&failure.diagnostics, &failure.sources),
    };
    if args.json {
        let list: Vec<_> = found.iter().map(|d| diagnostics::json(d, sources)).collect();
        let count = |severity| found.iter().filter(|d| d.severity == severity).count();
        output.line(
            &serde_json::json!({
                "format_version": "1.0",
                "valid": result.is_ok(),
                "error_count": count(Severity::Error),
                "warning_count": count(Severity::Warning),
                "diagnostics": list,
            })
            .to_string(),
        );
        return Ok(if result.is_ok() { SUCCESS } else { ERROR });
    }
    let project = result?;
    output.diagnostics(&project.warnings, &project.config.sources);
    output.line("The configuration is valid.");
    Ok(SUCCESS)
}

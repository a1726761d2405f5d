//! The command line: what can be written, and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Plan and apply infrastructure from `.infra` files.
#[derive(Debug, Parser)]
#[command(
    name = "infra",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// How errors are written
    #[arg(long, global = true, value_enum, default_value_t = ErrorFormat::Human, value_name = "FORMAT")]
    pub error_format: ErrorFormat,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    Always,
    Never,
}

/// How errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorFormat {
    /// For people
    Human,
    /// One JSON object per line, on standard error
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would change
    Plan(PlanArgs),
    /// Make the changes
    Apply(ApplyArgs),
    /// Delete everything that is managed
    Destroy(DestroyArgs),
    /// Check the configuration without any value or access
    Validate(ValidateArgs),
    /// Format `.infra` files
    Fmt(FmtArgs),
    /// Show the state, or a saved plan
    Show(ShowArgs),
    /// Show output values
    Output(OutputArgs),
    /// Evaluate expressions
    Console(ConsoleArgs),
    /// Draw the graph of dependencies
    Graph(GraphArgs),
    /// Look at and change the state
    #[command(subcommand)]
    State(StateCommand),
    /// Remove a lock that nobody holds any more
    Unlock(UnlockArgs),
    /// Run a local AWS simulator
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Show the arguments and attributes of a type
    Schema(SchemaArgs),
    /// Explain an error code; without one, list all of them
    ExplainError(ExplainErrorArgs),
    /// Write a completion script for a shell
    Completions(CompletionsArgs),
    /// Show the version
    Version(VersionArgs),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub(crate) struct FolderArgs {
    /// Folder of the root module
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// Values of variables.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct VariableArgs {
    /// Value of a variable
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

/// The state to work on.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StateArgs {
    /// State file, in place of the one that the configuration names or `infra.state.json`
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How long to wait for the state's lock (`30s`, `5m`)
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub lock_timeout: std::time::Duration,
}

/// How to plan.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlanningArgs {
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Whether to read the existing objects first
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub refresh: bool,
    /// Replace this instance even if nothing changes
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// Plan only this resource, module or instance, and what it depends on
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<String>,
    /// Leave out this resource, module or instance, and what depends on it
    #[arg(long = "exclude", value_name = "ADDRESS", conflicts_with = "targets")]
    pub excludes: Vec<String>,
    /// How many operations run at once
    #[arg(long, value_name = "N", default_value_t = infra_engine::execute::DEFAULT_PARALLELISM, value_parser = parse_count)]
    pub parallelism: usize,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Plan the deletion of everything
    #[arg(long)]
    pub destroy: bool,
    /// Only take what is there into the state
    #[arg(long, conflicts_with = "destroy")]
    pub refresh_only: bool,
    /// Save the plan, to apply it later
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the plan as Markdown for a pull request
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the plan as JSON to standard output
    #[arg(long)]
    pub json: bool,
    /// Exit with 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// Folder of the root module, or a saved plan
    #[arg(id = "place", default_value = ".", value_name = "FOLDER|PLAN")]
    pub target: PathBuf,
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Apply without asking
    #[arg(long, short = 'y', alias = "auto-approve")]
    pub yes: bool,
    /// With `--yes`: how many stages may be applied without asking
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count, requires = "yes")]
    pub stages: usize,
    /// Do what is left of the last apply, if it is still what was approved then
    #[arg(long, conflicts_with_all = ["destroy", "refresh_only", "replace", "targets", "excludes"])]
    pub resume: bool,
    /// Delete everything
    #[arg(long)]
    pub destroy: bool,
    /// Only take what is there into the state
    #[arg(long, conflicts_with = "destroy")]
    pub refresh_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// Delete without asking
    #[arg(long, short = 'y', alias = "auto-approve")]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Write the findings as JSON to standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Files or folders (`-` for standard input)
    #[arg(default_value = ".", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not formatted
    #[arg(long)]
    pub check: bool,
    /// Show the differences
    #[arg(long)]
    pub diff: bool,
    /// Change nothing
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub write: bool,
    /// Only this folder, not the ones in it
    #[arg(long)]
    pub no_recursive: bool,
    /// Accepted for Terraform users: folders are always formatted with all they hold
    #[arg(long, hide = true)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Folder of the root module, or a saved plan or state file
    #[arg(default_value = ".", value_name = "FOLDER|FILE")]
    pub target: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Write JSON, as `terraform show -json` does
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Only this output
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
    /// Write the text of a string, number or bool, without quotes
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// One JSON string with an expression per line in, one JSON object with the answer per line out
    #[arg(long)]
    pub json: bool,
}

/// The form of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For Graphviz
    Dot,
    /// For Markdown on GitHub
    Mermaid,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    /// The form
    #[arg(long, value_enum, default_value_t = GraphFormat::Dot)]
    pub format: GraphFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the addresses
    List(StateListArgs),
    /// Show one instance
    Show(StateShowArgs),
    /// Move an instance, a resource or a module to another address
    Mv(StateMvArgs),
    /// Forget instances; the objects stay
    Rm(StateRmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StateListArgs {
    /// Only these addresses (resources, modules or instances)
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Folder of the root module
    #[arg(long, short = 'C', default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StateShowArgs {
    /// The instance
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Folder of the root module
    #[arg(long, short = 'C', default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StateMvArgs {
    /// Where it is
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Where it goes
    #[arg(value_name = "TO")]
    pub to: String,
    /// Folder of the root module
    #[arg(long, short = 'C', default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Only show what would be moved
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StateRmArgs {
    /// What to forget
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Folder of the root module
    #[arg(long, short = 'C', default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
    /// Only show what would be forgotten
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    /// The lock's id, as the error message showed it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Folder of the root module
    #[arg(long, short = 'C', default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Start it, unless it is running
    Start(SandboxStartArgs),
    /// Say whether it is running, and where
    Status,
    /// Stop it; everything in it is lost
    Stop,
    /// Empty it
    Reset,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxStartArgs {
    /// The port on the loopback interface
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The type; all types if left out
    #[arg(value_name = "TYPE")]
    pub ty: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainErrorArgs {
    /// The code of the error, such as `infra::config::undeclared`, or its last part
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1 on is expected".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number
        .parse()
        .map_err(|_| "a number with a unit is expected, such as `30s` or `5m`".to_owned())?;
    let seconds = match unit {
        "s" | "" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        _ => return Err(format!("`{unit}` is not a unit; use `s`, `m` or `h`")),
    };
    Ok(std::time::Duration::from_secs(seconds))
}

/// Turns Terraform's one-dash options (`-var`, `-out=FILE`) into ours with two dashes.
pub(crate) fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut only_values = false;
    arguments
        .map(|argument| {
            let Some(text) = argument.to_str() else {
                return argument;
            };
            if text == "--" {
                only_values = true;
            }
            let name = text.strip_prefix('-').unwrap_or("");
            let long = name.len() > 1
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && name
                    .split('=')
                    .next()
                    .is_some_and(|n| n.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            if long && !only_values {
                format!("-{text}").into()
            } else {
                argument
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_dash_is_accepted() {
        let check = |given: &[&str], expect: &[&str]| {
            let got = with_two_dashes(given.iter().map(OsString::from));
            assert_eq!(got, expect.iter().map(OsString::from).collect::<Vec<_>>());
        };
        check(
            &["infra", "plan", "-out=x", "-var", "a=-b"],
            &["infra", "plan", "--out=x", "--var", "a=-b"],
        );
        check(&["-y", "-", "-5", "--", "-out"], &["-y", "-", "-5", "--", "-out"]);
        check(&["-C", "-C=x", "-Cx"], &["-C", "-C=x", "-Cx"]);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("90s"), Ok(std::time::Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Ok(std::time::Duration::from_secs(300)));
        assert!(parse_duration("5x").is_err());
        assert!(parse_duration("").is_err());
    }
}

//! `infra fmt`: formats files.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_syntax::{Sources, format};

use crate::args::FmtArgs;
use crate::error::{ERROR, Failure, SUCCESS, file_error};
use crate::project;
use crate::ui::{Output, escape};

/// Runs the command.
pub(super) fn run(args: &FmtArgs, output: &Output) -> Result<u8, Failure> {
    if args.paths.iter().any(|p| p.as_os_str() == "-") {
        return standard_input(args, output);
    }
    let mut files = Vec::new();
    for path in &args.paths {
        find(path, !args.no_recursive, true, &mut files).map_err(|e| file_error("read", path, &e))?;
    }
    files.sort();
    files.dedup();
    let mut changed = false;
    let mut failed = false;
    for path in &files {
        match format_file(path, args, output) {
            Ok(differs) => changed |= differs,
            Err(failure) => {
                output.failure(failure);
                failed = true;
            }
        }
    }
    Ok(if failed || (args.check && changed) {
        ERROR
    } else {
        SUCCESS
    })
}

/// Formats one file. Returns whether it was not formatted.
fn format_file(path: &Path, args: &FmtArgs, output: &Output) -> Result<bool, Failure> {
    let name = path.to_string_lossy();
    let bytes = std::fs::read(path).map_err(|e| file_error("read", path, &e))?;
    let text = infra_syntax::parse::decode(bytes, &name).map_err(Failure::from)?;
    let formatted = formatted(&text, &name)?;
    if formatted == text {
        return Ok(false);
    }
    if args.diff {
        output.line(&shown(&text, &formatted, &name));
    } else {
        output.line(&escape::line(&name));
    }
    if args.write && !args.check {
        std::fs::write(path, formatted).map_err(|e| file_error("write", path, &e))?;
    }
    Ok(true)
}

/// Shows what formatting changes.
fn shown(text: &str, formatted: &str, name: &str) -> String {
    let diff = format::diff(text, formatted, &escape::line(name));
    // Tabs are what formatting is about.
    diff.split('\t').map(escape::block).collect::<Vec<_>>().join("\t")
}

fn formatted(text: &str, name: &str) -> Result<String, Failure> {
    format::format(text).map_err(|diagnostics| {
        let mut sources = Sources::new();
        sources.add(name, text);
        Failure::new(diagnostics, Arc::new(sources))
    })
}

fn standard_input(args: &FmtArgs, output: &Output) -> Result<u8, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|e| file_error("read", Path::new("-"), &e))?;
    let text = infra_syntax::parse::decode(bytes, "standard input").map_err(Failure::from)?;
    let formatted = formatted(&text, "standard input")?;
    if args.check {
        return Ok(if formatted == text { SUCCESS } else { ERROR });
    }
    if args.diff {
        output.line(&shown(&text, &formatted, "standard input"));
    } else {
        output.text(&formatted);
    }
    Ok(SUCCESS)
}

/// Finds `.infra` files; hidden folders are left out.
fn find(path: &Path, recursive: bool, top: bool, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let kind = std::fs::metadata(path)?;
    if kind.is_file() {
        if top || path.extension().is_some_and(|e| e == "infra") {
            out.push(project::without_dot(path));
        }
        return Ok(());
    }
    if !top && !recursive {
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let link = entry.file_type()?.is_symlink() && entry.path().is_dir();
        if !hidden && !link {
            find(&entry.path(), recursive, false, out)?;
        }
    }
    Ok(())
}

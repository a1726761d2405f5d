//! `infra completions`, and wrong usage.

use crate::support::{Folder, check};

#[test]
fn every_shell_has_a_script() {
    let folder = Folder::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.ok(&format!("completions {shell}"));
        for word in ["infra", "validate", "detailed-exitcode"] {
            assert!(script.contains(word), "{shell} does not know `{word}`");
        }
    }
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = Folder::empty();
    for line in [
        "frobnicate",
        "plan --no-such-option",
        "plan --destroy --refresh-only",
        "plan --refresh=maybe",
        "plan --lock-timeout 5x",
        "plan --parallelism 0",
        "completions tcsh",
        "state",
        "",
    ] {
        let done = folder.infra(line).exits(64);
        assert_eq!(done.stdout, "", "{line}");
    }
    check("usage_unknown_command", &folder.infra("plam").transcript());
}

#[test]
fn help_says_what_there_is() {
    check("usage_help", &Folder::empty().infra("--help").succeeds().transcript());
}

//! `infra fmt`.

use crate::support::{Folder, check};

const UGLY: &str = "resource terraform_data a {\ninput=1\n    triggers_replace =2\n}\n";
const NEAT: &str = "resource terraform_data a {\n  input            = 1\n  triggers_replace = 2\n}\n";

fn folder() -> Folder {
    let folder = Folder::with(UGLY);
    folder.write("neat.infra", NEAT);
    folder.write("sub/deep/other.infra", UGLY);
    folder.write("sub/deep/values.vars.infra", "a=1\n");
    folder.write(".hidden/other.infra", UGLY);
    folder.write("readme.md", UGLY);
    folder
}

#[test]
fn files_in_all_folders_are_formatted() {
    let folder = folder();
    let expect = "main.infra\nsub/deep/other.infra\nsub/deep/values.vars.infra\n";
    assert_eq!(folder.ok("fmt"), expect);
    assert_eq!(folder.read("main.infra"), NEAT);
    assert_eq!(folder.read("sub/deep/other.infra"), NEAT);
    assert_eq!(folder.read("sub/deep/values.vars.infra"), "a = 1\n");
    assert_eq!(folder.read(".hidden/other.infra"), UGLY);
    assert_eq!(folder.read("readme.md"), UGLY);
    assert_eq!(folder.ok("fmt"), "");
}

#[test]
fn check_changes_nothing() {
    let folder = folder();
    let done = folder.infra("fmt --check").exits(1);
    assert_eq!(
        done.stdout,
        "main.infra\nsub/deep/other.infra\nsub/deep/values.vars.infra\n"
    );
    assert_eq!(folder.read("main.infra"), UGLY);
    assert_eq!(folder.ok("fmt --check neat.infra"), "");
}

#[test]
fn the_difference_can_be_seen() {
    let folder = folder();
    check(
        "fmt_diff",
        &folder.infra("fmt --diff --check sub").exits(1).transcript(),
    );
    assert_eq!(folder.read("sub/deep/other.infra"), UGLY);
}

#[test]
fn one_folder_alone() {
    let folder = folder();
    assert_eq!(folder.ok("fmt --no-recursive"), "main.infra\n");
    assert_eq!(folder.read("sub/deep/other.infra"), UGLY);
}

#[test]
fn without_writing() {
    let folder = folder();
    assert_eq!(folder.ok("fmt -write=false main.infra"), "main.infra\n");
    assert_eq!(folder.read("main.infra"), UGLY);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let folder = Folder::empty();
    assert_eq!(folder.command("fmt -").stdin(UGLY).run().succeeds().stdout, NEAT);
    folder.command("fmt --check -").stdin(UGLY).run().exits(1);
    folder.command("fmt --check -").stdin(NEAT).run().succeeds();
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_the_rest_is_formatted() {
    let folder = folder();
    let broken = "resource terraform_data a {\n  input = [1\n}\n";
    folder.write("broken.infra", broken);
    check("fmt_broken", &folder.infra("fmt").exits(1).transcript());
    assert_eq!(folder.read("broken.infra"), broken);
    assert_eq!(folder.read("main.infra"), NEAT);
    check("fmt_no_such_file", &folder.infra("fmt nowhere").exits(1).transcript());
}

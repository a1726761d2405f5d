//! `infra schema`.

use crate::support::{Folder, check};

#[test]
fn all_types_are_listed() {
    let text = Folder::empty().ok("schema");
    for line in [
        "resource terraform_data",
        "resource random_pet",
        "resource aws_vpc",
        "data aws_availability_zones",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
}

#[test]
fn one_type_is_described() {
    check(
        "schema_random_pet",
        &Folder::empty().infra("schema random_pet").succeeds().transcript(),
    );
}

#[test]
fn an_unknown_type_is_an_error() {
    check(
        "schema_unknown",
        &Folder::empty().infra("schema random_pett").exits(1).transcript(),
    );
}

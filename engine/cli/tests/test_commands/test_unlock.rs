//! `infra unlock`.

use crate::support::{Folder, LOCK_ID, check};

#[test]
fn without_a_lock() {
    check(
        "unlock_none",
        &Folder::empty().infra("unlock abc").exits(1).transcript(),
    );
}

#[test]
fn only_the_right_id_unlocks() {
    let folder = Folder::with("resource terraform_data a {}\n");
    let _held = folder.hold_lock();
    check("unlock_wrong_id", &folder.infra("unlock abc").exits(1).transcript());
    folder.infra("apply --yes").exits(1);
    let done = folder.infra(&format!("unlock {LOCK_ID}")).succeeds();
    check("unlock", &done.transcript());
    folder.ok("apply --yes");
}

//! `infra version`.

use crate::support::Folder;

#[test]
fn text_and_json() {
    let folder = Folder::empty();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(folder.ok("version"), format!("infra {version}\n"));
    assert_eq!(folder.ok("--version"), format!("infra {version}\n"));
    let json = folder.json("version --json");
    assert_eq!(json["version"], version);
    assert_eq!(json["state_format"], 1);
    assert_eq!(json["plan_format"], 1);
}

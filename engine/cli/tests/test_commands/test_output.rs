//! `infra output`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
variable "token" {
  default   = "hunter2"
  sensitive = true
}
output text { value = "a \"quoted\" text" }
output number { value = 1.50 }
output object { value = { list = [1, 2], flag = true } }
output token {
  value     = var.token
  sensitive = true
}
"#;

fn applied() -> Folder {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("apply --yes");
    folder
}

#[test]
fn all_outputs() {
    let folder = applied();
    check("output_all", &folder.infra("output").succeeds().transcript());
    let json = folder.json("output --json");
    assert_eq!(
        json["text"],
        serde_json::json!({"sensitive": false, "type": "string", "value": "a \"quoted\" text"})
    );
    assert_eq!(
        json["object"]["value"],
        serde_json::json!({"list": [1, 2], "flag": true})
    );
    assert_eq!(json["token"]["sensitive"], true);
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn one_output() {
    let folder = applied();
    assert_eq!(folder.ok("output text"), "\"a \\\"quoted\\\" text\"\n");
    assert_eq!(folder.ok("output --raw text"), "a \"quoted\" text");
    assert_eq!(folder.ok("output -raw number"), "1.5");
    assert_eq!(folder.ok("output --json object"), "{\"flag\":true,\"list\":[1,2]}\n");
    // It is asked for by name.
    assert_eq!(folder.ok("output --raw token"), "hunter2");
    assert_eq!(folder.ok("output . --raw text"), "a \"quoted\" text");
}

#[test]
fn what_there_is_not() {
    let folder = applied();
    check("output_unknown", &folder.infra("output txt").exits(1).transcript());
    check(
        "output_not_raw",
        &folder.infra("output --raw object").exits(1).transcript(),
    );
    check("output_raw_of_all", &folder.infra("output --raw").exits(1).transcript());
    let empty = Folder::with("");
    assert_eq!(empty.ok("output"), "The state has no outputs.\n");
    assert_eq!(empty.ok("output --json"), "{}\n");
    check("output_none_yet", &empty.infra("output text").exits(1).transcript());
}

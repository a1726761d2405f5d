//! `infra graph`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
variable "name" { default = "a" }
locals { greeting = "hello ${var.name}" }
resource terraform_data a { input = local.greeting }
resource terraform_data b {
  for_each = toset(["x", "y"])
  input    = terraform_data.a.id
}
module m {
  source = "./m"
  value  = terraform_data.b["x"].output
}
output b { value = module.m.result }
"#;

fn folder() -> Folder {
    let folder = Folder::with(CONFIGURATION);
    folder.write(
        "m/main.infra",
        "variable value {}\noutput result { value = var.value }\n",
    );
    folder
}

#[test]
fn dot_is_the_default() {
    let folder = folder();
    let dot = folder.infra("graph").succeeds();
    check("graph_dot", &dot.transcript());
    assert_eq!(dot.stdout, folder.ok("graph --format dot"));
}

#[test]
fn mermaid() {
    check(
        "graph_mermaid",
        &folder().infra("graph --format=mermaid").succeeds().transcript(),
    );
}

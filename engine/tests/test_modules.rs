//! The module tree: folders, calls, what is shared and what is not.

use infra_engine::config::{self, Config, Repetition, SourceLoader};
use infra_providers::Registry;
use infra_testutils::MemoryLoader;

fn load(root: &str, files: &[(&str, &str)]) -> Config {
    let loader: MemoryLoader = files.iter().copied().collect();
    let (config, _, diagnostics) = config::load(&loader, root, &Registry::new());
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    config.expect("there is a folder")
}

fn first_error(root: &str, files: &[(&str, &str)]) -> &'static str {
    let loader: MemoryLoader = files.iter().copied().collect();
    let (_, _, diagnostics) = config::load(&loader, root, &Registry::new());
    diagnostics
        .iter()
        .find(|d| d.is_error())
        .expect("there is an error")
        .code
}

#[test]
fn each_call_is_a_module_with_its_own_path() {
    let config = load(
        "environments/local",
        &[
            (
                "environments/local/main.infra",
                "module a { source = \"../../modules/net\" }\nmodule b { source = \"../../modules/net\" }",
            ),
            (
                "modules/net/main.infra",
                "module inner { source = \"./inner\" }\nresource x_y z {}",
            ),
            ("modules/net/inner/main.infra", "output v { value = 1 }"),
        ],
    );
    let shown: Vec<(String, &str)> = config
        .modules
        .iter()
        .map(|m| (m.path.to_string(), m.dir.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (String::new(), "environments/local"),
            ("module.a".into(), "modules/net"),
            ("module.a.module.inner".into(), "modules/net/inner"),
            ("module.b".into(), "modules/net"),
            ("module.b.module.inner".into(), "modules/net/inner"),
        ]
    );
    let b = config.find_module(&vec!["b".into()].into()).expect("it is called");
    let resource = b.resources.values().next().expect("it is declared");
    assert_eq!(resource.path.to_string(), "module.b.x_y.z");
    assert_eq!(b.parent.map(|p| p.0), Some(0));
    assert_eq!(config.sources.iter().count(), 3, "each file is read once");
}

#[test]
fn only_configuration_files_are_read() {
    let config = load(
        ".",
        &[
            ("main.infra", "variable a {}"),
            ("more.infra", "variable b {}"),
            ("x.vars.infra", "a = 1"),
            ("auto.vars.infra", "a = 1"),
            ("x.test.infra", "run \"x\" {}"),
            (".hidden.infra", "nonsense"),
            ("sub/main.infra", "nonsense"),
            ("main.tf", "nonsense"),
        ],
    );
    let names: Vec<&str> = config.root().variables.keys().map(|k| &**k).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn enabled_is_an_argument_where_the_module_has_such_a_variable() {
    let config = load(
        ".",
        &[
            (
                "main.infra",
                "module a {\n  source = \"./a\"\n  enabled = true\n}\nmodule b {\n  source = \"./b\"\n  enabled = true\n  count = 2\n}",
            ),
            ("a/main.infra", "variable enabled {}"),
            ("b/main.infra", "variable other { default = 1 }"),
        ],
    );
    let (a, b) = (&config.root().calls["a"], &config.root().calls["b"]);
    assert!(a.enabled.is_none() && a.args.contains_key("enabled"));
    assert!(b.enabled.is_some() && b.args.is_empty());
    assert!(matches!(b.repetition, Repetition::Count(_)));
}

#[test]
fn endless_trees_are_refused() {
    let code = first_error(".", &[("main.infra", "module a { source = \"./.\" }")]);
    assert_eq!(code, "infra::config::module_cycle");

    let deep: Vec<(String, String)> = (0..80)
        .map(|i| {
            let dir = "d/".repeat(i);
            (format!("{dir}main.infra"), "module a { source = \"./d\" }".to_owned())
        })
        .collect();
    let files: Vec<(&str, &str)> = deep.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    assert_eq!(first_error(".", &files), "infra::config::too_deep");
}

#[test]
fn a_missing_folder_gives_no_configuration() {
    let loader = MemoryLoader::new().with("a/main.infra", "");
    assert!(loader.exists_dir("a") && !loader.exists_dir("b"));
    let (config, _, diagnostics) = config::load(&loader, "b", &Registry::new());
    assert!(config.is_none());
    assert_eq!(diagnostics.0[0].code, config::load::NO_CONFIGURATION);
}

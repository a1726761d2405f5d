//! Stages: what is repeated over values that are not known yet is planned when they are.

use infra_engine::plan::Wait;
use infra_testutils::Bench;

const UNKNOWN: &str = r#"
resource fake_thing first {
  name = "first"
}

resource fake_thing each {
  for_each = toset([fake_thing.first.id])
  name     = "each-${each.value}"
}

resource fake_thing user {
  name = fake_thing.each[fake_thing.first.id].name
}

resource fake_thing beside {
  name = "beside"
}

output each {
  value = [for thing in fake_thing.each : thing.name]
}

output beside {
  value = fake_thing.beside.name
}
"#;

fn waiting(plan: &infra_engine::plan::Plan) -> Vec<(String, Wait)> {
    plan.later
        .iter()
        .map(|d| (d.declared.clone(), d.reason.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_unknown_for_each_is_planned_in_the_next_stage() {
    let mut bench = Bench::with(UNKNOWN);
    let plan = bench.plan().await.unwrap();
    assert_eq!(
        waiting(&plan),
        [
            ("fake_thing.each".to_owned(), Wait::Repetition),
            ("fake_thing.user".to_owned(), Wait::Dependency("fake_thing.each".into())),
        ]
    );
    assert_eq!(
        infra_testutils::bench::lines(&plan),
        ["create fake_thing.beside", "create fake_thing.first"]
    );
    let outputs: Vec<&str> = plan.outputs.keys().map(|name| &**name).collect();
    assert_eq!(outputs, ["beside"]);
    bench.apply_ok().await;

    let plan = bench.plan().await.unwrap();
    assert!(plan.later.is_empty());
    let id = bench
        .cloud
        .ids("fake_thing")
        .into_iter()
        .find(|id| bench.cloud.get(id).unwrap().attributes.get_str("name") == Some("first"));
    let each = format!("create fake_thing.each[\"{}\"]", id.unwrap());
    assert_eq!(
        infra_testutils::bench::lines(&plan),
        [each.as_str(), "create fake_thing.user"]
    );
    bench.apply_ok().await;
    assert_eq!(bench.changes().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_left_as_it_is() {
    let mut bench = Bench::with(UNKNOWN);
    bench.apply_ok().await;
    bench.apply_ok().await;
    let before = bench.addresses();
    // The first thing is replaced, so its id is unknown again; one that the second uses is gone.
    bench.main(&UNKNOWN.replace("name = \"first\"", "name = \"new\""));
    let plan = bench.plan().await.unwrap();
    assert_eq!(waiting(&plan).len(), 2);
    assert_eq!(
        infra_testutils::bench::lines(&plan),
        ["delete-then-create fake_thing.first"]
    );
    let each_before = bench.state().outputs["each"].clone();
    bench.apply_ok().await;
    assert_eq!(bench.addresses(), before);
    assert_eq!(bench.state().outputs["each"], each_before);
    bench.apply_ok().await;
    assert_ne!(bench.state().outputs["each"], each_before);
    assert_eq!(bench.changes().await, Vec::<String>::new());
    assert_eq!(bench.cloud.objects().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_declared_any_more_stays_while_it_is_used() {
    let text = r#"
resource fake_thing first {
  name = "first"
}

resource fake_unique used {
  name = "used"
}

resource fake_user each {
  for_each = toset([fake_thing.first.id])
  uses     = fake_unique.used.id
}
"#;
    let mut bench = Bench::with(text);
    bench.apply_ok().await;
    bench.apply_ok().await;
    bench.main(
        &text
            .replace("name = \"first\"", "name = \"new\"")
            .replace(
                "resource fake_unique used {\n  name = \"used\"\n}",
                "resource fake_unique other {\n  name = \"other\"\n}",
            )
            .replace("fake_unique.used.id", "fake_unique.other.id"),
    );
    let first = bench.changes().await;
    assert_eq!(
        first,
        ["delete-then-create fake_thing.first", "create fake_unique.other"]
    );
    bench.apply_ok().await;
    bench.apply_ok().await;
    assert_eq!(bench.changes().await, Vec::<String>::new());
    assert_eq!(bench.cloud.ids("fake_unique").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn modules_wait_as_a_whole() {
    let mut bench = Bench::new();
    bench.loader.add(
        "main.infra",
        r#"
resource fake_thing first {
  name = "first"
}

module m {
  source = "./m"
  count  = length(fake_thing.first.id)
}

resource fake_thing after {
  name       = "after"
  depends_on = [module.m]
}

output names {
  value = module.m[*].name
}
"#,
    );
    bench.loader.add(
        "m/main.infra",
        "resource fake_thing in {\n  name = \"in\"\n}\n\noutput name {\n  value = fake_thing.in.name\n}\n",
    );
    let plan = bench.plan().await.unwrap();
    assert_eq!(
        waiting(&plan),
        [
            ("fake_thing.after".to_owned(), Wait::Dependency("module.m".into())),
            ("module.m".to_owned(), Wait::Repetition),
        ]
    );
    bench.apply_ok().await;
    bench.apply_ok().await;
    assert_eq!(bench.changes().await, Vec::<String>::new());
    assert!(bench.state().outputs.contains_key("names"));
}

#[tokio::test(start_paused = true)]
async fn what_would_never_be_known_is_an_error() {
    let mut bench = Bench::with(
        r#"
resource fake_thing first {
  name = "first"
}

resource fake_thing each {
  count = parseint(formatdate("YYYY", timestamp()), 10) > 2000 ? 1 : 0
  name  = "x"
}
"#,
    );
    bench.apply_ok().await;
    let errors = bench.plan().await.unwrap_err();
    let codes: Vec<&str> = errors.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["infra::eval::unknown_repetition"]);
}

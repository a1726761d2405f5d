//! The engine over the fake cloud: actions, order, failures, interruption.

use infra_engine::execute::Shutdown;
use infra_engine::plan::{Action, PlanMode, Reason};
use infra_provider_fake::{Fault, FaultPlan, FaultRule, Op};
use infra_providers::ErrorKind;
use infra_testutils::Bench;

const CHAIN: &str = r#"
resource fake_unique base { name = "base" }
resource fake_user a { uses = fake_unique.base.id }
resource fake_user b {
  name = "after-${fake_user.a.id}"
  uses = fake_unique.base.id
}
output last { value = fake_user.b.id }
"#;

#[tokio::test]
async fn a_chain_is_created_in_order_and_deleted_in_reverse() {
    let mut bench = Bench::with(CHAIN);
    assert_eq!(
        bench.changes().await,
        ["create fake_unique.base", "create fake_user.a", "create fake_user.b"]
    );
    let outcome = bench.apply_ok().await;
    assert_eq!(outcome.state.outputs.len(), 1);
    assert_eq!(bench.cloud.objects().len(), 3);
    assert!(bench.changes().await.is_empty());
    bench.cloud.clear_calls();
    let outcome = bench.destroy().await.unwrap();
    assert!(outcome.failed.is_empty(), "{outcome:#?}");
    assert!(bench.cloud.objects().is_empty());
    assert!(bench.state().instances.is_empty());
    let deleted: Vec<_> = bench.cloud.changes();
    assert!(deleted[2].contains("fake_unique"), "{deleted:?}");
}

#[tokio::test]
async fn an_attribute_changes_in_place() {
    let mut bench = Bench::with("resource fake_thing a {\n name = \"a\"\n size = 1\n}");
    bench.apply_ok().await;
    bench.main("resource fake_thing a {\n name = \"a\"\n size = 2\n}");
    assert_eq!(bench.changes().await, ["update fake_thing.a"]);
    bench.apply_ok().await;
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn a_forced_change_replaces_in_both_orders() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    bench.apply_ok().await;
    bench.main(r#"resource fake_thing a { name = "b" }"#);
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.changes[0].action, Action::Replace { create_first: false });
    assert_eq!(plan.changes[0].reason, Some(Reason::CannotUpdate));
    assert_eq!(plan.changes[0].replace_paths[0].to_string(), "name");
    assert_eq!(plan.changes[0].causes[0].location, "main.infra:1");
    bench.cloud.clear_calls();
    bench.apply_ok().await;
    assert!(
        bench.cloud.changes()[0].starts_with("Delete"),
        "{:?}",
        bench.cloud.changes()
    );
    bench.main("resource fake_thing a {\n name = \"c\"\n lifecycle { create_before_destroy = true }\n}");
    assert_eq!(bench.changes().await, ["create-then-delete fake_thing.a"]);
    bench.cloud.clear_calls();
    bench.apply_ok().await;
    assert!(
        bench.cloud.changes()[0].starts_with("Create"),
        "{:?}",
        bench.cloud.changes()
    );
    assert_eq!(bench.cloud.objects().len(), 1);
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn create_before_destroy_is_carried_to_what_is_used() {
    let text = |name: &str| {
        format!(
            r#"
resource fake_thing base {{ name = "{name}" }}
resource fake_thing top {{
  name = "top-${{fake_thing.base.name}}"
  lifecycle {{ create_before_destroy = true }}
}}"#
        )
    };
    let mut bench = Bench::with(&text("a"));
    bench.apply_ok().await;
    bench.main(&text("b"));
    assert_eq!(
        bench.changes().await,
        [
            "create-then-delete fake_thing.base",
            "create-then-delete fake_thing.top"
        ]
    );
    bench.apply_ok().await;
    assert_eq!(bench.cloud.objects().len(), 2);
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn a_user_lets_go_before_what_it_used_is_deleted() {
    let mut bench = Bench::with(
        r#"
resource fake_unique a { name = "a" }
resource fake_unique b { name = "b" }
resource fake_user u { uses = fake_unique.a.id }
"#,
    );
    bench.apply_ok().await;
    bench.main(
        r#"
resource fake_unique b { name = "b" }
resource fake_user u { uses = fake_unique.b.id }
"#,
    );
    assert_eq!(bench.changes().await, ["delete fake_unique.a", "update fake_user.u"]);
    // The fake cloud refuses to delete what is in use.
    bench.apply_ok().await;
    assert_eq!(bench.cloud.objects().len(), 2);
}

#[tokio::test]
async fn a_failure_skips_what_waits_for_it_and_nothing_else() {
    let mut bench = Bench::with(
        r#"
resource fake_thing bad { name = "bad" }
resource fake_thing after { name = "after-${fake_thing.bad.id}" }
resource fake_thing other { name = "other" }
output bad { value = fake_thing.bad.id }
"#,
    );
    bench.cloud.set_faults(
        FaultPlan::none().with(
            FaultRule::new(Fault::Before(ErrorKind::Invalid))
                .op(Op::Create)
                .object("bad")
                .times(1),
        ),
    );
    let outcome = bench.apply().await.unwrap();
    assert_eq!(outcome.failed.len(), 1, "{outcome:#?}");
    assert_eq!(outcome.skipped[0].to_string(), "fake_thing.after");
    assert!(outcome.diagnostics.has_errors());
    assert_eq!(bench.addresses(), ["fake_thing.other"]);
    assert!(bench.state().outputs.is_empty());
    bench.apply_ok().await;
    assert_eq!(bench.addresses().len(), 3);
}

#[tokio::test]
async fn a_lost_answer_is_found_again() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    bench.cloud.set_faults(
        FaultPlan::none().with(
            FaultRule::new(Fault::After(ErrorKind::Unreachable))
                .op(Op::Create)
                .times(1),
        ),
    );
    let outcome = bench.apply().await.unwrap();
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(bench.cloud.objects().len(), 1);
    bench.apply_ok().await;
    assert_eq!(bench.cloud.objects().len(), 1, "no twin");
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn what_is_gone_is_created_again_and_drift_is_told() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    bench.apply_ok().await;
    let id = bench.cloud.objects()[0].id.clone();
    bench.cloud.remove(&id);
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.drift.len(), 1);
    assert_eq!(plan.changes[0].action, Action::Create);
    bench.apply_ok().await;
    let id = bench.cloud.objects()[0].id.clone();
    bench.cloud.change(&id, "size", 7.into());
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.drift[0].addr.to_string(), "fake_thing.a");
}

#[tokio::test]
async fn instances_come_and_go_with_count_and_for_each() {
    let text = |n: u32, keys: &str| {
        format!(
            r#"
resource fake_thing c {{
  count = {n}
  name  = "c-${{count.index}}"
}}
resource fake_thing e {{
  for_each = {{ {keys} }}
  name     = "e-${{each.key}}-${{each.value}}"
}}
output all {{ value = [for t in fake_thing.c : t.name] }}
"#
        )
    };
    let mut bench = Bench::with(&text(2, "a = 1, b = 2"));
    bench.apply_ok().await;
    assert_eq!(bench.addresses().len(), 4);
    bench.main(&text(1, "b = 2, d = 3"));
    assert_eq!(
        bench.changes().await,
        [
            "delete fake_thing.c[1]",
            "delete fake_thing.e[\"a\"]",
            "create fake_thing.e[\"d\"]"
        ]
    );
    let plan = bench.plan().await.unwrap();
    let reason = |addr: &str| {
        plan.changes
            .iter()
            .find(|c| c.addr.to_string() == addr)
            .and_then(|c| c.reason)
    };
    assert_eq!(reason("fake_thing.c[1]"), Some(Reason::CountIndex));
    assert_eq!(reason("fake_thing.e[\"a\"]"), Some(Reason::EachKey));
    bench.apply_ok().await;
    assert_eq!(bench.addresses().len(), 3);
}

#[tokio::test]
async fn modules_are_repeated_and_pass_values() {
    let mut bench = Bench::new();
    bench.loader.add(
        "mod/main.infra",
        r#"
variable name { type = string }
variable size {
  type    = number
  default = 3
}
resource fake_unique t {
  name = var.name
  note = "size ${var.size}"
}
output id { value = fake_unique.t.id }
"#,
    );
    bench.main(
        r#"
module m {
  source   = "./mod"
  for_each = toset(["x", "y"])
  name     = "m-${each.key}"
}
resource fake_user u {
  for_each = module.m
  uses     = each.value.id
}
"#,
    );
    bench.apply_ok().await;
    assert_eq!(
        bench.addresses(),
        [
            "fake_user.u[\"x\"]",
            "fake_user.u[\"y\"]",
            "module.m[\"x\"].fake_unique.t",
            "module.m[\"y\"].fake_unique.t"
        ]
    );
    assert!(bench.changes().await.is_empty());
    bench.destroy().await.unwrap();
    assert!(bench.cloud.objects().is_empty());
}

#[tokio::test]
async fn a_data_source_is_read_now_or_later() {
    let mut bench = Bench::with(
        r#"
resource fake_thing a { name = "a" }
data fake_lookup later { name = fake_thing.a.name }
data fake_lookup waits {
  name       = "a"
  depends_on = [fake_thing.a]
}
resource fake_thing u { name = "u-${data.fake_lookup.waits.id}" }
"#,
    );
    let plan = bench.plan().await;
    // `later` has a known name, so it is read at once, and nothing is there yet.
    assert!(plan.is_err());
    bench.main(
        r#"
resource fake_thing a { name = "a" }
data fake_lookup waits {
  name       = "a"
  depends_on = [fake_thing.a]
}
resource fake_thing u { name = "u-${data.fake_lookup.waits.id}" }
"#,
    );
    let plan = bench.plan().await.unwrap();
    let read = plan.changes.iter().find(|c| c.action == Action::Read).unwrap();
    assert_eq!(read.reason, Some(Reason::DependencyPending));
    bench.apply_ok().await;
    // Nothing it waits for changes any more, so it is read while planning.
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn an_interrupted_run_finishes_what_is_in_flight() {
    let text: String = (0..20).fold(String::new(), |mut text, i| {
        let after = if i == 0 {
            String::new()
        } else {
            format!("${{fake_thing.t{}.id}}", i - 1)
        };
        text.push_str(&format!("resource fake_thing t{i} {{ name = \"n{i}{after}\" }}\n"));
        text
    });
    let mut bench = Bench::with(&text);
    let (handle, shutdown) = Shutdown::new();
    let handle = std::sync::Mutex::new(handle);
    let count = std::sync::atomic::AtomicU32::new(0);
    bench.cloud.on_step(move |step| {
        use std::sync::atomic::Ordering;
        if step.call.op == Op::Create && count.fetch_add(1, Ordering::SeqCst) == 4 {
            handle.lock().unwrap().advance();
        }
        infra_provider_fake::StepAction::Continue
    });
    let outcome = bench.run(PlanMode::Normal, shutdown).await.unwrap();
    assert!(outcome.interrupted);
    assert!(!outcome.skipped.is_empty());
    assert_eq!(bench.state().instances.len(), bench.cloud.objects().len());
    bench.cloud.clear_hook();
    bench.apply_ok().await;
    assert_eq!(bench.cloud.objects().len(), 20);
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn protected_objects_are_not_destroyed() {
    let mut bench = Bench::with("resource fake_thing a {\n name = \"a\"\n lifecycle { protect = true }\n}");
    bench.apply_ok().await;
    let errors = bench.destroy().await.unwrap_err();
    assert_eq!(errors.0[0].code, "infra::plan::protected");
    // The state remembers it after the block is gone.
    bench.main("");
    let errors = bench.plan().await.unwrap_err();
    assert_eq!(errors.0[0].code, "infra::plan::protected");
    bench.main("resource fake_thing a {\n name = \"a\"\n lifecycle { protect = false }\n}");
    bench.apply_ok().await;
    bench.destroy().await.unwrap();
    assert!(bench.cloud.objects().is_empty());
}

#[tokio::test]
async fn moved_blocks_rename_without_touching_objects() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    bench.apply_ok().await;
    bench.main(
        r#"
resource fake_thing b { name = "a" }
moved {
  from = fake_thing.a
  to   = fake_thing.b
}
"#,
    );
    assert_eq!(bench.changes().await, ["move fake_thing.b"]);
    bench.cloud.clear_calls();
    bench.apply_ok().await;
    assert!(bench.cloud.changes().is_empty());
    assert_eq!(bench.addresses(), ["fake_thing.b"]);
}

#[tokio::test]
async fn secrets_are_not_in_the_state_in_clear() {
    let mut bench = Bench::with("resource fake_thing a {\n name = \"a\"\n secret = \"hunter2\"\n}");
    bench.apply_ok().await;
    let text = bench.backend.state_text().unwrap() + &bench.backend.journal_text();
    assert!(!text.contains("hunter2"));
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn ignored_and_external_attributes_stay_as_they_are() {
    let mut bench = Bench::with(
        r#"
resource fake_thing a {
  name = "a"
  size = 1
  tags = { k = "v", own = "1" }
  lifecycle {
    ignore_changes = [tags["k"]]
    external       = [size]
  }
}"#,
    );
    bench.apply_ok().await;
    let id = bench.cloud.objects()[0].id.clone();
    bench.cloud.change(&id, "size", 9.into());
    assert!(bench.changes().await.is_empty());
    bench.main(
        r#"
resource fake_thing a {
  name = "a"
  size = 1
  tags = { k = "changed", own = "2" }
  lifecycle {
    ignore_changes = [tags["k"]]
    external       = [size]
  }
}"#,
    );
    let plan = bench.plan().await.unwrap();
    let planned = plan.changes[0].planned.as_ref().unwrap();
    assert_eq!(planned.get("size").unwrap().as_i64(), Some(9));
    assert_eq!(planned.get("tags").unwrap().get_str("k"), Some("v"));
    assert_eq!(planned.get("tags").unwrap().get_str("own"), Some("2"));
}

#[tokio::test]
async fn a_second_interrupt_gives_up_and_says_what_was_running() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    let hour = std::time::Duration::from_secs(3600);
    bench
        .cloud
        .set_faults(FaultPlan::none().with(FaultRule::new(Fault::DelayAfter(hour)).op(Op::Create).times(1)));
    let (handle, shutdown) = Shutdown::new();
    let handle = std::sync::Mutex::new(handle);
    bench.cloud.on_step(move |step| {
        if step.call.op == Op::Create {
            handle.lock().unwrap().advance();
            handle.lock().unwrap().advance();
        }
        infra_provider_fake::StepAction::Continue
    });
    let outcome = bench.run(PlanMode::Normal, shutdown).await.unwrap();
    assert!(outcome.interrupted);
    assert_eq!(
        outcome.abandoned.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["fake_thing.a"]
    );
    bench.cloud.clear_hook();
    bench.cloud.set_faults(FaultPlan::none());
    // The object may have been made: the next run finds out, and makes no twin.
    bench.apply_ok().await;
    assert_eq!(bench.cloud.objects().len(), 1);
    assert!(bench.changes().await.is_empty());
}

#[tokio::test]
async fn removed_blocks_of_the_root_and_of_a_module_forget_objects() {
    let mut bench = Bench::new();
    bench
        .loader
        .add("mod/main.infra", "resource fake_thing inner { name = \"inner\" }");
    let call = "module m { source = \"./mod\" }\n";
    bench.main(&format!("{call}resource fake_thing outer {{ name = \"outer\" }}"));
    bench.apply_ok().await;
    let block = |from: &str| format!("removed {{\n  from = {from}\n  lifecycle {{ destroy = false }}\n}}\n");
    bench.loader.add("mod/main.infra", block("fake_thing.inner"));
    bench.main(&format!("{call}{}", block("fake_thing.outer")));
    assert_eq!(
        bench.changes().await,
        ["forget fake_thing.outer", "forget module.m.fake_thing.inner"]
    );
    bench.apply_ok().await;
    assert!(bench.addresses().is_empty());
    assert_eq!(bench.cloud.objects().len(), 2, "the objects stay");
}

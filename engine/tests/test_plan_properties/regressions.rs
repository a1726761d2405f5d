//! What random histories and reading the code have found, as small cases.

use std::time::Duration;

use infra_engine::plan::{Action, PlanMode, Reason};
use infra_provider_fake::{Fault, FaultPlan, FaultRule, Moment, Op, StepAction};
use infra_providers::ErrorKind;
use infra_testutils::Bench;
use infra_types::Value;

use crate::history::check;

fn fault(fault: Fault, op: Op) -> FaultPlan {
    FaultPlan::none().with(FaultRule::new(fault).op(op).times(1))
}

/// Applies while something fails, as it must.
async fn fails(bench: &mut Bench, faults: FaultPlan) {
    bench.cloud.set_faults(faults);
    let outcome = bench.apply().await.unwrap();
    assert!(!outcome.failed.is_empty(), "nothing failed");
    bench.cloud.set_faults(FaultPlan::none());
}

/// Applies until a call reaches a moment, and no further.
async fn killed(bench: &mut Bench, op: Op, moment: Moment) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    bench.cloud.on_step(move |step| {
        if step.call.op == op && step.moment == moment {
            sender.send(()).unwrap();
            return StepAction::Stop;
        }
        StepAction::Continue
    });
    tokio::select! {
        biased;
        _ = receiver.recv() => {}
        _ = bench.apply() => panic!("it was not killed"),
    }
    bench.cloud.clear_hook();
}

/// A unique object with a user, created before it is deleted.
fn used(name: &str) -> String {
    format!(
        r#"
resource fake_unique a {{
  name = "{name}"
  lifecycle {{ create_before_destroy = true }}
}}
resource fake_user u {{ uses = fake_unique.a.id }}
"#
    )
}

#[tokio::test]
async fn a_move_is_recorded_before_what_is_done_under_the_new_address() {
    let mut bench = Bench::with("resource fake_thing a {\n name = \"a\"\n size = 1\n}");
    bench.apply_ok().await;
    bench.main(
        "resource fake_thing b {\n name = \"a\"\n size = 2\n}\nmoved {\n from = fake_thing.a\n to = fake_thing.b\n}\n\
         resource fake_thing c { name = \"c-${fake_thing.b.size}\" }",
    );
    killed(&mut bench, Op::Create, Moment::Arrived).await;
    assert_eq!(bench.addresses(), ["fake_thing.b"]);
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn a_replacement_whose_answer_is_lost_is_adopted() {
    let mut bench = Bench::with(&used("a"));
    bench.apply_ok().await;
    bench.main(&used("b"));
    fails(&mut bench, fault(Fault::After(ErrorKind::Unreachable), Op::Create)).await;
    assert_eq!(bench.cloud.ids("fake_unique").len(), 2);
    bench.apply_ok().await;
    assert_eq!(
        bench.cloud.ids("fake_unique"),
        ["unique-2"],
        "the one whose answer was lost"
    );
    check(&mut bench).await;
}

#[tokio::test]
async fn a_replacement_that_was_never_made_leaves_its_predecessor_in_use() {
    let mut bench = Bench::with(&used("a"));
    bench.apply_ok().await;
    bench.main(&used("b"));
    killed(&mut bench, Op::Create, Moment::Arrived).await;
    bench.main(&used("a"));
    assert!(bench.changes().await.is_empty());
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn a_damaged_replacement_is_deleted_and_its_predecessor_stays_in_use() {
    let mut bench = Bench::with(&used("a"));
    bench.apply_ok().await;
    bench.main(&used("b"));
    fails(&mut bench, fault(Fault::HalfDone(ErrorKind::Timeout), Op::Create)).await;
    // With the same name again: the damaged one goes before the next is made.
    assert_eq!(
        bench.changes().await,
        [
            "create-then-delete fake_unique.a",
            "delete fake_unique.a (deposed)",
            "update fake_user.u"
        ]
    );
    // Back to what it was: nothing else is to be done.
    bench.main(&used("a"));
    assert_eq!(bench.changes().await, ["delete fake_unique.a (deposed)"]);
    bench.main(&used("b"));
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn a_damaged_object_is_deleted_first_as_it_may_hold_the_name() {
    let mut bench = Bench::with(&used("a"));
    fails(&mut bench, fault(Fault::HalfDone(ErrorKind::Invalid), Op::Create)).await;
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.changes[0].action, Action::Replace { create_first: false });
    assert_eq!(plan.changes[0].reason, Some(Reason::Tainted));
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn an_update_that_failed_still_holds_what_it_used() {
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
    fails(&mut bench, fault(Fault::Before(ErrorKind::Invalid), Op::Update)).await;
    bench.parallelism = 1;
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test(start_paused = true)]
async fn users_of_an_id_that_is_handed_on_let_go_too() {
    let text = |name: &str| {
        format!(
            r#"
resource fake_unique a {{
  name = "{name}"
  lifecycle {{ create_before_destroy = true }}
}}
resource terraform_data t {{ input = fake_unique.a.id }}
resource fake_user u {{ uses = terraform_data.t.output }}
"#
        )
    };
    let mut bench = Bench::with(&text("a"));
    bench.apply_ok().await;
    bench.main(&text("b"));
    let slow = FaultRule::new(Fault::DelayBefore(Duration::from_secs(9))).op(Op::Update);
    bench.cloud.set_faults(FaultPlan::none().with(slow));
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_user_knows_what_it_uses_under_its_new_name() {
    let mut bench = Bench::with(&used("a"));
    bench.apply_ok().await;
    bench.main(
        r#"
resource fake_unique z {
  name = "b"
  lifecycle { create_before_destroy = true }
}
moved {
  from = fake_unique.a
  to   = fake_unique.z
}
resource fake_user u { uses = fake_unique.z.id }
"#,
    );
    let slow = FaultRule::new(Fault::DelayBefore(Duration::from_secs(9))).op(Op::Update);
    bench.cloud.set_faults(FaultPlan::none().with(slow));
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_after_a_move() {
    let mut bench = Bench::with(r#"resource fake_unique a { name = "a" }"#);
    fails(&mut bench, fault(Fault::After(ErrorKind::Unreachable), Op::Create)).await;
    bench.main("resource fake_unique b { name = \"a\" }\nmoved {\n from = fake_unique.a\n to = fake_unique.b\n}");
    bench.apply_ok().await;
    assert_eq!(bench.cloud.ids("fake_unique"), ["unique-1"]);
    check(&mut bench).await;
}

#[tokio::test]
async fn a_replacement_is_made_as_configured_whatever_is_ignored() {
    let text = |name: &str, size: u8| {
        format!(
            "resource fake_thing a {{\n name = \"{name}\"\n size = {size}\n lifecycle {{ ignore_changes = [size] }}\n}}"
        )
    };
    let mut bench = Bench::with(&text("a", 1));
    bench.apply_ok().await;
    bench.main(&text("b", 2));
    bench.apply_ok().await;
    assert_eq!(
        bench.cloud.objects()[0].attributes.get("size").unwrap().as_i64(),
        Some(2)
    );
    check(&mut bench).await;
}

#[tokio::test]
async fn a_count_that_is_new_moves_the_only_instance() {
    let mut bench = Bench::with(r#"resource fake_thing a { name = "a" }"#);
    bench.apply_ok().await;
    bench.main("resource fake_thing a {\n count = 2\n name = count.index == 0 ? \"a\" : \"b\"\n}");
    assert_eq!(
        bench.changes().await,
        ["move fake_thing.a[0]", "create fake_thing.a[1]"]
    );
    bench.apply_ok().await;
    check(&mut bench).await;
    bench.main(r#"resource fake_thing a { name = "a" }"#);
    assert_eq!(bench.changes().await, ["move fake_thing.a", "delete fake_thing.a[1]"]);
    bench.apply_ok().await;
    check(&mut bench).await;
}

#[tokio::test]
async fn imports_are_planned_as_what_is_there() {
    let mut bench = Bench::new();
    let keep = bench
        .cloud
        .insert("fake_thing", &[("name", "x".into()), ("size", Value::from(3))]);
    let change = bench
        .cloud
        .insert("fake_thing", &[("name", "y".into()), ("size", Value::from(3))]);
    bench.main(&format!(
        r#"
locals {{ ids = {{ x = "{keep}", y = "{change}" }} }}
resource fake_thing a {{
  for_each = local.ids
  name     = each.key
  size     = each.key == "x" ? 3 : 4
  tags     = each.key == "x" ? null : {{}}
}}
import {{
  for_each = local.ids
  to       = fake_thing.a[each.key]
  id       = each.value
}}
"#
    ));
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.changes[0].action, Action::NoOp, "{:#?}", plan.changes[0]);
    assert_eq!(plan.changes[0].importing.as_deref(), Some(&*keep));
    assert_eq!(plan.changes[1].action, Action::Update);
    assert_eq!(plan.summary().import, 2);
    assert!(plan.has_changes());
    // What was imported is recorded before anything is done to it.
    killed(&mut bench, Op::Update, Moment::Arrived).await;
    assert_eq!(bench.addresses().len(), 2);
    bench.apply_ok().await;
    check(&mut bench).await;
    assert!(bench.cloud.changes().iter().all(|c| c.starts_with("Update")));
    bench
        .run(PlanMode::Destroy, infra_engine::execute::Shutdown::never())
        .await
        .unwrap();
    assert!(bench.cloud.objects().is_empty());
}

#[tokio::test]
async fn imports_that_cannot_be_are_refused() {
    let code = async |import: &str| {
        let mut bench = Bench::new();
        bench.cloud.insert("fake_thing", &[("name", "x".into())]);
        bench.main(&format!(
            "resource fake_thing a {{\n count = 1\n name = \"x\"\n}}\nresource fake_thing b {{ name = \"b\" }}\n{import}"
        ));
        match bench.load() {
            Ok(_) => bench.plan().await.unwrap_err().0[0].code,
            Err(found) => found.0[0].code,
        }
    };
    let block = |to: &str, id: &str| format!("import {{\n to = {to}\n id = {id}\n}}\n");
    assert_eq!(
        code(&block("fake_thing.a[0]", "\"no-such\"")).await,
        "infra::plan::import"
    );
    assert_eq!(
        code(&block("fake_thing.a[1]", "\"thing-1\"")).await,
        "infra::plan::import_target"
    );
    assert_eq!(
        code(&block("fake_thing.a", "\"thing-1\"")).await,
        "infra::plan::import_target"
    );
    assert_eq!(
        code(&block("fake_thing.a[0]", "fake_thing.b.id")).await,
        "infra::plan::unknown_import"
    );
    assert_eq!(code(&block("fake_thing.a[0]", "\"\"")).await, "infra::plan::import_id");
    let twice = "import {\n for_each = toset([\"thing-1\", \"thing-2\"])\n to = fake_thing.a[0]\n id = each.key\n}";
    assert_eq!(code(twice).await, "infra::plan::duplicate_import");
}

//! Names that no two objects may have at the same time.

use infra_syntax::Diagnostics;
use infra_testutils::Bench;

fn codes(errors: &Diagnostics) -> Vec<&str> {
    errors.iter().map(|d| d.code).collect()
}

async fn refused(bench: &mut Bench) -> Diagnostics {
    bench.plan().await.expect_err("the plan is refused")
}

const KEPT: &str = r#"
resource terraform_data version { input = 1 }

resource fake_unique a {
  name = "a"
  lifecycle {
    replace_triggered_by  = [terraform_data.version]
    create_before_destroy = false
  }
}
"#;

#[tokio::test(start_paused = true)]
async fn a_replacement_under_the_same_name_cannot_be_created_first() {
    let mut bench = Bench::with(KEPT);
    bench.apply_ok().await;
    let second = KEPT.replace("input = 1", "input = 2");
    bench.main(&second.replace("create_before_destroy = false", "create_before_destroy = true"));
    let errors = refused(&mut bench).await;
    assert_eq!(codes(&errors), ["infra::plan::name_taken"]);
    assert!(errors.0[0].message.contains("`name` `a`"), "{errors:#?}");
    bench.main(&second);
    bench.apply_ok().await;
    assert_eq!(bench.cloud.ids("fake_unique").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_created_first_asks_for_the_same() {
    let text = format!(
        "{KEPT}\nresource fake_user u {{\n  uses = fake_unique.a.id\n  lifecycle {{\n    create_before_destroy = true\n  }}\n}}\n"
    );
    let mut bench = Bench::with(&text);
    bench.apply_ok().await;
    bench.main(&text.replace("input = 1", "input = 2"));
    assert_eq!(codes(&refused(&mut bench).await), ["infra::plan::name_taken"]);
}

#[tokio::test(start_paused = true)]
async fn two_of_one_name_are_refused() {
    let mut bench = Bench::with(
        "resource fake_unique a { name = \"x\" }\nresource fake_unique b { name = \"x\" }\nresource fake_unique c { name = \"y\" }\n",
    );
    let errors = refused(&mut bench).await;
    assert_eq!(codes(&errors), ["infra::plan::same_name"]);
    assert_eq!(bench.cloud.objects().len(), 0);
    // The same of another type, or one that is there already.
    bench.main("resource fake_unique a { name = \"x\" }\nresource fake_thing b { name = \"x\" }\n");
    bench.apply_ok().await;
    bench.main("resource fake_unique a { name = \"x\" }\nresource fake_unique b { name = \"x\" }\n");
    assert_eq!(codes(&refused(&mut bench).await), ["infra::plan::same_name"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_after_it_was_given_up() {
    let mut bench = Bench::with("resource fake_unique z { name = \"x\" }\nresource fake_unique y { name = \"y\" }\n");
    bench.apply_ok().await;
    bench.cloud.clear_calls();
    bench.main("resource fake_unique a { name = \"x\" }\nresource fake_unique y { name = \"z\" }\nresource fake_unique b { name = \"y\" }\n");
    bench.apply_ok().await;
    assert_eq!(bench.cloud.ids("fake_unique").len(), 3);
    assert_eq!(bench.changes().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_in_use_until_then_cannot_be_taken() {
    let text = "resource fake_unique old { name = \"x\" }\nresource fake_user u { uses = fake_unique.old.id }\n";
    let mut bench = Bench::with(text);
    bench.apply_ok().await;
    let renamed = text.replace("old", "new");
    bench.main(&renamed);
    let errors = refused(&mut bench).await;
    assert_eq!(codes(&errors), ["infra::plan::name_held"]);
    let help = errors.0[0].help.clone().unwrap_or_default();
    assert!(
        help.contains("`moved` block from `fake_unique.old` to `fake_unique.new`"),
        "{help}"
    );
    bench.main(&format!(
        "{renamed}\nmoved {{\n  from = fake_unique.old\n  to   = fake_unique.new\n}}\n"
    ));
    bench.apply_ok().await;
    assert_eq!(bench.changes().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_keeps_its_name() {
    let mut bench = Bench::with("resource fake_unique a { name = \"x\" }\n");
    bench.apply_ok().await;
    bench.main(
        "removed {\n  from = fake_unique.a\n  lifecycle {\n    destroy = false\n  }\n}\nresource fake_unique b { name = \"x\" }\n",
    );
    assert_eq!(codes(&refused(&mut bench).await), ["infra::plan::same_name"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_cannot_be_replaced_under_its_name() {
    let text = r#"
resource terraform_data version { input = 1 }

resource fake_unique a {
  name = "a"
  lifecycle {
    replace_triggered_by = [terraform_data.version]
  }
}
"#;
    let user = "resource fake_user u { uses = fake_unique.a.id }\n";
    let mut bench = Bench::new().creating_first("fake_unique");
    bench.main(&format!("{text}{user}"));
    bench.apply_ok().await;
    let second = text.replace("input = 1", "input = 2");
    bench.main(&format!("{second}{user}"));
    let errors = refused(&mut bench).await;
    assert_eq!(codes(&errors), ["infra::plan::name_taken"]);
    assert!(
        format!("{errors:?}").contains("what uses the old one stays"),
        "{errors:#?}"
    );
    // With another name, the new one comes first; without a user, the old one goes first.
    bench.main(&format!("{}{user}", second.replace("name = \"a\"", "name = \"b\"")));
    bench.apply_ok().await;
    assert_eq!(bench.changes().await, Vec::<String>::new());
    let mut bench = Bench::new().creating_first("fake_unique");
    bench.main(text);
    bench.apply_ok().await;
    bench.main(&second);
    assert_eq!(
        bench.changes().await,
        ["delete-then-create fake_unique.a", "update terraform_data.version"]
    );
    bench.apply_ok().await;
}

//! Objects that are nothing but their entry in the state: cheap to keep, and
//! durable before anything outside is made of them.

use infra_testutils::Bench;

const CHAIN: &str = r#"
resource random_id name {
  byte_length = 8
}

resource fake_thing user {
  name = random_id.name.hex
}
"#;

fn name_in_state(bench: &Bench) -> Option<String> {
    let state = bench.state();
    let (_, instance) = state
        .instances
        .iter()
        .find(|(addr, _)| addr.ty().as_ref() == "random_id")?;
    let current = instance.current.as_ref()?;
    Some(current.attributes.get_str("hex")?.to_owned())
}

#[tokio::test]
async fn what_an_object_outside_is_made_from_is_durable_before_it() {
    let mut whole = Bench::with(CHAIN);
    whole.apply_ok().await;
    let writes = whole.backend.writes();
    assert!(writes >= 3, "{writes}");
    let mut made = 0;
    for left in 0..writes {
        let mut bench = Bench::with(CHAIN);
        bench.backend.fail_after(left);
        let _ = bench.apply().await;
        bench.backend.recover();
        let objects = bench.cloud.objects();
        if let Some(object) = objects.first() {
            made += 1;
            let name = object.attributes.get_str("name").map(str::to_owned);
            assert_eq!(name_in_state(&bench), name, "after {left} writes");
        }
        bench.apply_ok().await;
        assert_eq!(bench.cloud.objects().len(), 1, "after {left} writes");
        assert_eq!(bench.changes().await, Vec::<String>::new());
    }
    assert!(made >= 1, "no run came as far as the create");
}

#[tokio::test(start_paused = true)]
async fn many_of_them_are_written_together() {
    let mut text = String::new();
    for i in 0..500 {
        let input = match i {
            0 => "\"first\"".to_owned(),
            i => format!("terraform_data.n{}.id", i - 1),
        };
        text.push_str(&format!("resource terraform_data n{i} {{\n  input = {input}\n}}\n"));
    }
    let mut bench = Bench::with(&text);
    bench.apply_ok().await;
    assert!(bench.backend.writes() < 10, "{} writes", bench.backend.writes());
    assert_eq!(bench.state().instances.len(), 500);
    bench.destroy().await.unwrap();
    assert!(bench.backend.writes() < 20, "{} writes", bench.backend.writes());
    assert!(bench.state().instances.is_empty());
}

//! The fake cloud as the engine sees it.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use infra_provider_fake::{FakeCloud, FakeProvider, Fault, FaultPlan, FaultRule, Moment, Op, StepAction, Time};
use infra_providers::{
    CreateRequest, DeleteRequest, ErrorKind, Monitor, NoMonitor, PlanRequest, Provider, ReadRequest, Session,
    SessionOptions, UpdateRequest,
};
use infra_types::{Type, Value};

struct Rig {
    cloud: FakeCloud,
    provider: FakeProvider,
    session: Arc<dyn Session>,
}

async fn rig() -> Rig {
    let cloud = FakeCloud::new();
    let provider = FakeProvider::new(&cloud);
    let config = Value::object([("prefix", Value::null_of(Type::String))]);
    let session = provider.configure(&config, &SessionOptions::default()).await.unwrap();
    Rig {
        cloud,
        provider,
        session,
    }
}

impl Rig {
    fn config(&self, ty: &str, given: &[(&str, Value)]) -> Value {
        let block = &self.provider.resource_schema(ty).unwrap().block;
        let find = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        let attributes = block
            .attributes
            .iter()
            .map(|(name, a)| (*name, find(name).unwrap_or_else(|| Value::null_of(a.ty.clone()))));
        let blocks = block
            .blocks
            .iter()
            .map(|(name, b)| (*name, find(name).unwrap_or_else(|| b.empty())));
        Value::object(attributes.chain(blocks))
    }

    fn request(&self, ty: &str, given: &[(&str, Value)], token: &str) -> CreateRequest {
        let config = self.config(ty, given);
        let planned = self
            .session
            .plan(&PlanRequest {
                ty,
                prior: None,
                config: &config,
            })
            .unwrap()
            .planned;
        CreateRequest {
            ty: ty.into(),
            planned,
            config,
            token: token.into(),
        }
    }

    async fn create(
        &self,
        ty: &str,
        given: &[(&str, Value)],
        token: &str,
    ) -> Result<Value, infra_providers::ApplyError> {
        self.session.create(self.request(ty, given, token), &NoMonitor).await
    }

    async fn delete(&self, ty: &str, prior: &Value) -> Result<(), infra_providers::ApplyError> {
        let request = DeleteRequest {
            ty: ty.into(),
            prior: prior.clone(),
        };
        self.session.delete(request, &NoMonitor).await
    }
}

#[tokio::test]
async fn a_thing_lives() {
    let rig = rig().await;
    let part = Value::object([("name", "p".into()), ("value", "v".into())]);
    let parts = Value::list(part.ty(), vec![part]);
    let given = [("name", "a".into()), ("secret", "s".into()), ("part", parts)];
    let object = rig.create("fake_thing", &given, "t1").await.unwrap();
    assert_eq!(object.get_str("id"), Some("thing-1"));
    assert_eq!(object.get_str("zone"), Some("zone-a"));
    assert!(object.get("secret").unwrap().is_sensitive());
    assert!(object.is_wholly_known());

    let config = rig.config("fake_thing", &[("name", "a".into()), ("size", 3.into())]);
    let response = rig
        .session
        .plan(&PlanRequest {
            ty: "fake_thing",
            prior: Some(&object),
            config: &config,
        })
        .unwrap();
    assert!(response.replace.is_empty());
    let updated = rig
        .session
        .update(
            UpdateRequest {
                ty: "fake_thing".into(),
                prior: object.clone(),
                planned: response.planned,
                config,
                token: "u1".into(),
            },
            &NoMonitor,
        )
        .await
        .unwrap();
    assert_eq!(updated.get("size").unwrap().as_i64(), Some(3));

    let read = |prior: &Value| {
        vec![ReadRequest {
            prior: prior.clone(),
            just_created: false,
        }]
    };
    let answers = rig.session.read("fake_thing", read(&object)).await;
    assert!(answers[0].as_ref().unwrap().as_ref().unwrap().same_value(&updated));

    let data = rig
        .session
        .read_data("fake_lookup", &Value::object([("name", "a".into())]))
        .await
        .unwrap();
    assert_eq!(data.get_str("id"), Some("thing-1"));

    rig.delete("fake_thing", &updated).await.unwrap();
    rig.delete("fake_thing", &updated).await.unwrap();
    assert!(
        rig.session.read("fake_thing", read(&object)).await[0]
            .as_ref()
            .unwrap()
            .is_none()
    );
    let changes = rig.cloud.changes();
    assert_eq!(
        changes[..3],
        [
            "Create fake_thing thing-1",
            "Update fake_thing thing-1",
            "Delete fake_thing thing-1"
        ]
    );
}

#[tokio::test]
async fn unique_names_and_users() {
    let rig = rig().await;
    let unique = rig.create("fake_unique", &[("name", "n".into())], "a").await.unwrap();
    let taken = rig
        .create("fake_unique", &[("name", "n".into())], "b")
        .await
        .unwrap_err();
    assert_eq!(taken.error.kind, ErrorKind::Conflict);
    assert!(taken.object.is_none());

    let uses = unique.get("id").unwrap().clone();
    let user = rig.create("fake_user", &[("uses", uses)], "c").await.unwrap();
    let held = rig.delete("fake_unique", &unique).await.unwrap_err();
    assert_eq!(held.error.kind, ErrorKind::Conflict);
    assert_eq!(held.error.details, ["used by user-1"]);
    rig.delete("fake_user", &user).await.unwrap();
    rig.delete("fake_unique", &unique).await.unwrap();

    let dangling = rig
        .create("fake_user", &[("uses", "unique-9".into())], "d")
        .await
        .unwrap_err();
    assert_eq!(dangling.error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn failure_before_the_effect() {
    let rig = rig().await;
    let rule = FaultRule::new(Fault::Before(ErrorKind::Throttled))
        .op(Op::Create)
        .nth(2);
    rig.cloud.set_faults(FaultPlan::none().with(rule));
    rig.create("fake_thing", &[("name", "a".into())], "1").await.unwrap();
    let error = rig
        .create("fake_thing", &[("name", "b".into())], "2")
        .await
        .unwrap_err();
    assert_eq!(error.error.kind, ErrorKind::Throttled);
    assert_eq!(rig.cloud.ids("fake_thing"), ["thing-1"]);
}

#[tokio::test]
async fn lost_answers_are_recovered_by_token() {
    let rig = rig().await;
    let rule = FaultRule::new(Fault::After(ErrorKind::Unreachable))
        .object("a")
        .times(1);
    rig.cloud.set_faults(FaultPlan::none().with(rule));
    let given = [("name", "a".into())];
    let error = rig.create("fake_thing", &given, "1").await.unwrap_err();
    assert!(error.object.is_none());
    assert_eq!(rig.cloud.ids("fake_thing"), ["thing-1"]);

    let planned = rig.request("fake_thing", &given, "1").planned;
    let found = rig.session.recover("fake_thing", &planned, "1").await.unwrap().unwrap();
    assert_eq!(found.get_str("id"), Some("thing-1"));
    assert!(
        rig.session
            .recover("fake_thing", &planned, "2")
            .await
            .unwrap()
            .is_none()
    );

    let again = rig.create("fake_thing", &given, "1").await.unwrap();
    assert!(again.same_value(&found));
    rig.cloud.set_honours_tokens(false);
    rig.create("fake_thing", &given, "1").await.unwrap();
    assert_eq!(rig.cloud.objects().len(), 2);
}

#[tokio::test]
async fn half_done_tells_what_exists() {
    let rig = rig().await;
    let rule = FaultRule::new(Fault::HalfDone(ErrorKind::Timeout)).ty("fake_thing");
    rig.cloud.set_faults(FaultPlan::none().with(rule));
    let error = rig
        .create("fake_thing", &[("name", "a".into())], "1")
        .await
        .unwrap_err();
    assert_eq!(error.object.unwrap().get_str("id"), Some("thing-1"));
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Monitor for Recorder {
    fn exists(&self, attributes: &Value) {
        self.0
            .lock()
            .unwrap()
            .push(format!("exists {}", attributes.get_str("id").unwrap()));
    }
    fn status(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn waiting(&self, on: bool) {
        self.0.lock().unwrap().push(format!("waiting {on}"));
    }
}

#[tokio::test(start_paused = true)]
async fn slow_things_wait_on_the_paused_clock() {
    let rig = rig().await;
    let delay = FaultRule::new(Fault::DelayBefore(Duration::from_secs(5))).op(Op::Create);
    rig.cloud.set_faults(FaultPlan::none().with(delay));
    let recorder = Recorder::default();
    let request = rig.request("fake_slow", &[("name", "s".into()), ("seconds", 3600.into())], "1");
    rig.session.create(request, &recorder).await.unwrap();
    assert_eq!(
        *recorder.0.lock().unwrap(),
        [
            "exists slow-1",
            "waiting true",
            "waiting until it is usable",
            "waiting false"
        ]
    );
    rig.create("fake_thing", &[("name", "a".into())], "2").await.unwrap();
    let calls = rig.cloud.calls();
    assert_eq!(calls[0].at, Duration::ZERO);
    assert_eq!(calls[1].at, Duration::from_secs(3605));
}

#[tokio::test]
async fn virtual_time_passes_at_once() {
    let rig = rig().await;
    rig.cloud.set_time(Time::Virtual);
    rig.create("fake_slow", &[("name", "s".into()), ("seconds", 3600.into())], "1")
        .await
        .unwrap();
    assert_eq!(rig.cloud.now(), Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn a_crash_stops_at_any_step() {
    let rig = rig().await;
    for (moment, exists) in [(Moment::Arrived, 0), (Moment::Effected, 1), (Moment::Answering, 2)] {
        rig.cloud.on_step(move |step| match step.moment == moment {
            true => StepAction::Stop,
            false => StepAction::Continue,
        });
        let given = [("name", Value::from("a"))];
        let token = format!("{moment:?}");
        let run = rig.create("fake_thing", &given, &token);
        assert!(tokio::time::timeout(Duration::from_secs(60), run).await.is_err());
        assert_eq!(rig.cloud.objects().len(), exists);
    }
    rig.cloud.clear_hook();
    assert_eq!(rig.cloud.most_in_flight(), 1);
}

#[tokio::test]
async fn changes_behind_the_engine() {
    let rig = rig().await;
    let id = rig.cloud.insert("fake_thing", &[("name", "x".into())]);
    assert_eq!(id, "thing-1");
    assert!(rig.cloud.change(&id, "size", 4.into()));
    let object = rig.session.import("fake_thing", &id).await.unwrap();
    assert_eq!(object.get("size").unwrap().as_i64(), Some(4));
    assert_eq!(object.get_str("zone"), Some("zone-a"));
    assert!(rig.cloud.remove(&id));
    assert!(rig.session.import("fake_thing", &id).await.unwrap_err().is_not_found());
}

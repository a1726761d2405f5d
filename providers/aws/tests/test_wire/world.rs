//! A test's own account in the shared simulator, and JSON as configuration.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use infra_provider_aws::AwsProvider;
use infra_providers::{
    Block, CreateRequest, DeleteRequest, Monitor, Nesting, PlanRequest, Provider, ProviderError, ReadRequest, Schema,
    Session, SessionOptions, UpdateRequest,
};
use infra_sandbox::{PrivateSandbox, SandboxHome};
use infra_types::{Path, Str, Type, Value};
use serde_json::{Value as Json, json};

/// The simulator, shared by all tests; it ends with this process.
fn sandbox() -> &'static PrivateSandbox {
    static SANDBOX: OnceLock<PrivateSandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let sandbox = infra_sandbox::spawn_private(&SandboxHome::for_tests()).expect("the sandbox starts");
        // moto calls this account the default one.
        sandbox.control("log", None).expect("the sandbox answers");
        sandbox
    })
}

/// An account, a provider and a session in it.
pub(crate) struct World {
    pub(crate) provider: AwsProvider,
    pub(crate) session: Arc<dyn Session>,
    pub(crate) account: String,
    tokens: AtomicU64,
}

/// Remembers what an operation reported.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) exists: Mutex<Vec<Value>>,
}

impl Monitor for Seen {
    fn exists(&self, attributes: &Value) {
        self.exists.lock().unwrap().push(attributes.clone());
    }
    fn status(&self, _text: &str) {}
    fn waiting(&self, _on: bool) {}
}

impl World {
    /// Opens a fresh account in us-east-1.
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// Opens a fresh account, with more settings of the provider block.
    pub(crate) async fn with(mut settings: Json) -> Self {
        static ACCOUNTS: AtomicU64 = AtomicU64::new(100_000_000_001);
        let account = ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string();
        let endpoint = tokio::task::spawn_blocking(|| sandbox().endpoint.clone())
            .await
            .unwrap();
        let base = json!({
            "region": "us-east-1", "access_key": account, "secret_key": "secret", "endpoint": endpoint,
        });
        for (name, value) in base.as_object().unwrap() {
            settings.as_object_mut().unwrap().entry(name).or_insert(value.clone());
        }
        let provider = AwsProvider::new();
        let config = value_of(&provider.config_schema().block, &settings);
        let session = provider.configure(&config, &SessionOptions::default()).await.unwrap();
        Self {
            provider,
            session,
            account,
            tokens: AtomicU64::new(1),
        }
    }

    /// Returns the simulator's URL.
    pub(crate) fn endpoint(&self) -> &'static str {
        &sandbox().endpoint
    }

    /// Lets requests of this account fail: `{"match": "^CreateVpc$", "times": 1, "status": 500}`.
    pub(crate) fn fault(&self, mut fault: Json) {
        fault["account"] = self.account.as_str().into();
        sandbox().control("fault", Some(&fault)).unwrap();
    }

    /// Sets how long objects of this account stay in between: `{"nat": 1.0}`.
    pub(crate) fn settle(&self, mut times: Json) {
        times["account"] = self.account.as_str().into();
        sandbox().control("settle", Some(&times)).unwrap();
    }

    /// Returns the operations this account has seen since the last time, with their status.
    pub(crate) fn log(&self) -> Vec<(String, i64)> {
        let log = sandbox()
            .control("log", Some(&json!({ "account": self.account })))
            .unwrap();
        let entries = log.as_array().unwrap().iter();
        entries
            .map(|e| {
                (
                    e[0].as_str().unwrap_or_default().to_owned(),
                    e[1].as_i64().unwrap_or_default(),
                )
            })
            .collect()
    }

    pub(crate) fn schema(&self, ty: &str) -> &Schema {
        self.provider
            .resource_schema(ty)
            .unwrap_or_else(|| panic!("no type {ty}"))
    }

    /// Turns JSON into a configuration of a type, and checks it.
    pub(crate) fn config(&self, ty: &str, json: &Json) -> Value {
        let schema = self.schema(ty);
        let value = value_of(&schema.block, json);
        let mut problems = Vec::new();
        schema.block.validate(&value, &Path::root(), &mut problems);
        problems.extend(self.provider.validate_resource(ty, &value));
        assert!(problems.is_empty(), "{ty}: {problems:#?}");
        value
    }

    /// Plans an object; returns the planned value and the paths that force a replacement.
    pub(crate) fn plan(&self, ty: &str, prior: Option<&Value>, config: &Value) -> (Value, Vec<String>) {
        let request = PlanRequest { ty, prior, config };
        let response = self.session.plan(&request).unwrap_or_else(|e| panic!("plan {ty}: {e}"));
        (
            response.planned,
            response.replace.iter().map(ToString::to_string).collect(),
        )
    }

    pub(crate) fn token(&self) -> String {
        format!("{}-{}", self.account, self.tokens.fetch_add(1, Ordering::Relaxed))
    }

    /// Creates an object.
    pub(crate) async fn create(&self, ty: &str, json: Json) -> Value {
        self.try_create(ty, json)
            .await
            .unwrap_or_else(|e| panic!("create {ty}: {e}"))
    }

    /// Creates an object that may fail to be created.
    pub(crate) async fn try_create(&self, ty: &str, json: Json) -> Result<Value, ProviderError> {
        let config = self.config(ty, &json);
        let (planned, _) = self.plan(ty, None, &config);
        let request = CreateRequest {
            ty: ty.to_owned(),
            planned,
            config,
            token: self.token(),
        };
        self.session
            .create(request, &Seen::default())
            .await
            .map_err(|e| e.error)
    }

    /// Changes an object in place.
    pub(crate) async fn update(&self, ty: &str, prior: &Value, json: Json) -> Value {
        let config = self.config(ty, &json);
        let (planned, replace) = self.plan(ty, Some(prior), &config);
        assert!(replace.is_empty(), "{ty} would be replaced because of {replace:?}");
        let request = UpdateRequest {
            ty: ty.to_owned(),
            prior: prior.clone(),
            planned,
            config,
            token: self.token(),
        };
        let updated = self.session.update(request, &Seen::default()).await;
        updated.unwrap_or_else(|e| panic!("update {ty}: {}", e.error))
    }

    /// Reads an object.
    pub(crate) async fn read(&self, ty: &str, prior: &Value) -> Option<Value> {
        let request = ReadRequest {
            prior: prior.clone(),
            just_created: false,
        };
        let mut answers = self.session.read(ty, vec![request]).await;
        answers.remove(0).unwrap_or_else(|e| panic!("read {ty}: {e}"))
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, ty: &str, prior: &Value) {
        let request = DeleteRequest {
            ty: ty.to_owned(),
            prior: prior.clone(),
        };
        let deleted = self.session.delete(request, &Seen::default()).await;
        deleted.unwrap_or_else(|e| panic!("delete {ty}: {}", e.error));
    }

    /// Reads a data source.
    pub(crate) async fn data(&self, ty: &str, json: Json) -> Result<Value, ProviderError> {
        let schema = self
            .provider
            .data_source_schema(ty)
            .unwrap_or_else(|| panic!("no {ty}"));
        let value = self.session.read_data(ty, &value_of(&schema.block, &json)).await?;
        assert_eq!(value.ty(), schema.ty(), "{ty}: the form of the result");
        Ok(value)
    }
}

/// Returns the id of an object.
pub(crate) fn id(value: &Value) -> &str {
    value.get_str("id").expect("an id")
}

/// Returns a configuration with arguments added or exchanged.
pub(crate) fn with(base: &Json, more: Json) -> Json {
    let mut out = base.clone();
    for (name, value) in more.as_object().expect("a JSON object") {
        out[name] = value.clone();
    }
    out
}

/// Turns a JSON object into a value of a block; what is missing is null or empty.
pub(crate) fn value_of(block: &Block, json: &Json) -> Value {
    let entries = json.as_object().expect("a JSON object");
    for name in entries.keys() {
        let known = block.attributes.contains_key(name.as_str()) || block.blocks.contains_key(name.as_str());
        assert!(known, "there is no argument `{name}`");
    }
    let mut out: BTreeMap<Str, Value> = BTreeMap::new();
    for (name, attribute) in &block.attributes {
        let json = entries.get(*name).unwrap_or(&Json::Null);
        out.insert((*name).into(), convert(json, &attribute.ty));
    }
    for (name, nested) in &block.blocks {
        let value = match (nested.nesting, entries.get(*name)) {
            (_, None | Some(Json::Null)) => nested.empty(),
            (Nesting::Single, Some(json)) => value_of(&nested.block, json),
            (nesting, Some(json)) => {
                let items = match json {
                    Json::Array(items) => items.iter().map(|i| value_of(&nested.block, i)).collect(),
                    one => vec![value_of(&nested.block, one)],
                };
                match nesting {
                    Nesting::Set => Value::set(nested.block.ty(), items),
                    _ if nested.block.ty().has_dynamic() => Value::tuple(items),
                    _ => Value::list(nested.block.ty(), items),
                }
            }
        };
        out.insert((*name).into(), value);
    }
    Value::object(out)
}

/// Turns JSON into a value of a type.
fn convert(json: &Json, ty: &Type) -> Value {
    let elem = || ty.element().cloned().unwrap_or(Type::Dynamic);
    match (json, ty) {
        (Json::Null, _) => Value::null_of(ty.clone()),
        (Json::Bool(b), _) => (*b).into(),
        (Json::Number(n), Type::String) => n.to_string().into(),
        (Json::Number(n), _) => n.as_i64().expect("a whole number").into(),
        (Json::String(s), _) => s.as_str().into(),
        (Json::Array(items), Type::Set(_)) => Value::set(elem(), items.iter().map(|i| convert(i, &elem())).collect()),
        (Json::Array(items), Type::List(_)) => Value::list(elem(), items.iter().map(|i| convert(i, &elem())).collect()),
        (Json::Array(items), _) => Value::tuple(items.iter().map(|i| convert(i, &Type::Dynamic)).collect()),
        (Json::Object(entries), Type::Map(_)) => Value::map(
            elem(),
            entries
                .iter()
                .map(|(k, v)| (k.as_str().into(), convert(v, &elem())))
                .collect(),
        ),
        (Json::Object(entries), _) => Value::object(entries.iter().map(|(k, v)| {
            let ty = ty.attribute(k).cloned().unwrap_or(Type::Dynamic);
            (k.as_str(), convert(v, &ty))
        })),
    }
}

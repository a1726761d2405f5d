//! The provider over the fake cloud.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra_providers::{
    ApplyError, Attribute, Block, CreateRequest, DeleteRequest, ErrorKind, Monitor, PlanRequest, PlanResponse,
    Provider, ProviderError, ReadRequest, Schema, Session, SessionOptions, UpdateRequest, plan_resource,
};
use infra_types::{Type, Value};

use crate::cloud::{FakeCloud, Moment, Op, Performed, not_found};
use crate::types;

/// The provider `fake`; a clone, configured, is its session.
#[derive(Clone, Debug)]
pub struct FakeProvider {
    cloud: FakeCloud,
    shared: Arc<Schemas>,
    /// Stands before the ids that this session makes.
    prefix: String,
}

#[derive(Debug)]
struct Schemas {
    config: Schema,
    resources: BTreeMap<&'static str, Schema>,
    lookup: Schema,
}

impl FakeProvider {
    /// Makes a provider over a cloud.
    pub fn new(cloud: &FakeCloud) -> Self {
        let config = Block::new("An in-memory cloud.").attr(
            "prefix",
            Attribute::optional(Type::String).doc("Stands before the ids of new objects."),
        );
        let resources = types::RESOURCES
            .into_iter()
            .filter_map(|ty| Some((ty, types::schema(ty)?)))
            .collect();
        Self {
            cloud: cloud.clone(),
            shared: Arc::new(Schemas {
                config: Schema::new(config),
                resources,
                lookup: types::lookup_schema(),
            }),
            prefix: String::new(),
        }
    }

    /// Lets a type prefer that its objects are replaced by creating first.
    pub fn creating_first(mut self, ty: &str) -> Self {
        let resources = self.shared.resources.iter().map(|(name, schema)| match *name == ty {
            true => (*name, schema.clone().create_before_destroy()),
            false => (*name, schema.clone()),
        });
        self.shared = Arc::new(Schemas {
            config: self.shared.config.clone(),
            resources: resources.collect(),
            lookup: self.shared.lookup.clone(),
        });
        self
    }

    /// Reports the object, waits as its type does, and gives the answer.
    async fn settle(
        &self,
        ty: &str,
        done: Performed<Value>,
        wait: bool,
        monitor: &dyn Monitor,
    ) -> Result<Value, ApplyError> {
        let object = done.value;
        if wait {
            monitor.exists(&object);
            self.wait(ty, &object, "waiting until it is usable", monitor).await;
        }
        self.cloud.step(done.call, Moment::Answering).await;
        match done.half_done {
            Some(error) => Err(ApplyError {
                error,
                object: Some(object),
            }),
            None => Ok(object),
        }
    }

    async fn wait(&self, ty: &str, object: &Value, what: &str, monitor: &dyn Monitor) {
        if ty != "fake_slow" {
            return;
        }
        let seconds = object.get("seconds").and_then(Value::as_i64).unwrap_or(0);
        monitor.waiting(true);
        monitor.status(what);
        self.cloud.sleep(Duration::from_secs(seconds.max(0) as u64)).await;
        monitor.waiting(false);
    }
}

fn id_of(object: &Value) -> &str {
    object.get_str("id").unwrap_or_default()
}

fn name_of(object: &Value) -> &str {
    object.get_str("name").unwrap_or_default()
}

#[async_trait]
impl Provider for FakeProvider {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn config_schema(&self) -> &Schema {
        &self.shared.config
    }

    fn resource_types(&self) -> Vec<&'static str> {
        self.shared.resources.keys().copied().collect()
    }

    fn data_sources(&self) -> Vec<&'static str> {
        vec!["fake_lookup"]
    }

    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        self.shared.resources.get(ty)
    }

    fn data_source_schema(&self, ty: &str) -> Option<&Schema> {
        (ty == "fake_lookup").then_some(&self.shared.lookup)
    }

    async fn configure(&self, config: &Value, _options: &SessionOptions) -> Result<Arc<dyn Session>, ProviderError> {
        Ok(Arc::new(Self {
            prefix: config.get_str("prefix").unwrap_or_default().to_owned(),
            ..self.clone()
        }))
    }
}

#[async_trait]
impl Session for FakeProvider {
    fn plan(&self, request: &PlanRequest<'_>) -> Result<PlanResponse, ProviderError> {
        match self.shared.resources.get(request.ty) {
            Some(schema) => Ok(plan_resource(schema, request)),
            None => Err(ProviderError::new(
                ErrorKind::Unsupported,
                format!("the provider `fake` has no resource type `{}`", request.ty),
            )),
        }
    }

    async fn read(&self, ty: &str, objects: Vec<ReadRequest>) -> Vec<Result<Option<Value>, ProviderError>> {
        let request = self.cloud.request();
        let mut answers = Vec::with_capacity(objects.len());
        for object in &objects {
            let id = id_of(&object.prior);
            let names = [id, name_of(&object.prior)];
            let answer = self.cloud.perform(request, Op::Read, ty, names, |world| {
                let object = world.objects.get(id).filter(|o| o.ty == ty);
                Ok(object.map(|o| o.attributes.clone()).into())
            });
            answers.push(answer.await.map(|done| done.value));
        }
        answers
    }

    async fn create(&self, request: CreateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let CreateRequest { ty, planned, token, .. } = &request;
        let names = ["", name_of(planned)];
        let done = self
            .cloud
            .perform(self.cloud.request(), Op::Create, ty, names, |world| {
                world.create(&self.prefix, ty, planned, token)
            })
            .await?;
        self.settle(ty, done, true, monitor).await
    }

    async fn update(&self, request: UpdateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let UpdateRequest { ty, prior, planned, .. } = &request;
        let names = [id_of(prior), name_of(prior)];
        let done = self
            .cloud
            .perform(self.cloud.request(), Op::Update, ty, names, |world| {
                world.update(ty, id_of(prior), planned)
            })
            .await
            .map_err(|error| ApplyError {
                error,
                object: Some(prior.clone()),
            })?;
        self.settle(ty, done, false, monitor).await
    }

    async fn delete(&self, request: DeleteRequest, monitor: &dyn Monitor) -> Result<(), ApplyError> {
        let DeleteRequest { ty, prior } = &request;
        let names = [id_of(prior), name_of(prior)];
        let held = |error| ApplyError {
            error,
            object: Some(prior.clone()),
        };
        let done = self
            .cloud
            .perform(self.cloud.request(), Op::Delete, ty, names, |world| {
                world.delete(ty, id_of(prior))
            })
            .await
            .map_err(held)?;
        self.wait(ty, prior, "waiting until it is gone", monitor).await;
        self.cloud.step(done.call, Moment::Answering).await;
        match done.half_done {
            Some(error) => Err(held(error)),
            None => Ok(()),
        }
    }

    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, ProviderError> {
        let name = name_of(config);
        let found = self
            .cloud
            .perform(self.cloud.request(), Op::ReadData, ty, ["", name], |world| {
                let mut things = world.objects.values().filter(|o| o.ty == "fake_thing");
                things
                    .find(|o| name_of(&o.attributes) == name)
                    .map(|o| o.attributes.clone().into())
                    .ok_or_else(|| {
                        let message = format!("there is no `fake_thing` with the name `{name}`");
                        ProviderError::new(ErrorKind::NotFound, message)
                    })
            })
            .await?
            .value;
        let attributes = self.shared.lookup.block.attributes.keys();
        Ok(Value::object(attributes.map(|attribute| {
            let value = found.get(attribute).cloned();
            (*attribute, value.unwrap_or_else(Value::null))
        })))
    }

    async fn import(&self, ty: &str, id: &str) -> Result<Value, ProviderError> {
        let done = self
            .cloud
            .perform(self.cloud.request(), Op::Import, ty, [id, ""], |world| {
                let object = world.objects.get(id).filter(|o| o.ty == ty);
                object
                    .map(|o| o.attributes.clone().into())
                    .ok_or_else(|| not_found(ty, id))
            })
            .await?;
        Ok(done.value)
    }

    async fn recover(&self, ty: &str, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let names = ["", name_of(planned)];
        let done = self
            .cloud
            .perform(self.cloud.request(), Op::Recover, ty, names, |world| {
                Ok(world.by_token(ty, token).map(|o| o.attributes.clone()).into())
            })
            .await?;
        Ok(done.value)
    }
}

//! Turns types that live in the state alone into a provider.
//!
//! Such an object exists exactly when the state holds it: reading gives back
//! what is stored, deleting does nothing, and a create whose answer was lost
//! left nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use infra_providers::{
    ApplyError, Block, CreateRequest, DeleteRequest, ErrorKind, Monitor, PlanRequest, PlanResponse, Problem, Provider,
    ProviderError, ReadRequest, Schema, Session, SessionOptions, UpdateRequest, plan_resource,
};
use infra_types::{Str, Value, ValueKind};

use crate::clock::Clock;
use crate::source::RandomSource;

/// What a type may ask the world for.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// Random bytes.
    pub(crate) random: Arc<dyn RandomSource>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A resource type whose objects live in the state alone.
pub(crate) trait LocalType: Send + Sync {
    /// Returns its name.
    fn name(&self) -> &'static str;

    /// Describes it; asked once.
    fn schema(&self) -> Schema;

    /// Checks combinations of arguments.
    fn validate(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// Plans one object.
    fn plan(&self, schema: &Schema, request: &PlanRequest<'_>) -> PlanResponse {
        plan_resource(schema, request)
    }

    /// Makes the object of a planned value: decides what is unknown in it.
    ///
    /// Also called for an update, where only what depends on a changed argument is unknown.
    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError>;

    /// Makes the object of an id given to `import`.
    fn import(&self, _schema: &Schema, _id: &str) -> Result<Value, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Unsupported,
            format!("`{}` cannot be imported", self.name()),
        ))
    }
}

/// Returns the planned object with each unknown attribute decided.
pub(crate) fn fill(planned: &Value, mut decide: impl FnMut(&str) -> Value) -> Value {
    let Some(entries) = planned.as_entries() else {
        return planned.clone();
    };
    let entries: BTreeMap<Str, Value> = entries
        .iter()
        .map(|(name, value)| {
            let value = match value.is_known() {
                true => value.clone(),
                false => decide(name).with_marks(value.marks),
            };
            (name.clone(), value)
        })
        .collect();
    Value {
        kind: ValueKind::Object(Arc::new(entries.into())),
        marks: planned.marks,
    }
}

/// Returns an object with the given attributes, defaults, and null for the rest.
pub(crate) fn imported(schema: &Schema, given: &[(&'static str, Value)]) -> Value {
    Value::object(schema.block.attributes.iter().map(|(name, attribute)| {
        let given = given.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let value = given
            .or_else(|| attribute.default.clone())
            .unwrap_or_else(|| Value::null_of(attribute.ty.clone()));
        let value = match attribute.sensitive {
            true => value.sensitive(),
            false => value,
        };
        (*name, value)
    }))
}

/// An error about an import id that has the wrong form.
pub(crate) fn bad_import_id(ty: &str, id: &str, form: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not an import id of `{ty}`"))
        .help(format!("the id has the form `{form}`"))
}

struct Entry {
    schema: Schema,
    behaviour: Box<dyn LocalType>,
}

/// A provider of local types; its own session, for it has no settings.
#[derive(Clone)]
pub(crate) struct LocalProvider {
    name: &'static str,
    config: Arc<Schema>,
    types: Arc<BTreeMap<&'static str, Entry>>,
    around: Surroundings,
}

impl LocalProvider {
    pub(crate) fn new(name: &'static str, types: Vec<Box<dyn LocalType>>, around: Surroundings) -> Self {
        let types = types
            .into_iter()
            .map(|behaviour| {
                let schema = behaviour.schema().state_only();
                (behaviour.name(), Entry { schema, behaviour })
            })
            .collect();
        Self {
            name,
            config: Arc::new(Schema::new(Block::new("This provider has no settings."))),
            types: Arc::new(types),
            around,
        }
    }

    fn entry(&self, ty: &str) -> Result<&Entry, ProviderError> {
        self.types.get(ty).ok_or_else(|| {
            ProviderError::new(
                ErrorKind::Unsupported,
                format!("the provider `{}` has no resource type `{ty}`", self.name),
            )
        })
    }
}

#[async_trait]
impl Provider for LocalProvider {
    fn name(&self) -> &'static str {
        self.name
    }

    fn config_schema(&self) -> &Schema {
        &self.config
    }

    fn resource_types(&self) -> Vec<&'static str> {
        self.types.keys().copied().collect()
    }

    fn data_sources(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        self.types.get(ty).map(|e| &e.schema)
    }

    fn data_source_schema(&self, _ty: &str) -> Option<&Schema> {
        None
    }

    fn validate_resource(&self, ty: &str, config: &Value) -> Vec<Problem> {
        self.types
            .get(ty)
            .map_or_else(Vec::new, |e| e.behaviour.validate(config))
    }

    async fn configure(&self, _config: &Value, _options: &SessionOptions) -> Result<Arc<dyn Session>, ProviderError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Session for LocalProvider {
    fn plan(&self, request: &PlanRequest<'_>) -> Result<PlanResponse, ProviderError> {
        let entry = self.entry(request.ty)?;
        Ok(entry.behaviour.plan(&entry.schema, request))
    }

    async fn read(&self, _ty: &str, objects: Vec<ReadRequest>) -> Vec<Result<Option<Value>, ProviderError>> {
        objects.into_iter().map(|o| Ok(Some(o.prior))).collect()
    }

    async fn create(&self, request: CreateRequest, _monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let entry = self.entry(&request.ty)?;
        Ok(entry.behaviour.complete(&request.planned, &self.around)?)
    }

    async fn update(&self, request: UpdateRequest, _monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let entry = self.entry(&request.ty)?;
        entry
            .behaviour
            .complete(&request.planned, &self.around)
            .map_err(|error| ApplyError {
                error,
                object: Some(request.prior),
            })
    }

    async fn delete(&self, _request: DeleteRequest, _monitor: &dyn Monitor) -> Result<(), ApplyError> {
        Ok(())
    }

    async fn read_data(&self, ty: &str, _config: &Value) -> Result<Value, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Unsupported,
            format!("the provider `{}` has no data source `{ty}`", self.name),
        ))
    }

    async fn import(&self, ty: &str, id: &str) -> Result<Value, ProviderError> {
        let entry = self.entry(ty)?;
        entry.behaviour.import(&entry.schema, id)
    }

    async fn recover(&self, _ty: &str, _planned: &Value, _token: &str) -> Result<Option<Value>, ProviderError> {
        // Nothing exists outside the state, so nothing was left behind.
        Ok(None)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Runs a type as the engine would.

    use super::*;
    use crate::clock::FixedClock;
    use crate::source::SeededRandom;

    /// A clock that shows 2024-02-29T12:34:56Z and a fixed seed.
    pub(crate) fn around() -> Surroundings {
        Surroundings {
            random: Arc::new(SeededRandom::new("test")),
            clock: Arc::new(FixedClock(1_709_210_096)),
        }
    }

    /// Returns a configured value: the given attributes, null for the rest.
    pub(crate) fn config(ty: &dyn LocalType, given: Vec<(&'static str, Value)>) -> Value {
        Value::object(ty.schema().block.attributes.iter().map(|(name, attribute)| {
            let value = given.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            (*name, value.unwrap_or_else(|| Value::null_of(attribute.ty.clone())))
        }))
    }

    /// Plans.
    pub(crate) fn plan(ty: &dyn LocalType, prior: Option<&Value>, config: &Value) -> PlanResponse {
        let request = PlanRequest {
            ty: ty.name(),
            prior,
            config,
        };
        ty.plan(&ty.schema(), &request)
    }

    /// Plans and creates an object, and checks that planning again changes nothing.
    pub(crate) fn create(ty: &dyn LocalType, given: Vec<(&'static str, Value)>) -> Value {
        let config = config(ty, given);
        let mut problems = ty.validate(&config);
        ty.schema()
            .block
            .validate(&config, &infra_types::Path::root(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let planned = plan(ty, None, &config).planned;
        let object = ty.complete(&planned, &around()).unwrap();
        assert!(object.is_wholly_known(), "{object:?}");
        let again = plan(ty, Some(&object), &config);
        assert!(again.planned.same_value(&object), "{:?}\n{object:?}", again.planned);
        assert!(again.replace.is_empty());
        object
    }
}

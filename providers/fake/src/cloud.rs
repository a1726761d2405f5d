//! The cloud: what exists, what was called, what goes wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use infra_providers::{ErrorKind, ProviderError};
use infra_types::Value;
use tokio::time::Instant;

use crate::fault::{Fault, FaultPlan, Faults, Verdict, injected};
use crate::types;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Reads an object.
    Read,
    /// Creates an object.
    Create,
    /// Changes an object.
    Update,
    /// Deletes an object.
    Delete,
    /// Reads a data source.
    ReadData,
    /// Finds an object by its id.
    Import,
    /// Finds an object by its token.
    Recover,
}

/// A call that reached the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub op: Op,
    /// The type.
    pub ty: String,
    /// The object's id; empty for a create until it had its effect.
    pub id: String,
    /// The object's `name`, or empty.
    pub name: String,
    /// When it arrived, counted from the making of the cloud.
    pub at: Duration,
    /// Counts requests: the objects of one batched read share a number.
    pub request: u64,
}

/// One line: `Create fake_thing thing-1`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.op, self.ty, self.id)
    }
}

/// When within a call a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// The call arrived; nothing has happened.
    Arrived,
    /// The effect is there; the caller does not know yet.
    Effected,
    /// The answer is about to be given, all waiting done.
    Answering,
}

/// A step of a call, as a hook sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// How far it is.
    pub moment: Moment,
    /// Counts steps from 1.
    pub number: u64,
}

/// What a hook wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepAction {
    /// Go on.
    Continue,
    /// Never return from this call: the process is gone. The test drops the run.
    Stop,
}

/// How delays pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Time {
    /// With tokio's clock, which a test may pause.
    #[default]
    Tokio,
    /// At once, on a clock of the cloud's own.
    Virtual,
}

/// An object that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeObject {
    /// Its type.
    pub ty: String,
    /// Its id.
    pub id: String,
    /// Its attributes.
    pub attributes: Value,
    /// The token of its create; empty if a test put it there.
    pub token: String,
}

type Hook = Arc<dyn Fn(&Step) -> StepAction + Send + Sync>;

/// A handle on the cloud; clones share it.
#[derive(Clone)]
pub struct FakeCloud {
    world: Arc<Mutex<World>>,
}

/// All that the cloud knows.
pub(crate) struct World {
    /// Objects by id, in order of creation within a type.
    pub(crate) objects: BTreeMap<String, FakeObject>,
    /// Ids by token of their create.
    tokens: BTreeMap<String, String>,
    counters: BTreeMap<String, u64>,
    calls: Vec<Call>,
    /// How many calls were forgotten; calls are numbered from the first ever.
    forgotten: usize,
    requests: u64,
    steps: u64,
    faults: Faults,
    hook: Option<Hook>,
    time: Time,
    virtual_now: Duration,
    start: Instant,
    in_flight: usize,
    most_in_flight: usize,
    honours_tokens: bool,
}

impl Default for FakeCloud {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCloud")
            .field("objects", &self.objects())
            .finish_non_exhaustive()
    }
}

impl FakeCloud {
    /// Makes an empty cloud where nothing goes wrong.
    pub fn new() -> Self {
        let world = World {
            objects: BTreeMap::new(),
            tokens: BTreeMap::new(),
            counters: BTreeMap::new(),
            calls: Vec::new(),
            forgotten: 0,
            requests: 0,
            steps: 0,
            faults: Faults::default(),
            hook: None,
            time: Time::default(),
            virtual_now: Duration::ZERO,
            start: Instant::now(),
            in_flight: 0,
            most_in_flight: 0,
            honours_tokens: true,
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Sets what goes wrong from now on; counting starts anew.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.world().faults = Faults::new(plan);
    }

    /// Sets how delays pass.
    pub fn set_time(&self, time: Time) {
        self.world().time = time;
    }

    /// Sets whether a second create with the same token gives the first object back
    /// (the default), or makes another one.
    pub fn set_honours_tokens(&self, on: bool) {
        self.world().honours_tokens = on;
    }

    /// Sets the hook that sees every step. It must not call the cloud's operations.
    pub fn on_step(&self, hook: impl Fn(&Step) -> StepAction + Send + Sync + 'static) {
        self.world().hook = Some(Arc::new(hook));
    }

    /// Removes the hook: the process was started again.
    pub fn clear_hook(&self) {
        self.world().hook = None;
    }

    /// Returns all objects, sorted by type and then in order of creation.
    pub fn objects(&self) -> Vec<FakeObject> {
        let mut objects: Vec<_> = self.world().objects.values().cloned().collect();
        objects.sort_by_key(|o| (o.ty.clone(), o.id.len(), o.id.clone()));
        objects
    }

    /// Returns an object by id.
    pub fn get(&self, id: &str) -> Option<FakeObject> {
        self.world().objects.get(id).cloned()
    }

    /// Returns the ids of all objects of a type, in order of creation.
    pub fn ids(&self, ty: &str) -> Vec<String> {
        let objects = self.objects().into_iter();
        objects.filter(|o| o.ty == ty).map(|o| o.id).collect()
    }

    /// Puts an object there behind the engine's back; returns its id.
    ///
    /// Attributes that are not given are null or, where the cloud sets them, set.
    pub fn insert(&self, ty: &str, given: &[(&str, Value)]) -> String {
        let mut world = self.world();
        let id = world.new_id("", ty);
        let attributes = types::complete(ty, &id, &types::of_given(ty, given));
        world.objects.insert(
            id.clone(),
            FakeObject {
                ty: ty.to_owned(),
                id: id.clone(),
                attributes,
                token: String::new(),
            },
        );
        id
    }

    /// Changes an attribute behind the engine's back; says whether the object exists.
    pub fn change(&self, id: &str, attribute: &str, value: Value) -> bool {
        match self.world().objects.get_mut(id) {
            Some(object) => {
                object.attributes = object.attributes.with_attr(attribute, value);
                true
            }
            None => false,
        }
    }

    /// Deletes an object behind the engine's back; says whether it existed.
    pub fn remove(&self, id: &str) -> bool {
        self.world().objects.remove(id).is_some()
    }

    /// Returns all calls in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    /// Returns the calls that change something, one line each.
    pub fn changes(&self) -> Vec<String> {
        let changing = |c: &&Call| matches!(c.op, Op::Create | Op::Update | Op::Delete);
        let world = self.world();
        world.calls.iter().filter(changing).map(Call::to_string).collect()
    }

    /// Forgets the calls made so far.
    pub fn clear_calls(&self) {
        let mut world = self.world();
        world.forgotten += world.calls.len();
        world.calls.clear();
    }

    /// Returns how many steps there were.
    pub fn steps(&self) -> u64 {
        self.world().steps
    }

    /// Returns how many operations were under way at once, at most. Waits do not count.
    pub fn most_in_flight(&self) -> usize {
        self.world().most_in_flight
    }

    /// Returns the time since the cloud was made.
    pub fn now(&self) -> Duration {
        self.world().now()
    }

    /// Lets time pass.
    pub(crate) async fn sleep(&self, duration: Duration) {
        if duration.is_zero() {
            return;
        }
        let time = self.world().time;
        match time {
            Time::Tokio => tokio::time::sleep(duration).await,
            Time::Virtual => {
                self.world().virtual_now += duration;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Starts a request: the calls of one request share its number.
    pub(crate) fn request(&self) -> u64 {
        let mut world = self.world();
        world.requests += 1;
        world.requests
    }

    /// Performs one call: logs it, lets faults happen, and lets `effect` change the world.
    ///
    /// `names` are the object's id (empty for a create) and its `name`.
    pub(crate) async fn perform<T>(
        &self,
        request: u64,
        op: Op,
        ty: &str,
        names: [&str; 2],
        effect: impl FnOnce(&mut World) -> Result<Done<T>, ProviderError>,
    ) -> Result<Performed<T>, ProviderError> {
        let _flight = Flight::begin(self);
        let (index, verdict) = self.arrive(request, op, ty, names);
        self.step(index, Moment::Arrived).await;
        self.sleep(verdict.delay_before).await;
        if let Some(Fault::Before(kind)) = verdict.failure {
            return Err(injected(kind, op, ty));
        }
        let done = self.effect(index, effect)?;
        self.step(index, Moment::Effected).await;
        self.sleep(verdict.delay_after).await;
        match verdict.failure {
            Some(Fault::After(kind)) => Err(injected(kind, op, ty)),
            failure => Ok(Performed {
                value: done.value,
                call: index,
                half_done: match failure {
                    Some(Fault::HalfDone(kind)) => Some(injected(kind, op, ty)),
                    _ => None,
                },
            }),
        }
    }

    fn arrive(&self, request: u64, op: Op, ty: &str, [id, name]: [&str; 2]) -> (usize, Verdict) {
        let mut world = self.world();
        let at = world.now();
        world.calls.push(Call {
            op,
            ty: ty.to_owned(),
            id: id.to_owned(),
            name: name.to_owned(),
            at,
            request,
        });
        let verdict = world.faults.judge(op, ty, &[id, name]);
        (world.forgotten + world.calls.len() - 1, verdict)
    }

    fn effect<T>(
        &self,
        index: usize,
        effect: impl FnOnce(&mut World) -> Result<Done<T>, ProviderError>,
    ) -> Result<Done<T>, ProviderError> {
        let mut world = self.world();
        let done = effect(&mut world)?;
        if let (Some(id), Some(call)) = (&done.id, world.call(index)) {
            call.id = id.clone();
        }
        Ok(done)
    }

    /// Shows a step to the hook, which may end the run here.
    pub(crate) async fn step(&self, call: usize, moment: Moment) {
        let (hook, step) = {
            let mut world = self.world();
            world.steps += 1;
            let (Some(hook), Some(call)) = (world.hook.clone(), world.call(call).cloned()) else {
                return;
            };
            let step = Step {
                call,
                moment,
                number: world.steps,
            };
            (hook, step)
        };
        if hook(&step) == StepAction::Stop {
            std::future::pending::<()>().await;
        }
    }
}

/// Counts an operation as under way until it is dropped.
struct Flight<'a>(&'a FakeCloud);

impl<'a> Flight<'a> {
    fn begin(cloud: &'a FakeCloud) -> Self {
        let mut world = cloud.world();
        world.in_flight += 1;
        world.most_in_flight = world.most_in_flight.max(world.in_flight);
        Self(cloud)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.world().in_flight -= 1;
    }
}

/// What an effect gives.
pub(crate) struct Done<T> {
    /// The id of the object, for the log.
    pub(crate) id: Option<String>,
    /// The result.
    pub(crate) value: T,
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self { id: None, value }
    }
}

/// What a performed call gives.
pub(crate) struct Performed<T> {
    /// The result.
    pub(crate) value: T,
    /// Its place in the log.
    pub(crate) call: usize,
    /// The failure after the effect.
    pub(crate) half_done: Option<ProviderError>,
}

impl World {
    fn now(&self) -> Duration {
        match self.time {
            Time::Tokio => self.start.elapsed(),
            Time::Virtual => self.virtual_now,
        }
    }

    /// Returns a call by its number, unless it was forgotten.
    fn call(&mut self, number: usize) -> Option<&mut Call> {
        let index = number.checked_sub(self.forgotten)?;
        self.calls.get_mut(index)
    }

    /// Returns the next id of a type: `thing-1`.
    pub(crate) fn new_id(&mut self, prefix: &str, ty: &str) -> String {
        let stem = format!("{prefix}{}", ty.strip_prefix("fake_").unwrap_or(ty));
        let counter = self.counters.entry(stem.clone()).or_default();
        *counter += 1;
        format!("{stem}-{counter}")
    }

    /// Returns the object of a type that was created with a token.
    pub(crate) fn by_token(&self, ty: &str, token: &str) -> Option<&FakeObject> {
        let object = self.objects.get(self.tokens.get(token)?)?;
        (object.ty == ty).then_some(object)
    }

    /// Creates an object, or gives back the one that this token made.
    pub(crate) fn create(
        &mut self,
        prefix: &str,
        ty: &str,
        planned: &Value,
        token: &str,
    ) -> Result<Done<Value>, ProviderError> {
        if self.honours_tokens
            && let Some(object) = self.by_token(ty, token)
        {
            return Ok(Done {
                id: Some(object.id.clone()),
                value: object.attributes.clone(),
            });
        }
        types::check(self, ty, None, planned)?;
        let id = self.new_id(prefix, ty);
        let attributes = types::complete(ty, &id, planned);
        if !token.is_empty() {
            self.tokens.entry(token.to_owned()).or_insert_with(|| id.clone());
        }
        self.objects.insert(
            id.clone(),
            FakeObject {
                ty: ty.to_owned(),
                id: id.clone(),
                attributes: attributes.clone(),
                token: token.to_owned(),
            },
        );
        Ok(Done {
            id: Some(id),
            value: attributes,
        })
    }

    /// Changes an object.
    pub(crate) fn update(&mut self, ty: &str, id: &str, planned: &Value) -> Result<Done<Value>, ProviderError> {
        if self.objects.get(id).is_none_or(|o| o.ty != ty) {
            return Err(not_found(ty, id));
        }
        types::check(self, ty, Some(id), planned)?;
        let attributes = types::complete(ty, id, planned);
        if let Some(object) = self.objects.get_mut(id) {
            object.attributes = attributes.clone();
        }
        Ok(attributes.into())
    }

    /// Deletes an object; an absent one is fine.
    pub(crate) fn delete(&mut self, ty: &str, id: &str) -> Result<Done<()>, ProviderError> {
        types::check_delete(self, ty, id)?;
        self.objects.remove(id);
        Ok(().into())
    }
}

/// The error about an object that does not exist.
pub(crate) fn not_found(ty: &str, id: &str) -> ProviderError {
    let mut error = ProviderError::new(ErrorKind::NotFound, format!("there is no `{ty}` with the id `{id}`"));
    error.code = Some("NotFound".into());
    error
}

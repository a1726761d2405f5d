//! What a resource type and a data source implement, and what they are given.
//!
//! # How to add a type
//!
//! 1. One file in `resources/` (`vpc.rs` is the example) with a unit struct
//!    that implements [`Resource`]; one line in `resources/mod.rs`.
//! 2. [`Resource::schema`]: Terraform's argument and attribute names. Left out
//!    here because they are added for every type: `id` (computed), `region`
//!    (unless [`Resource::regional`] says no). [`with_tags`](crate::tags::with_tags)
//!    adds `tags` and `tags_all`, [`with_timeouts`] the `timeouts` block. What
//!    the service fills in is `optional_computed` (or has a `default`); what
//!    changes form has an `equal`; what replaces is `force_new`.
//! 3. [`Resource::read`]: fetch many objects per call with
//!    [`lookup`](crate::batch::lookup) (or one call each with
//!    [`each`](crate::batch::each)); build each with `cx.state(prior)`:
//!    `state.set("arn", x)`, `state.set_blocks("ingress", vec![...])`,
//!    `state.tags(cx.default_tags(), tags)`, `state.finish()`. What is not set
//!    keeps its prior value. Gone is `None`; so are tombstones.
//! 4. [`Resource::create`]: call the service, then at once
//!    `op.exists([("id", id.into())])`, and only then follow-up calls and
//!    waits (`op.wait`). Just return errors: what exists is recorded by then.
//!    The framework reads the object back (again and again until it is there);
//!    a create never reads. Where a create has neither a client token
//!    (`op.token`) nor a unique name, use the client without retries
//!    (`cx.ec2_once()`) and the creation tag: a lost answer is then looked up
//!    with [`Resource::recover`] before anything is created again.
//! 5. [`Resource::update`]: `op.changed("name")` says what differs;
//!    `tags::change(op)` which tags. [`Resource::delete`]: not-found is
//!    success by itself; `op.retry(cap, in_use, || ...)` outlasts others.
//! 6. Retries: `op.retry(cap, when, call)` with the predicates of
//!    [`retry`](crate::retry). Caps are long for the real service and short on
//!    a local endpoint by themselves.
//! 7. A wire test: one `contract` in `tests/test_wire/`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use infra_providers::{
    Attribute, Block, ErrorKind, Monitor, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator,
};
use infra_types::{Path, Type, Value};

use crate::client::{Connection, RegionClients};
use crate::error::incomplete;
use crate::retry::{Backoff, throttled};
use crate::tags::Tags;
use crate::value::{Fields, State, known};
use crate::wait::{Look, Wait, minutes, parse_duration, show_duration};

/// One answer per request, in their order.
pub(crate) type Answers = Vec<Result<Option<Value>, ProviderError>>;

/// A resource type.
#[async_trait]
pub(crate) trait Resource: Send + Sync {
    /// Returns the schema, without `id` and `region`.
    fn schema(&self) -> Schema;

    /// Says whether objects live in a region.
    fn regional(&self) -> bool {
        true
    }

    /// Checks combinations of arguments.
    fn validate(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// Adjusts what the shared rules planned. `tags_all` and `region` are done already.
    fn plan(&self, _plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Reads objects.
    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers;

    /// Creates an object: see the module's text for the order of things.
    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError>;

    /// Changes an object in place.
    async fn update(&self, _op: &Op<'_>) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Deletes an object and waits until it is gone.
    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError>;

    /// Turns the id that users give to `import` into what [`Resource::read`] needs.
    async fn identify(&self, _cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        Ok(Value::object([("id", id.into())]))
    }

    /// Says whether creates carry EC2's creation tag.
    fn has_creation_tag(&self) -> bool {
        false
    }

    /// Finds an object whose create had no answer; returns what [`Resource::read`] needs.
    async fn recover(&self, cx: &Cx<'_>, _planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        if self.has_creation_tag() {
            return crate::ec2::find_created(cx, token).await;
        }
        Ok(None)
    }

    /// Does what remains of a create after its object was found again: by
    /// default, an update from what the object is (in `op.prior`) to what is planned.
    async fn resume(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        self.update(op).await
    }

    /// How long a new object may be unreadable.
    fn propagation(&self) -> Duration {
        minutes(2)
    }
}

/// A data source.
#[async_trait]
pub(crate) trait DataSource: Send + Sync {
    /// Returns the schema, without `id` and `region`.
    fn schema(&self) -> Schema;

    /// Says whether what is read lives in a region.
    fn regional(&self) -> bool {
        true
    }

    /// Reads it. `cx.state(config)` keeps the arguments.
    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError>;
}

/// Where an operation takes place: a region, and the schema of the type at hand.
pub(crate) struct Cx<'a> {
    /// The schema of the type at hand, complete.
    pub(crate) schema: &'a Schema,
    /// The clients of the region.
    pub(crate) clients: Arc<RegionClients>,
    /// What all regions share.
    pub(crate) connection: &'a Connection,
}

impl std::ops::Deref for Cx<'_> {
    type Target = RegionClients;

    /// Gives the clients: `cx.ec2()`.
    fn deref(&self) -> &RegionClients {
        &self.clients
    }
}

impl Cx<'_> {
    /// Starts the attributes of an object from what was known.
    pub(crate) fn state<'s>(&'s self, prior: &'s Value) -> State<'s> {
        let mut state = State::new(self.schema, prior);
        if self.schema.block.attributes.contains_key("region") {
            state.set("region", self.region());
        }
        state
    }

    /// Returns the provider's default tags.
    pub(crate) fn default_tags(&self) -> &Tags {
        &self.connection.settings.default_tags
    }

    /// Says whether the endpoint is on this machine: things settle at once there.
    pub(crate) fn local(&self) -> bool {
        self.connection.local
    }

    /// Returns the partition: `aws`, `aws-cn`, `aws-us-gov`, ….
    pub(crate) fn partition(&self) -> &'static str {
        crate::client::partition(self.region())
    }

    /// Returns an ARN in this region.
    pub(crate) fn arn(&self, service: &str, account: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{account}:{resource}",
            self.partition(),
            self.region()
        )
    }

    /// Returns the account id, asking the service once.
    pub(crate) async fn account(&self) -> Result<&str, ProviderError> {
        Ok(&self.connection.identity().await?.account)
    }

    /// Returns a duration, cut short on a local endpoint.
    pub(crate) fn patience(&self, duration: Duration) -> Duration {
        if self.local() {
            duration.min(Duration::from_secs(10))
        } else {
            duration
        }
    }
}

/// A create, update or delete under way.
pub(crate) struct Op<'a> {
    /// Where.
    pub(crate) cx: &'a Cx<'a>,
    /// The object as it is; null for a create.
    pub(crate) prior: Value,
    /// The planned value; null for a delete.
    pub(crate) planned: &'a Value,
    /// The configured value; null for a delete.
    pub(crate) config: &'a Value,
    /// Identifies a create for ever.
    pub(crate) token: &'a str,
    /// Receives what happens.
    pub(crate) monitor: &'a dyn Monitor,
    made: Mutex<Option<Value>>,
}

impl<'a> Op<'a> {
    /// Starts an operation.
    pub(crate) fn new(
        cx: &'a Cx<'a>,
        prior: Value,
        planned: &'a Value,
        config: &'a Value,
        token: &'a str,
        monitor: &'a dyn Monitor,
    ) -> Self {
        Self {
            cx,
            prior,
            planned,
            config,
            token,
            monitor,
            made: Mutex::new(None),
        }
    }

    /// Records that the object exists, with the attributes that identify it.
    ///
    /// INVARIANT: called directly after the call that created it, before
    /// anything else is awaited. Attributes of later calls add up.
    pub(crate) fn exists<const N: usize>(&self, identity: [(&'static str, Value); N]) {
        self.found(&Value::object(identity));
    }

    /// Like [`Op::exists`], with an object.
    pub(crate) fn found(&self, identity: &Value) {
        let attributes = {
            let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let base = made.take().unwrap_or_else(|| known(self.planned));
            let entries = identity.as_entries().into_iter().flatten();
            let attributes = entries.fold(base, |object, (k, v)| object.with_attr(k.clone(), v.clone()));
            *made = Some(attributes.clone());
            attributes
        };
        self.monitor.exists(&attributes);
    }

    /// Returns what is known to exist because of this operation.
    pub(crate) fn made(&self) -> Option<Value> {
        self.made
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Returns the object's id: of the object created, or as it was.
    pub(crate) fn id(&self) -> String {
        self.made().map_or_else(|| self.prior.id(), |made| made.id())
    }

    /// Says whether an attribute or block is to change. What is unknown is not.
    pub(crate) fn changed(&self, name: &str) -> bool {
        let Some(new) = self.planned.get(name).filter(|v| v.is_wholly_known()) else {
            return false;
        };
        match self.prior.get(name) {
            Some(old) => !old.same_value(new),
            None => !new.is_null(),
        }
    }

    /// Says whether any of these is to change.
    pub(crate) fn any_changed(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.changed(name))
    }

    /// Says what is being waited for.
    pub(crate) fn status(&self, text: &str) {
        self.monitor.status(text);
    }

    /// Returns the timeout of `create`, `update` or `delete`: as the user set it, or the default.
    pub(crate) fn timeout(&self, kind: &str, default: Duration) -> Duration {
        let source = if self.planned.is_null() {
            &self.prior
        } else {
            self.planned
        };
        source
            .get("timeouts")
            .and_then(|t| parse_duration(t.get_str(kind)?))
            .unwrap_or(default)
    }

    /// Looks at something until it is as wanted. Passing failures are no failures.
    pub(crate) async fn wait<T, F, Fut>(&self, wait: Wait, look: F) -> Result<T, ProviderError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<Look<T>, ProviderError>> + Send,
        T: Send,
    {
        let every = if self.cx.local() {
            Duration::from_millis(500)
        } else {
            wait.every
        };
        let times = if self.cx.local() { 1 } else { wait.times };
        let mut backoff = Backoff::up_to(every);
        let end = tokio::time::Instant::now() + wait.timeout;
        let mut waiting = Waiting::new(self.monitor);
        let mut good = 0;
        loop {
            let seen = match look().await {
                Ok(Look::Done(value)) => {
                    good += 1;
                    if good >= times {
                        return Ok(value);
                    }
                    String::from("reached, looking again")
                }
                Ok(Look::Pending(state)) => {
                    good = 0;
                    state
                }
                Err(error) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Retryable) => error.message,
                Err(error) => return Err(error),
            };
            if tokio::time::Instant::now() >= end {
                return Err(ProviderError::new(
                    ErrorKind::Timeout,
                    format!("waited {} for {}", show_duration(wait.timeout), wait.what),
                )
                .detail(format!("last seen: {seen}"))
                .help("it may still get there: look at it, then run again; a `timeouts` block allows more time"));
            }
            waiting.begin();
            self.monitor.status(&format!("waiting for {}: {seen}", wait.what));
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    /// Calls again while the error is throttling or one that `again` accepts, for at most `cap`.
    pub(crate) async fn retry<T, F, Fut>(
        &self,
        cap: Duration,
        again: impl Fn(&ProviderError) -> bool + Send + Sync,
        call: F,
    ) -> Result<T, ProviderError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, ProviderError>> + Send,
        T: Send,
    {
        let mut backoff = Backoff::up_to(Duration::from_secs(10));
        let end = tokio::time::Instant::now() + self.cx.patience(cap);
        let slow_end = tokio::time::Instant::now() + self.cx.patience(minutes(5));
        let mut waiting = Waiting::new(self.monitor);
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let now = tokio::time::Instant::now();
            let once_more = (throttled(&error) && now < slow_end) || (again(&error) && now < end);
            if !once_more {
                return Err(error);
            }
            waiting.begin();
            self.monitor.status(&format!("trying again: {}", error.message));
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    /// Waits until the object is not found any more.
    pub(crate) async fn wait_gone<F, Fut>(&self, wait: Wait, look: F) -> Result<(), ProviderError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<Option<String>, ProviderError>> + Send,
    {
        self.wait(wait, || {
            let look = look();
            async {
                match look.await {
                    Ok(None) => Ok(Look::Done(())),
                    Ok(Some(state)) => Ok(Look::Pending(state)),
                    Err(error) if error.is_not_found() => Ok(Look::Done(())),
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }
}

/// Tells the monitor once that a wait began, and that it ended.
struct Waiting<'a> {
    monitor: &'a dyn Monitor,
    on: bool,
}

impl<'a> Waiting<'a> {
    fn new(monitor: &'a dyn Monitor) -> Self {
        Self { monitor, on: false }
    }

    fn begin(&mut self) {
        if !self.on {
            self.on = true;
            self.monitor.waiting(true);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.on {
            self.monitor.waiting(false);
        }
    }
}

/// What a type may adjust of a plan.
pub(crate) struct Plan<'a> {
    /// The object as it is; nothing for a create.
    pub(crate) prior: Option<&'a Value>,
    /// The configured value.
    pub(crate) config: &'a Value,
    /// The planned value.
    pub(crate) planned: Value,
    /// Paths that force a replacement.
    pub(crate) replace: Vec<Path>,
    /// The provider's default tags.
    pub(crate) default_tags: &'a BTreeMap<String, String>,
    /// The schema.
    pub(crate) schema: &'a Schema,
}

impl Plan<'_> {
    /// Sets an attribute of the planned value.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        let value = match self.schema.block.attributes.get(name) {
            Some(attribute) if value.is_null() => Value::null_of(attribute.ty.clone()),
            _ => value,
        };
        self.planned = self.planned.with_attr(name, value);
    }

    /// Makes attributes unknown that will follow from what is changed.
    pub(crate) fn unknown(&mut self, names: &[&str]) {
        self.planned = infra_providers::propose::make_unknown(self.schema, &self.planned, names);
    }

    /// Says whether an update changes an attribute or block.
    pub(crate) fn changed(&self, name: &str) -> bool {
        let (Some(prior), Some(new)) = (self.prior, self.planned.get(name)) else {
            return false;
        };
        prior.get(name).is_none_or(|old| !old.same_value(new))
    }

    /// Forces a replacement because of an attribute.
    pub(crate) fn replace(&mut self, name: &'static str) {
        let path = Path::attr(name);
        if !self.replace.contains(&path) {
            self.replace.push(path);
        }
    }

    /// Takes back that a change of an attribute forces a replacement.
    pub(crate) fn keep(&mut self, name: &str) {
        self.replace
            .retain(|path| path.first_attr().is_none_or(|first| &**first != name));
    }
}

/// Adds the `timeouts` block: `timeouts { create = "20m" }`.
pub(crate) fn with_timeouts(block: Block, kinds: &[&'static str]) -> Block {
    let timeouts = kinds
        .iter()
        .fold(Block::new("How long operations may take."), |b, kind| {
            let check = Validator::Custom(|v| {
                parse_duration(v.as_str()?)
                    .is_none()
                    .then(|| "must be a duration such as `90s`, `20m` or `1h30m`".to_owned())
            });
            b.attr(
                kind,
                Attribute::optional(Type::String)
                    .check(check)
                    .doc("A duration such as `20m`."),
            )
        });
    block.block("timeouts", NestedBlock::single(timeouts))
}

/// Adds what every type has: `id`, and `region` where objects live in one.
pub(crate) fn complete(mut schema: Schema, regional: bool, data: bool) -> Schema {
    schema
        .block
        .attributes
        .entry("id")
        .or_insert_with(|| Attribute::computed(Type::String).doc("The id."));
    if regional {
        let region = Attribute::optional_computed(Type::String).doc("The region; the provider's when not set.");
        let region = if data { region } else { region.force_new() };
        schema.block.attributes.entry("region").or_insert(region);
    }
    schema
}

/// Takes what an answer must have.
pub(crate) trait Expect<T> {
    /// Returns the value, or says that the answer to `operation` lacks it.
    fn expect_in(self, operation: &str, what: &str) -> Result<T, ProviderError>;
}

impl<T> Expect<T> for Option<T> {
    fn expect_in(self, operation: &str, what: &str) -> Result<T, ProviderError> {
        self.ok_or_else(|| incomplete(operation, what))
    }
}

//! A configured provider: what surrounds the calls of every type.
//!
//! A create is done once: when its answer is lost, the object is looked for
//! before it is created again. What is created or changed is read back until
//! the service shows it. Errors say which endpoint could not be reached and
//! never show a sensitive value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra_providers::{
    ApplyError, CreateRequest, DeleteRequest, ErrorKind, Monitor, PlanRequest, PlanResponse, ProviderError,
    ReadRequest, Session, UpdateRequest, plan_resource,
};
use infra_types::{Entries, Value};

use crate::catalog::{Catalog, DataEntry, ResourceEntry};
use crate::client::Connection;
use crate::resource::{Cx, Op, Plan};
use crate::retry::Backoff;
use crate::tags;
use crate::value::{Fields, known};
use crate::wait::minutes;

/// How often an operation that was throttled or had no answer is begun.
const ATTEMPTS: u32 = 6;

/// A configured provider.
pub(crate) struct AwsSession {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) connection: Connection,
}

impl AwsSession {
    fn resource(&self, ty: &str) -> Result<&ResourceEntry, ProviderError> {
        self.catalog.resource(ty).ok_or_else(|| unknown_type(ty))
    }

    fn data_source(&self, ty: &str) -> Result<&DataEntry, ProviderError> {
        self.catalog.data_source(ty).ok_or_else(|| unknown_type(ty))
    }

    fn cx<'a>(&'a self, schema: &'a infra_providers::Schema, object: &Value) -> Cx<'a> {
        self.cx_in(schema, object.get_str("region"))
    }

    fn cx_in<'a>(&'a self, schema: &'a infra_providers::Schema, region: Option<&str>) -> Cx<'a> {
        Cx {
            schema,
            clients: self.connection.clients(region),
            connection: &self.connection,
        }
    }

    /// Says which endpoint an error is about, and hides what is sensitive.
    fn tell(&self, mut error: ProviderError, about: &Value) -> ProviderError {
        if error.kind == ErrorKind::Unreachable
            && let Some(endpoint) = &self.connection.endpoint
            && !error.message.contains(endpoint)
        {
            error.message = format!("{} (endpoint {endpoint})", error.message);
        }
        redact(&mut error, about);
        error
    }

    /// Creates the object, once, whatever happens to the answers.
    async fn create_once(&self, entry: &ResourceEntry, op: &Op<'_>) -> Result<(), ProviderError> {
        let mut backoff = Backoff::up_to(Duration::from_secs(10));
        let mut attempt = 1;
        loop {
            let error = match entry.resource.create(op).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if op.made().is_some() || attempt >= ATTEMPTS {
                return Err(error);
            }
            match error.kind {
                ErrorKind::Throttled => {}
                ErrorKind::Retryable => {
                    // It may have been done nevertheless.
                    op.status(&format!("looking whether it was created: {}", error.message));
                    if let Some(found) = self.look_for(entry, op).await? {
                        op.found(&found);
                        return self.resume(entry, op).await;
                    }
                }
                _ => return Err(error),
            }
            attempt += 1;
            op.status(&format!("trying again: {}", error.message));
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    /// Looks for an object that an unanswered create may have made.
    async fn look_for(&self, entry: &ResourceEntry, op: &Op<'_>) -> Result<Option<Value>, ProviderError> {
        let looks = if self.connection.local { 1 } else { 4 };
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(Duration::from_millis(700 << look)).await;
            }
            let found = entry.resource.recover(op.cx, op.planned, op.token).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Completes an object that was found again.
    async fn resume(&self, entry: &ResourceEntry, op: &Op<'_>) -> Result<(), ProviderError> {
        let made = op.made().unwrap_or_default_object();
        let prior = read_back(entry, op.cx, &made, None, op.monitor).await?;
        let rest = Op::new(op.cx, prior, op.planned, op.config, op.token, op.monitor);
        entry.resource.resume(&rest).await
    }
}

/// Gives an empty object for nothing.
trait OrObject {
    fn unwrap_or_default_object(self) -> Value;
}

impl OrObject for Option<Value> {
    fn unwrap_or_default_object(self) -> Value {
        self.unwrap_or_else(|| Value::object::<&str>([]))
    }
}

#[async_trait]
impl Session for AwsSession {
    fn plan(&self, request: &PlanRequest<'_>) -> Result<PlanResponse, ProviderError> {
        let entry = self.resource(request.ty)?;
        let schema = entry.schema();
        let mut config = request.config.clone();
        if schema.block.attributes.contains_key("region")
            && config.get("region").is_none_or(Value::is_null)
            && config.as_entries().is_some()
        {
            config = config.with_attr("region", self.connection.region().into());
        }
        // An object from before there were regions is where the provider is.
        let prior = request.prior.map(|prior| match prior.get("region") {
            Some(region) if region.is_null() => prior.with_attr("region", self.connection.region().into()),
            _ => prior.clone(),
        });
        let response = plan_resource(
            schema,
            &PlanRequest {
                ty: request.ty,
                prior: prior.as_ref(),
                config: &config,
            },
        );
        let mut plan = Plan {
            prior: prior.as_ref(),
            config: request.config,
            planned: response.planned,
            replace: response.replace,
            default_tags: &self.connection.settings.default_tags,
            schema,
        };
        tags::plan(&mut plan);
        entry.resource.plan(&mut plan)?;
        ignore_timeouts(&mut plan);
        Ok(PlanResponse {
            planned: plan.planned,
            replace: plan.replace,
        })
    }

    async fn read(&self, ty: &str, objects: Vec<ReadRequest>) -> Vec<Result<Option<Value>, ProviderError>> {
        let entry = match self.resource(ty) {
            Ok(entry) => entry,
            Err(error) => return objects.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut by_region: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (i, object) in objects.iter().enumerate() {
            by_region.entry(object.prior.get_str("region")).or_default().push(i);
        }
        let regions = by_region.into_iter().map(|(region, indices)| {
            let some: Vec<ReadRequest> = indices.iter().map(|&i| objects[i].clone()).collect();
            async move {
                let cx = self.cx_in(entry.schema(), region);
                (indices, read_patiently(entry, &cx, some).await)
            }
        });
        let mut answers: Vec<Option<Result<Option<Value>, ProviderError>>> = vec![None; objects.len()];
        for (indices, some) in futures::future::join_all(regions).await {
            for (i, answer) in indices.into_iter().zip(some) {
                answers[i] = Some(answer.map_err(|e| self.tell(e, &objects[i].prior)));
            }
        }
        answers.into_iter().map(|a| a.unwrap_or(Ok(None))).collect()
    }

    async fn create(&self, request: CreateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let entry = self.resource(&request.ty)?;
        let cx = self.cx(entry.schema(), &request.planned);
        let op = Op::new(
            &cx,
            Value::null(),
            &request.planned,
            &request.config,
            &request.token,
            monitor,
        );
        let result = match self.create_once(entry, &op).await {
            Ok(()) => {
                let made = op.made().unwrap_or_default_object();
                read_back(entry, &cx, &made, Some(&request.planned), monitor).await
            }
            Err(error) => Err(error),
        };
        result.map_err(|error| ApplyError {
            error: self.tell(error, &request.planned),
            object: op.made(),
        })
    }

    async fn update(&self, request: UpdateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError> {
        let entry = self.resource(&request.ty)?;
        let cx = self.cx(entry.schema(), &request.prior);
        let op = Op::new(
            &cx,
            request.prior.clone(),
            &request.planned,
            &request.config,
            &request.token,
            monitor,
        );
        let updated = patiently(monitor, || entry.resource.update(&op)).await;
        let base = overlay(&request.prior, &request.planned, op.made().as_ref());
        let result = match updated {
            Ok(()) => read_back(entry, &cx, &base, Some(&request.planned), monitor).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                // Part of it may be done: what the object is now is what counts.
                let id = op.made().unwrap_or_default_object();
                let base = overlay(&request.prior, &id, None);
                let now = read_patiently(
                    entry,
                    &cx,
                    vec![ReadRequest {
                        prior: base.clone(),
                        just_created: false,
                    }],
                )
                .await;
                let now = now.into_iter().next().and_then(Result::ok).flatten();
                Err(ApplyError {
                    error: self.tell(error, &request.planned),
                    object: Some(now.unwrap_or(base)),
                })
            }
        }
    }

    async fn delete(&self, request: DeleteRequest, monitor: &dyn Monitor) -> Result<(), ApplyError> {
        let entry = self.resource(&request.ty)?;
        let cx = self.cx(entry.schema(), &request.prior);
        let nothing = Value::null();
        let op = Op::new(&cx, request.prior.clone(), &nothing, &nothing, "", monitor);
        match patiently(monitor, || entry.resource.delete(&op)).await {
            Err(error) if !error.is_not_found() => Err(ApplyError {
                error: self.tell(error, &request.prior),
                object: Some(request.prior),
            }),
            _ => Ok(()),
        }
    }

    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, ProviderError> {
        let entry = self.data_source(ty)?;
        let cx = self.cx(entry.schema(), config);
        let read = patiently(&infra_providers::NoMonitor, || entry.source.read(&cx, config)).await;
        read.map_err(|error| self.tell(error, config))
    }

    async fn import(&self, ty: &str, id: &str) -> Result<Value, ProviderError> {
        let entry = self.resource(ty)?;
        let (id, region) = split_region(id, entry.resource.regional());
        let cx = self.cx_in(entry.schema(), region);
        let found = async {
            let mut identity = entry.resource.identify(&cx, id).await?;
            if entry.resource.regional() {
                identity = identity.with_attr("region", cx.region().into());
            }
            let request = ReadRequest {
                prior: identity,
                just_created: false,
            };
            read_patiently(entry, &cx, vec![request])
                .await
                .pop()
                .unwrap_or(Ok(None))
        };
        match found.await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(ProviderError::new(
                ErrorKind::NotFound,
                format!("there is no {ty} with the id `{id}` in {}", cx.region()),
            )
            .help("check the id, the account and the region; `id@region` names another region")),
            Err(error) => Err(self.tell(error, &Value::null())),
        }
    }

    async fn recover(&self, ty: &str, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let entry = self.resource(ty)?;
        let cx = self.cx(entry.schema(), planned);
        let found = patiently(&infra_providers::NoMonitor, || {
            entry.resource.recover(&cx, planned, token)
        })
        .await;
        let Some(identity) = found.map_err(|error| self.tell(error, planned))? else {
            return Ok(None);
        };
        let base = overlay(&known(planned), &identity, None);
        let request = ReadRequest {
            prior: base,
            just_created: false,
        };
        let answer = read_patiently(entry, &cx, vec![request])
            .await
            .pop()
            .unwrap_or(Ok(None));
        answer.map_err(|error| self.tell(error, planned))
    }
}

fn unknown_type(ty: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unsupported, format!("the AWS provider has no type `{ty}`"))
}

/// Splits `id@region`.
fn split_region(id: &str, regional: bool) -> (&str, Option<&str>) {
    let is_region = |r: &str| {
        let words: Vec<&str> = r.split('-').collect();
        words.len() >= 3
            && words[0].len() >= 2
            && words[0].chars().all(|c| c.is_ascii_lowercase())
            && words.last().is_some_and(|w| w.parse::<u8>().is_ok())
    };
    match id.rsplit_once('@') {
        Some((id, region)) if regional && is_region(region) => (id, Some(region)),
        _ => (id, None),
    }
}

/// A change of nothing but timeouts is none.
fn ignore_timeouts(plan: &mut Plan<'_>) {
    let Some(prior) = plan.prior else { return };
    let (Some(old), Some(new)) = (prior.get("timeouts"), plan.planned.get("timeouts")) else {
        return;
    };
    if !old.same_value(new) && plan.planned.with_attr("timeouts", old.clone()).same_value(prior) {
        plan.planned = prior.clone().with_marks(plan.planned.marks);
    }
}

/// Returns an object with everything that is known in another (and in a third).
fn overlay(base: &Value, over: &Value, more: Option<&Value>) -> Value {
    let entries = |v: &Value| v.as_entries().map(Entries::to_map).unwrap_or_default();
    let mut out = entries(base);
    out.extend(entries(over).into_iter().filter(|(_, v)| v.is_wholly_known()));
    if let Some(more) = more {
        out.extend(entries(more).into_iter().filter(|(_, v)| !v.is_null()));
    }
    Value::object(out)
}

/// Calls again while the service asks to slow down.
async fn patiently<T, F, Fut>(monitor: &dyn Monitor, call: F) -> Result<T, ProviderError>
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, ProviderError>> + Send,
{
    let mut backoff = Backoff::up_to(Duration::from_secs(10));
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(error) if error.kind == ErrorKind::Throttled => {
                monitor.status(&format!("trying again: {}", error.message));
                tokio::time::sleep(backoff.delay()).await;
            }
            other => return other,
        }
    }
    call().await
}

/// Reads objects; those that were throttled again, and those just created until they are there.
async fn read_patiently(
    entry: &ResourceEntry,
    cx: &Cx<'_>,
    objects: Vec<ReadRequest>,
) -> Vec<Result<Option<Value>, ProviderError>> {
    let mut answers = entry.resource.read(cx, &objects).await;
    let mut backoff = Backoff::up_to(Duration::from_secs(5));
    let begin = tokio::time::Instant::now();
    let window = cx.patience(entry.resource.propagation());
    let throttled = cx.patience(minutes(2));
    loop {
        let passed = begin.elapsed();
        let again: Vec<usize> = (0..objects.len())
            .filter(|&i| match &answers[i] {
                Ok(None) => objects[i].just_created && passed < window,
                Err(error) => matches!(error.kind, ErrorKind::Throttled | ErrorKind::Retryable) && passed < throttled,
                Ok(Some(_)) => false,
            })
            .collect();
        if again.is_empty() {
            return answers;
        }
        tokio::time::sleep(backoff.delay()).await;
        let some: Vec<ReadRequest> = again.iter().map(|&i| objects[i].clone()).collect();
        for (i, answer) in again.iter().zip(entry.resource.read(cx, &some).await) {
            answers[*i] = answer;
        }
    }
}

/// Reads what was just created or changed, until it is there and as planned.
///
/// Answers of the real service may lag behind; when they stay different, what is read is returned.
async fn read_back(
    entry: &ResourceEntry,
    cx: &Cx<'_>,
    base: &Value,
    planned: Option<&Value>,
    monitor: &dyn Monitor,
) -> Result<Value, ProviderError> {
    let looks = if cx.local() { 1 } else { 6 };
    let mut backoff = Backoff::up_to(Duration::from_secs(3));
    for look in 1.. {
        let request = ReadRequest {
            prior: base.clone(),
            just_created: true,
        };
        let answer = read_patiently(entry, cx, vec![request]).await.pop().unwrap_or(Ok(None));
        match answer? {
            None => {
                return Err(ProviderError::new(
                    ErrorKind::NotFound,
                    format!("`{}` was written, but reading it finds nothing", base.id()),
                ));
            }
            Some(value) if look >= looks || planned.is_none_or(|p| agrees(p, &value)) => {
                return Ok(value);
            }
            Some(_) => {
                monitor.status("waiting for the change to show");
                tokio::time::sleep(backoff.delay()).await;
            }
        }
    }
    unreachable!("the loop ends by returning")
}

/// Says whether an object is as planned, as far as the plan says.
fn agrees(planned: &Value, value: &Value) -> bool {
    let Some(entries) = planned.as_entries() else {
        return true;
    };
    entries
        .iter()
        .filter(|(_, v)| v.is_wholly_known())
        .all(|(name, v)| value.get(name).is_some_and(|have| have.same_value(v)))
}

/// Hides sensitive texts that a service repeated in its message.
fn redact(error: &mut ProviderError, about: &Value) {
    let mut secrets = Vec::new();
    collect_secrets(about, false, &mut secrets);
    for secret in secrets {
        for text in std::iter::once(&mut error.message).chain(error.details.iter_mut()) {
            if text.contains(&secret) {
                *text = text.replace(&secret, "(sensitive)");
            }
        }
    }
}

fn collect_secrets(value: &Value, inside: bool, out: &mut Vec<String>) {
    let secret = inside || value.is_sensitive();
    if let (true, Some(text)) = (secret, value.as_str())
        && text.len() >= 4
    {
        out.push(text.to_owned());
    }
    let children = value
        .as_items()
        .into_iter()
        .flatten()
        .chain(value.as_entries().into_iter().flatten().map(|(_, v)| v));
    for child in children {
        collect_secrets(child, secret, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_types::Type;

    #[test]
    fn import_ids_may_name_a_region() {
        assert_eq!(split_region("vpc-1@eu-west-1", true), ("vpc-1", Some("eu-west-1")));
        assert_eq!(split_region("vpc-1", true), ("vpc-1", None));
        assert_eq!(split_region("user@example", true), ("user@example", None));
        assert_eq!(split_region("vpc-1@eu-west-1", false), ("vpc-1@eu-west-1", None));
    }

    #[test]
    fn messages_hide_secrets() {
        let about = Value::object([("password", Value::from("hunter22").sensitive()), ("name", "a".into())]);
        let mut error = ProviderError::new(ErrorKind::Invalid, "hunter22 is too short");
        redact(&mut error, &about);
        assert_eq!(error.message, "(sensitive) is too short");
    }

    #[test]
    fn agreement_ignores_the_unknown() {
        let planned = Value::object([("id", Value::unknown(Type::String)), ("a", 1.into())]);
        assert!(agrees(&planned, &Value::object([("id", "x".into()), ("a", 1.into())])));
        assert!(!agrees(&planned, &Value::object([("id", "x".into()), ("a", 2.into())])));
    }
}

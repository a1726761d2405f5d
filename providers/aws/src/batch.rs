//! Reading many objects in few calls.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use infra_providers::{ProviderError, ReadRequest};
use infra_types::Value;

use crate::resource::Answers;
use crate::value::Fields;

/// How many ids a call takes: EC2 filters have at most 200 values.
const CHUNK: usize = 200;

/// How many calls are under way at once.
const PARALLEL: usize = 8;

/// What was found of what was asked for, by key.
pub(crate) struct Found<T> {
    by_key: BTreeMap<String, T>,
    failed: BTreeMap<String, ProviderError>,
}

impl<T> Found<T> {
    /// Answers requests by a key of theirs; what the key leads to may not have the object.
    pub(crate) fn answer_by(
        &self,
        objects: &[ReadRequest],
        key: impl Fn(&Value) -> String,
        state: impl Fn(&T, &Value) -> Option<Value>,
    ) -> Answers {
        objects
            .iter()
            .map(|object| {
                let key = key(&object.prior);
                match (self.by_key.get(&key), self.failed.get(&key)) {
                    (_, Some(error)) => Err(error.clone()),
                    (Some(found), _) => Ok(state(found, &object.prior)),
                    (None, None) => Ok(None),
                }
            })
            .collect()
    }

    /// Answers requests by their id.
    pub(crate) fn answer(&self, objects: &[ReadRequest], state: impl Fn(&T, &Value) -> Value) -> Answers {
        self.answer_by(objects, Fields::id, |found, prior| Some(state(found, prior)))
    }
}

/// Fetches what the requests' ids name, many per call.
///
/// `fetch` gets at most 200 ids and returns what exists of them by id. A not-found error
/// means that none of them exists, so it should ask in a way that misses nothing else
/// (by filter rather than by id, in EC2).
pub(crate) async fn lookup<T, F, Fut>(objects: &[ReadRequest], fetch: F) -> Found<T>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<BTreeMap<String, T>, ProviderError>> + Send,
{
    lookup_keys(objects.iter().map(|o| o.prior.id()), CHUNK, fetch).await
}

/// Like [`lookup`], for any keys, at most `chunk` per call.
pub(crate) async fn lookup_keys<T, F, Fut>(keys: impl IntoIterator<Item = String>, chunk: usize, fetch: F) -> Found<T>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<BTreeMap<String, T>, ProviderError>> + Send,
{
    let mut keys: Vec<String> = keys.into_iter().filter(|k| !k.is_empty()).collect();
    keys.sort_unstable();
    keys.dedup();
    let calls = keys.chunks(chunk).map(|chunk| {
        let call = fetch(chunk.to_vec());
        async move { (chunk, call.await) }
    });
    let calls: Vec<_> = calls.collect();
    let answers: Vec<_> = stream::iter(calls).buffered(PARALLEL).collect().await;
    let mut found = Found {
        by_key: BTreeMap::new(),
        failed: BTreeMap::new(),
    };
    for (chunk, answer) in answers {
        match answer {
            Ok(items) => found.by_key.extend(items),
            Err(error) if error.is_not_found() => {}
            Err(error) => found.failed.extend(chunk.iter().map(|k| (k.clone(), error.clone()))),
        }
    }
    found
}

/// Reads objects one by one, some at a time. A not-found error is `None`.
pub(crate) async fn each<'a, F, Fut>(objects: &'a [ReadRequest], read: F) -> Answers
where
    F: Fn(&'a Value) -> Fut,
    Fut: Future<Output = Result<Option<Value>, ProviderError>> + Send,
{
    let calls: Vec<_> = objects.iter().map(|o| read(&o.prior)).collect();
    let answers: Vec<_> = stream::iter(calls).buffered(PARALLEL).collect().await;
    answers
        .into_iter()
        .map(|answer| match answer {
            Err(error) if error.is_not_found() => Ok(None),
            other => other,
        })
        .collect()
}

/// Runs calls, some at a time, and stops at the first failure.
pub(crate) async fn gather<T, Fut>(calls: impl IntoIterator<Item = Fut>) -> Result<Vec<T>, ProviderError>
where
    Fut: Future<Output = Result<T, ProviderError>> + Send,
{
    let calls: Vec<Fut> = calls.into_iter().collect();
    let answers: Vec<_> = stream::iter(calls).buffered(PARALLEL).collect().await;
    answers.into_iter().collect()
}

//! Reads the objects of the state: one batch per provider and type, all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use infra_providers::{ReadRequest, Registry};
use infra_state::ObjectState;
use infra_syntax::Diagnostics;
use infra_types::{InstanceAddr, Mode, Str, Value};

use crate::observe::{Event, Observer};
use crate::sessions::{ProviderRef, Sessions};

/// What is there now.
#[derive(Default)]
pub struct Refreshed {
    /// For each object that could be read: its value, or nothing if it is gone.
    pub values: BTreeMap<InstanceAddr, Option<Value>>,
    /// What could not be read.
    pub diagnostics: Diagnostics,
}

/// Reads objects.
///
/// Objects whose provider is not configured (yet) are left out.
pub async fn refresh(
    sessions: &Sessions,
    objects: &BTreeMap<InstanceAddr, Arc<ObjectState>>,
    registry: &Registry,
    observer: &dyn Observer,
) -> Refreshed {
    let mut batches: BTreeMap<(Str, Str), Vec<(InstanceAddr, Value)>> = BTreeMap::new();
    for (addr, object) in objects {
        if addr.resource.mode == Mode::Managed && registry.schema(Mode::Managed, addr.ty()).is_some() {
            batches
                .entry((object.provider.clone(), addr.ty().clone()))
                .or_default()
                .push((addr.clone(), object.attributes.clone()));
        }
    }
    let total: usize = batches.values().map(Vec::len).sum();
    observer.event(&Event::RefreshStart { objects: total });
    let mut pending = FuturesUnordered::new();
    for ((provider, ty), batch) in batches {
        let Some(session) = ProviderRef::parse(&provider).and_then(|p| sessions.get(&p)) else {
            continue;
        };
        pending.push(async move {
            let (addresses, values): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let requests = values
                .into_iter()
                .map(|prior| ReadRequest {
                    prior,
                    just_created: false,
                })
                .collect();
            let answers = session.read(&ty, requests).await;
            (ty, addresses, answers)
        });
    }
    let mut out = Refreshed::default();
    while let Some((ty, addresses, answers)) = pending.next().await {
        observer.event(&Event::Refreshed {
            ty: &ty,
            objects: addresses.len(),
        });
        for (addr, answer) in addresses.into_iter().zip(answers) {
            match answer {
                Ok(value) => {
                    out.values.insert(addr, value);
                }
                Err(error) => {
                    out.diagnostics.push(
                        crate::plan::error_diagnostic(
                            "infra::plan::refresh",
                            &format!("`{addr}` cannot be read"),
                            &error,
                            None,
                        )
                        .about(&addr),
                    );
                }
            }
        }
    }
    // Answers arrive in any order; messages do not.
    out.diagnostics.0.sort_by(|a, b| a.address.cmp(&b.address));
    observer.event(&Event::RefreshEnd);
    out
}

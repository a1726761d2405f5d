//! Saved plans: everything that is needed to make the same plan again, its
//! digest, and what was shown.
//!
//! A saved plan is applied by planning again from the saved configuration and
//! variables against the state as it is then: it is executed only if the digest
//! is the same. So it needs no copy of the state, holds no secret (values of
//! sensitive variables are not saved; they are given again), and cannot do
//! anything that was not shown.

use std::collections::BTreeMap;

use infra_types::address::AddressError;
use infra_types::{Value, json};
use serde::{Deserialize, Serialize};

use super::{Plan, PlanMode, PlanOptions};
use crate::config::Config;

/// What the file says it is.
const KIND: &str = "infra plan";

/// The version of the format that this version of infra writes.
pub const FORMAT: u32 = 1;

/// A saved plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    /// Always `infra plan`.
    pub kind: String,
    /// The version of the format.
    pub format: u32,
    /// The version of infra that wrote it.
    pub infra_version: String,
    /// The folder of the root module.
    pub root: String,
    /// Where the state is, as seen from the working folder.
    #[serde(default)]
    pub state: Option<String>,
    /// The configuration: names and texts of all files.
    pub sources: Vec<SavedSource>,
    /// The values of variables that are not sensitive.
    pub variables: BTreeMap<String, SavedValue>,
    /// The variables whose values must be given again.
    pub sensitive_variables: Vec<String>,
    /// `normal`, `destroy` or `refresh-only`.
    pub mode: String,
    /// Whether objects were read before planning.
    pub refresh: bool,
    /// Instances to replace on request.
    pub replace: Vec<String>,
    /// The only things that it is about; everything if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// What it is not about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
    /// The time of the plan, RFC 3339.
    pub timestamp: String,
    /// The history of the state it was made from.
    pub lineage: String,
    /// The state's serial then.
    pub serial: u64,
    /// The digest over what will be done.
    pub digest: String,
    /// What was shown, as text.
    pub text: String,
    /// The plan in Terraform's JSON output format.
    pub json: serde_json::Value,
}

/// One file of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedSource {
    /// Its path as shown in messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A value with its type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedValue {
    /// The type, in Terraform's JSON form.
    pub r#type: serde_json::Value,
    /// The value.
    pub value: serde_json::Value,
}

/// Why a file is not a plan that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is something else.
    #[error("the file is not a plan saved by infra: {0}")]
    NotAPlan(String),
    /// It was written by a newer version.
    #[error("the plan was saved in format {found}; this version of infra knows formats up to {FORMAT}")]
    Newer {
        /// The format found.
        found: u32,
    },
    /// A part of it makes no sense.
    #[error("the saved plan is damaged: {0}")]
    Damaged(String),
}

impl SavedPlan {
    /// Makes the saved form of a plan.
    pub fn new(
        plan: &Plan,
        config: &Config,
        options: &PlanOptions,
        text: String,
        json: serde_json::Value,
    ) -> SavedPlan {
        let mut variables = BTreeMap::new();
        let mut sensitive = Vec::new();
        for (name, value) in &plan.variables {
            let declared = config
                .root()
                .variables
                .get(name)
                .is_some_and(|v| v.sensitive || v.ephemeral);
            if declared || value.contains_sensitive() {
                sensitive.push(name.to_string());
            } else {
                variables.insert(
                    name.to_string(),
                    SavedValue {
                        r#type: json::type_to_json(&value.ty()),
                        value: json::to_json(value),
                    },
                );
            }
        }
        SavedPlan {
            kind: KIND.into(),
            format: FORMAT,
            infra_version: env!("CARGO_PKG_VERSION").into(),
            root: config.root().dir.clone(),
            state: None,
            sources: config
                .sources
                .iter()
                .map(|(_, s)| SavedSource {
                    name: s.name.clone(),
                    text: s.text.to_string(),
                })
                .collect(),
            variables,
            sensitive_variables: sensitive,
            mode: match plan.mode {
                PlanMode::Normal => "normal",
                PlanMode::Destroy => "destroy",
                PlanMode::RefreshOnly => "refresh-only",
            }
            .into(),
            refresh: options.refresh,
            replace: options.replace.iter().map(ToString::to_string).collect(),
            targets: options.targets.iter().map(ToString::to_string).collect(),
            excludes: options.excludes.iter().map(ToString::to_string).collect(),
            timestamp: plan.timestamp.clone(),
            lineage: plan.stored.lineage.clone(),
            serial: plan.stored.serial,
            digest: super::digest::digest(plan),
            text,
            json,
        }
    }

    /// Reads a saved plan.
    pub fn parse(bytes: &[u8]) -> Result<SavedPlan, PlanFileError> {
        #[derive(Deserialize)]
        struct Head {
            kind: Option<String>,
            format: Option<u32>,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| PlanFileError::NotAPlan(e.to_string()))?;
        if head.kind.as_deref() != Some(KIND) {
            return Err(PlanFileError::NotAPlan("it does not say so".into()));
        }
        match head.format {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => return Err(PlanFileError::Newer { found }),
            _ => return Err(PlanFileError::Damaged("its format has no version".into())),
        }
        serde_json::from_slice(bytes).map_err(|e| PlanFileError::Damaged(e.to_string()))
    }

    /// Returns the file's text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a saved plan is always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Returns the options to plan with again.
    pub fn options(&self) -> Result<PlanOptions, PlanFileError> {
        let mode = match self.mode.as_str() {
            "normal" => PlanMode::Normal,
            "destroy" => PlanMode::Destroy,
            "refresh-only" => PlanMode::RefreshOnly,
            other => return Err(PlanFileError::Damaged(format!("it has the unknown mode `{other}`"))),
        };
        let damaged = |e: AddressError| PlanFileError::Damaged(e.to_string());
        let replace: Result<_, _> = self.replace.iter().map(|text| text.parse()).collect();
        let targets: Result<_, _> = self.targets.iter().map(|text| text.parse()).collect();
        let excludes: Result<_, _> = self.excludes.iter().map(|text| text.parse()).collect();
        Ok(PlanOptions {
            mode,
            refresh: self.refresh,
            replace: replace.map_err(damaged)?,
            targets: targets.map_err(damaged)?,
            excludes: excludes.map_err(damaged)?,
            timestamp: self.timestamp.clone(),
        })
    }

    /// Returns the saved values of variables.
    pub fn variables(&self) -> Result<BTreeMap<infra_types::Str, Value>, PlanFileError> {
        self.variables
            .iter()
            .map(|(name, saved)| {
                let damaged = |what: String| PlanFileError::Damaged(format!("variable `{name}`: {what}"));
                let ty =
                    json::type_from_json(&saved.r#type).ok_or_else(|| damaged("its type makes no sense".into()))?;
                let value = json::from_json(&saved.value, &ty).map_err(|e| damaged(e.message))?;
                Ok((name.as_str().into(), value))
            })
            .collect()
    }
}

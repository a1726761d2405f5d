//! The journal's lines: JSON, one batch of records each, with a checksum.
//!
//! A line is what one flush made durable, so it is there wholly or not at all.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use infra_types::{InstanceAddr, Str, Type};

use super::decode::Opener;
use super::encode::{DYNAMIC, Place, Sealer};
use super::v1::{Instance, Object, Reader, Source, instance_out, object_out};
use crate::error::StateError;
use crate::journal::{Begin, Intent, Record};
use crate::{OutputState, Types};

/// The newest version of the format.
pub(crate) const VERSION: u64 = 1;

/// The envelope. Later versions keep these fields.
#[derive(Serialize, Deserialize)]
struct Line<'t> {
    version: u64,
    line: u64,
    sum: Cow<'t, str>,
    #[serde(borrow)]
    records: &'t RawValue,
}

/// A record. `V` is a value: raw text in reading, a [`Place`] in writing.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum FileRecord<'t, V> {
    Begin {
        run: Cow<'t, str>,
        lineage: Cow<'t, str>,
        serial: u64,
    },
    Intent {
        address: Cow<'t, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deposed: Option<Cow<'t, str>>,
        provider: Cow<'t, str>,
        token: Cow<'t, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'t, str>>,
        #[serde(borrow, default = "Option::default", skip_serializing_if = "Option::is_none")]
        planned: Option<Object<'t, V>>,
    },
    Exists {
        address: Cow<'t, str>,
        token: Cow<'t, str>,
        #[serde(borrow)]
        object: Object<'t, V>,
    },
    Done {
        #[serde(borrow)]
        instance: Instance<'t, V>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Cow<'t, str>>,
    },
    Dropped {
        token: Cow<'t, str>,
    },
    Output {
        name: Cow<'t, str>,
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        value: Option<OutputValue<V>>,
    },
    End {},
}

/// A record without values.
type PlainRecord<'t> = FileRecord<'t, ()>;

/// Keeps an output that is null apart from one that is gone.
#[derive(Serialize, Deserialize)]
struct OutputValue<V> {
    is: V,
}

fn output_owner(name: &str) -> String {
    format!("output.{name}")
}

fn sum(version: u64, line: u64, records: &str) -> String {
    let digest = Sha256::new()
        .chain_update(format!("{version}:{line}:"))
        .chain_update(records)
        .finalize();
    hex::encode(&digest[..8])
}

/// Makes a line of records that are already text; with its line break.
pub(crate) fn line(number: u64, records: &[String]) -> String {
    line_of_version(VERSION, number, records)
}

pub(crate) fn line_of_version(version: u64, number: u64, records: &[String]) -> String {
    let records = format!("[{}]", records.join(","));
    let sum = sum(version, number, &records);
    format!("{{\"version\":{version},\"line\":{number},\"sum\":\"{sum}\",\"records\":{records}}}\n")
}

/// Makes the text of the record that begins a run.
pub(crate) fn encode_begin(begin: &Begin) -> String {
    let record = PlainRecord::Begin {
        run: (&*begin.run).into(),
        lineage: (&*begin.lineage).into(),
        serial: begin.serial,
    };
    serde_json::to_string(&record).expect("it is plain text and numbers")
}

/// Makes the text of a record.
pub(crate) fn encode(record: &Record, types: &dyn Types, sealer: &Sealer<'_>) -> serde_json::Result<String> {
    let type_of = |addr: &InstanceAddr| -> Type {
        let ty = types.resource_type(addr.resource.mode, addr.ty());
        ty.unwrap_or(Type::Dynamic)
    };
    match record {
        Record::Intent(intent) => {
            let (owner, ty) = (intent.address.to_string(), type_of(&intent.address));
            serde_json::to_string(&FileRecord::Intent {
                address: (&*owner).into(),
                deposed: intent.deposed.as_deref().map(Cow::from),
                provider: (&*intent.provider).into(),
                token: (&*intent.token).into(),
                name: intent.name.as_deref().map(Cow::from),
                planned: intent.planned.as_ref().map(|o| object_out(o, &owner, &ty, sealer)),
            })
        }
        Record::Exists { address, token, object } => {
            let (owner, ty) = (address.to_string(), type_of(address));
            serde_json::to_string(&FileRecord::Exists {
                address: (&*owner).into(),
                token: (&**token).into(),
                object: object_out(object, &owner, &ty, sealer),
            })
        }
        Record::Done {
            address,
            instance,
            token,
        } => {
            let (owner, ty) = (address.to_string(), type_of(address));
            serde_json::to_string(&FileRecord::Done {
                instance: instance_out(address, &owner, instance, &ty, sealer),
                token: token.as_deref().map(Cow::from),
            })
        }
        Record::Dropped { token } => serde_json::to_string(&PlainRecord::Dropped {
            token: (&**token).into(),
        }),
        Record::Output { name, value } => {
            let owner = output_owner(name);
            let value = value.as_ref().map(|output| OutputValue {
                is: Place::new(&output.value, &DYNAMIC, &owner, sealer),
            });
            serde_json::to_string(&FileRecord::Output {
                name: (&**name).into(),
                value,
            })
        }
        Record::End => serde_json::to_string(&PlainRecord::End {}),
    }
}

/// The records of one line, not yet decoded.
pub(crate) struct Batch<'t>(Vec<FileRecord<'t, &'t RawValue>>);

/// Why a line is none.
pub(crate) enum LineError {
    /// It comes from a newer program.
    Newer(u64),
    /// It is broken.
    Broken(String),
}

/// Reads a line without its line break.
pub(crate) fn parse_line(text: &[u8], number: u64) -> Result<Batch<'_>, LineError> {
    let broken = |why: &str| LineError::Broken(why.to_owned());
    let text = std::str::from_utf8(text).map_err(|_| broken("this is not UTF-8 text"))?;
    let line: Line<'_> = serde_json::from_str(text).map_err(|e| broken(&e.to_string()))?;
    if *line.sum != sum(line.version, line.line, line.records.get()) {
        return Err(broken("its checksum is wrong"));
    }
    if line.version > VERSION {
        return Err(LineError::Newer(line.version));
    }
    if line.line != number {
        return Err(LineError::Broken(format!(
            "it is line {}, and line {number} is missing",
            line.line
        )));
    }
    let records = serde_json::from_str(line.records.get()).map_err(|e| broken(&e.to_string()))?;
    Ok(Batch(records))
}

impl Batch<'_> {
    /// Returns what the first record says, if it begins a run.
    pub(crate) fn begin(&self) -> Option<Begin> {
        match self.0.first()? {
            FileRecord::Begin { run, lineage, serial } => Some(Begin {
                run: run.clone().into_owned(),
                lineage: lineage.clone().into_owned(),
                serial: *serial,
            }),
            _ => None,
        }
    }

    /// Decodes the records.
    pub(crate) fn decode(
        &self,
        place: &str,
        types: &dyn Types,
        opener: &Opener<'_>,
    ) -> Result<Vec<Decoded>, StateError> {
        let source = Source {
            text: "",
            place,
            opener,
        };
        let mut reader = Reader::new(source, types);
        self.0
            .iter()
            .map(|record| decode(record, &source, &mut reader))
            .collect()
    }
}

/// A decoded record.
pub(crate) enum Decoded {
    /// A run begins.
    Begin(Begin),
    /// Something was recorded.
    Record(Record),
}

fn decode(
    record: &FileRecord<'_, &RawValue>,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Decoded, StateError> {
    let shared = |text: &Cow<'_, str>| Str::from(&**text);
    Ok(Decoded::Record(match record {
        FileRecord::Begin { run, lineage, serial } => {
            return Ok(Decoded::Begin(Begin {
                run: run.to_string(),
                lineage: lineage.to_string(),
                serial: *serial,
            }));
        }
        FileRecord::Intent {
            address,
            deposed,
            provider,
            token,
            name,
            planned,
        } => {
            let addr = reader.address(address, "")?;
            let planned = planned.as_ref().map(|o| reader.object(&addr, address, o)).transpose()?;
            Record::Intent(Intent {
                address: addr,
                deposed: deposed.as_deref().map(str::to_owned),
                provider: shared(provider),
                token: shared(token),
                name: name.as_ref().map(shared),
                planned,
            })
        }
        FileRecord::Exists { address, token, object } => {
            let addr = reader.address(address, "")?;
            let object: Arc<_> = reader.object(&addr, address, object)?;
            Record::Exists {
                address: addr,
                token: shared(token),
                object,
            }
        }
        FileRecord::Done { instance, token } => {
            let (address, instance) = reader.instance(instance)?;
            Record::Done {
                address,
                instance,
                token: token.as_ref().map(shared),
            }
        }
        FileRecord::Dropped { token } => Record::Dropped { token: shared(token) },
        FileRecord::Output { name, value } => {
            let owner = output_owner(name);
            let value = value
                .as_ref()
                .map(|v| source.value(v.is, &DYNAMIC, &owner))
                .transpose()?;
            Record::Output {
                name: shared(name),
                value: value.map(|value| OutputState { value }),
            }
        }
        FileRecord::End {} => Record::End,
    }))
}

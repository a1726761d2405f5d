//! `sandbox = true`: the local simulator instead of AWS.

use std::path::Path;

use infra_providers::{ErrorKind, ProviderError, SessionOptions};
use infra_sandbox::{Sandbox, SandboxHome, StartOptions};

use crate::settings::Settings;

/// Where the identity of the sandbox that the state is about is kept, below the root module.
const IDENTITY_FILE: &str = ".infra/sandbox.json";

/// Starts the sandbox if it does not run, and points the settings at it.
pub(crate) async fn enter(settings: &mut Settings, options: &SessionOptions) -> Result<(), ProviderError> {
    let notify = options.notify.clone();
    let started = tokio::task::spawn_blocking(move || {
        infra_sandbox::start_reporting(&SandboxHome::default_location(), StartOptions::default(), &mut |line| {
            if let Some(notify) = &notify {
                (notify.0)(line);
            }
        })
    });
    let sandbox = match started.await {
        Ok(Ok(sandbox)) => sandbox,
        Ok(Err(error)) => {
            let help = error.help();
            return Err(ProviderError::new(
                ErrorKind::Unreachable,
                format!("the sandbox did not start: {}", crate::error::chain(&error)),
            )
            .help(help));
        }
        Err(error) => {
            return Err(ProviderError::new(
                ErrorKind::Other,
                format!("the sandbox did not start: {error}"),
            ));
        }
    };
    compare_identity(&sandbox, options);
    settings.endpoint = Some(sandbox.endpoint);
    settings.endpoints.clear();
    settings.profile = None;
    settings.assume_role = None;
    settings.region.get_or_insert_with(|| "us-east-1".to_owned());
    settings.access_key.get_or_insert_with(|| "infra-sandbox".to_owned());
    settings.secret_key.get_or_insert_with(|| "infra-sandbox".to_owned());
    Ok(())
}

/// Says so when the sandbox is another one than the state was made with, and remembers it.
fn compare_identity(sandbox: &Sandbox, options: &SessionOptions) {
    let Some(root) = &options.root else { return };
    let file = root.join(IDENTITY_FILE);
    let before = remembered(&file);
    if before.as_deref() == Some(&*sandbox.identity) {
        return;
    }
    if before.is_some()
        && options.has_objects
        && let Some(notify) = &options.notify
    {
        (notify.0)(
            "the sandbox was restarted empty: what the state lists no longer exists there, so it is planned anew",
        );
    }
    // Only a reminder is lost when this fails.
    let _ = remember(&file, &sandbox.identity);
}

fn remembered(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(json.get("identity")?.as_str()?.to_owned())
}

fn remember(file: &Path, identity: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, format!("{}\n", serde_json::json!({ "identity": identity })))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use infra_providers::provider::Notify;

    use super::*;

    /// Meets a sandbox of an identity; returns what was said.
    fn meet(root: &Path, identity: &str, has_objects: bool) -> Vec<String> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = said.clone();
        let options = SessionOptions {
            root: Some(root.to_owned()),
            notify: Some(Notify(Arc::new(move |line| {
                lines.lock().unwrap().push(line.to_owned())
            }))),
            has_objects,
        };
        let sandbox = Sandbox {
            endpoint: "http://127.0.0.1:1".into(),
            port: 1,
            pid: 1,
            identity: identity.into(),
        };
        compare_identity(&sandbox, &options);
        said.lock().unwrap().clone()
    }

    #[test]
    fn an_emptied_sandbox_is_noticed_once() {
        let root = tempfile::tempdir().unwrap();
        assert!(meet(root.path(), "a", false).is_empty());
        assert!(meet(root.path(), "a", true).is_empty());
        let said = meet(root.path(), "b", true);
        assert!(said[0].contains("restarted empty"), "{said:?}");
        assert!(meet(root.path(), "b", true).is_empty());
        // Nothing is lost when the state lists nothing.
        assert!(meet(root.path(), "c", false).is_empty());
    }
}

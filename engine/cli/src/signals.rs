//! Ctrl-C and SIGTERM: the first ends a run gently, the second gives up.

use infra_engine::execute::shutdown::ShutdownHandle;
use infra_engine::execute::{Shutdown, Stage};

/// Listens for signals for as long as the runtime lives.
pub(crate) fn listen() -> Shutdown {
    let (handle, shutdown) = Shutdown::new();
    tokio::spawn(forward(handle));
    shutdown
}

async fn forward(handle: ShutdownHandle) {
    loop {
        if wait().await.is_err() {
            return;
        }
        if handle.advance() == Stage::Abandon {
            return;
        }
    }
}

#[cfg(unix)]
async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

//! Ending a run early: finish what is in flight, or give up.

use tokio::sync::watch;

/// How a run is to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// As planned.
    #[default]
    Running,
    /// Nothing new is started; what is running is waited for.
    Stop,
    /// What is running is given up.
    Abandon,
}

/// The executor's side: tells when the stage changes.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stage>);

/// The other side: whoever hears of signals.
#[derive(Debug)]
pub struct ShutdownHandle(watch::Sender<Stage>);

impl Shutdown {
    /// Creates both sides.
    pub fn new() -> (ShutdownHandle, Shutdown) {
        let (sender, receiver) = watch::channel(Stage::Running);
        (ShutdownHandle(sender), Shutdown(receiver))
    }

    /// A run that nobody ends early.
    pub fn never() -> Shutdown {
        Shutdown::new().1
    }

    /// Returns the present stage.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits for the next change. Waits for ever when nobody can change it any more.
    pub async fn changed(&mut self) -> Stage {
        match self.0.changed().await {
            Ok(()) => *self.0.borrow_and_update(),
            Err(_) => std::future::pending().await,
        }
    }
}

impl ShutdownHandle {
    /// Goes one stage further; returns the new one.
    pub fn advance(&self) -> Stage {
        let next = match *self.0.borrow() {
            Stage::Running => Stage::Stop,
            Stage::Stop | Stage::Abandon => Stage::Abandon,
        };
        // Nobody listens any more when the run is over.
        let _ = self.0.send(next);
        next
    }
}

//! Progress of a run: a live display on a terminal, plain lines without one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use infra_engine::observe::{Event, Observer, Operation};
use infra_types::InstanceAddr;

use super::escape;
use super::style::Palette;

/// How many running operations are shown at once.
const SHOWN: usize = 8;

/// Shows progress on standard error.
pub(crate) struct Progress {
    terminal: bool,
    palette: Palette,
    inner: RefCell<Inner>,
}

struct Inner {
    multi: MultiProgress,
    total: Option<ProgressBar>,
    running: BTreeMap<(InstanceAddr, Operation), Running>,
    refresh: Option<ProgressBar>,
}

struct Running {
    since: Instant,
    bar: Option<ProgressBar>,
    last_status: String,
}

impl Progress {
    /// Creates the display.
    pub(crate) fn new(terminal: bool, color: bool) -> Self {
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            terminal,
            palette: Palette::new(color),
            inner: RefCell::new(Inner {
                multi: MultiProgress::with_draw_target(target),
                total: None,
                running: BTreeMap::new(),
                refresh: None,
            }),
        }
    }

    /// Takes the display away.
    pub(crate) fn finish(&self) {
        let mut inner = self.inner.borrow_mut();
        for running in std::mem::take(&mut inner.running).into_values() {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
        for bar in [inner.total.take(), inner.refresh.take()].into_iter().flatten() {
            bar.finish_and_clear();
        }
        // A display that is gone has nothing to clear.
        let _ = inner.multi.clear();
    }

    /// Writes a line that stays.
    fn line(&self, text: &str) {
        if self.terminal {
            let _ = self.inner.borrow().multi.println(text);
        } else {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    fn start(&self, addr: &InstanceAddr, operation: Operation) {
        let mut inner = self.inner.borrow_mut();
        let bar = (self.terminal && inner.running.len() < SHOWN).then(|| {
            let bar = inner.multi.add(ProgressBar::new_spinner());
            bar.set_style(spinner("  {spinner} {msg} {elapsed}"));
            bar.set_message(format!("{}: {}", escape::line(&addr.to_string()), operation.doing()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        inner.running.insert(
            (addr.clone(), operation),
            Running {
                since: Instant::now(),
                bar,
                last_status: String::new(),
            },
        );
    }

    /// Ends the display of an operation; returns how long it took.
    fn end(&self, addr: &InstanceAddr, operation: Operation) -> Duration {
        let mut inner = self.inner.borrow_mut();
        if let Some(total) = &inner.total {
            total.inc(1);
        }
        let Some(running) = inner.running.remove(&(addr.clone(), operation)) else {
            return Duration::ZERO;
        };
        if let Some(bar) = running.bar {
            bar.finish_and_clear();
        }
        running.since.elapsed()
    }

    fn status(&self, addr: &InstanceAddr, text: &str) {
        let mut inner = self.inner.borrow_mut();
        let found = inner.running.iter_mut().find(|((a, _), _)| a == addr);
        let Some(((_, operation), running)) = found else { return };
        if running.last_status == text {
            return;
        }
        text.clone_into(&mut running.last_status);
        let message = format!(
            "{}: {}, {}",
            escape::line(&addr.to_string()),
            operation.doing(),
            escape::line(text)
        );
        match &running.bar {
            Some(bar) => bar.set_message(message),
            None if !self.terminal => {
                let elapsed = running.since.elapsed();
                drop(inner);
                self.line(&format!("  {message} ({})", seconds(elapsed)));
            }
            None => {}
        }
    }
}

fn spinner(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn seconds(d: Duration) -> String {
    if d.as_secs() >= 60 {
        format!("{}m{:02}s", d.as_secs() / 60, d.as_secs() % 60)
    } else {
        format!("{:.1}s", d.as_secs_f64())
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        let p = self.palette;
        match event {
            Event::RefreshStart { objects } if *objects > 0 => {
                let mut inner = self.inner.borrow_mut();
                let bar = inner.multi.add(ProgressBar::new(*objects as u64));
                bar.set_style(spinner("Reading {pos} of {len} objects {elapsed}"));
                inner.refresh = Some(bar);
            }
            Event::Refreshed { objects, .. } => {
                if let Some(bar) = &self.inner.borrow().refresh {
                    bar.inc(*objects as u64);
                }
            }
            Event::RefreshEnd => {
                if let Some(bar) = self.inner.borrow_mut().refresh.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Adopted { addr } => self.line(&format!(
                "Found `{}`, which an interrupted run had created.",
                escape::line(&addr.to_string())
            )),
            Event::ApplyStart { operations } if *operations > 0 => {
                let mut inner = self.inner.borrow_mut();
                let bar = inner.multi.add(ProgressBar::new(*operations as u64));
                bar.set_style(spinner("{bar:30} {pos}/{len} {elapsed}"));
                inner.total = Some(bar);
            }
            Event::Start { addr, operation, .. } => self.start(addr, *operation),
            Event::Status { addr, text } => self.status(addr, text),
            Event::Done {
                addr, operation, id, ..
            } => {
                let elapsed = self.end(addr, *operation);
                let id = id.map(|id| format!(" [{}]", escape::line(id))).unwrap_or_default();
                self.line(&format!(
                    "{} {}: {} in {}{}",
                    p.add("✓"),
                    escape::line(&addr.to_string()),
                    operation.done(),
                    seconds(elapsed),
                    p.dim(id)
                ));
            }
            Event::Failed {
                addr,
                operation,
                message,
            } => {
                let elapsed = self.end(addr, *operation);
                self.line(&format!(
                    "{} {}: {} failed after {}: {}",
                    p.remove("✗"),
                    escape::line(&addr.to_string()),
                    operation.doing(),
                    seconds(elapsed),
                    escape::line(message)
                ));
            }
            Event::Stopping { running } => self.line(&p.change(format!(
                "Stopping: waiting for {running} running operations, starting nothing new. \
                 Interrupt again to give them up."
            ))),
            Event::Abandoning { running } => {
                self.line(&p.remove(format!(
                    "Giving up {} running operations; their results are not known:",
                    running.len()
                )));
                for addr in *running {
                    self.line(&format!("  {}", escape::line(&addr.to_string())));
                }
            }
            Event::RefreshStart { .. } | Event::ApplyStart { .. } | Event::DataRead { .. } | Event::Skipped { .. } => {}
        }
    }
}

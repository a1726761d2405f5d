//! What goes wrong, and when: plain data, so that a simulator can make it up.

use std::time::Duration;

use infra_providers::{ErrorKind, ProviderError};

use crate::cloud::Op;

/// Rules in order. All matching delays add up; the first matching failure counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// The rules.
    pub rules: Vec<FaultRule>,
}

/// When a fault happens: at the calls that match, after some were let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The operation; nothing for any.
    pub op: Option<Op>,
    /// The type; nothing for any.
    pub ty: Option<String>,
    /// The object's `name` or id; nothing for any.
    pub object: Option<String>,
    /// How many matching calls pass first.
    pub skip: u32,
    /// How many matching calls are then hit; nothing for all.
    pub times: Option<u32>,
    /// What happens.
    pub fault: Fault,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Before(ErrorKind),
    /// It has its effect, but the answer is lost and an error seen instead.
    After(ErrorKind),
    /// It has its effect, and then fails with an answer that tells what exists.
    HalfDone(ErrorKind),
    /// It takes this long before its effect.
    DelayBefore(Duration),
    /// It takes this long between its effect and its answer.
    DelayAfter(Duration),
}

impl FaultPlan {
    /// Returns a plan where nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a rule.
    pub fn with(mut self, rule: FaultRule) -> Self {
        self.rules.push(rule);
        self
    }
}

impl FaultRule {
    /// Makes a rule for every call.
    pub fn new(fault: Fault) -> Self {
        Self {
            op: None,
            ty: None,
            object: None,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// Limits it to an operation.
    pub fn op(mut self, op: Op) -> Self {
        self.op = Some(op);
        self
    }

    /// Limits it to a type.
    pub fn ty(mut self, ty: impl Into<String>) -> Self {
        self.ty = Some(ty.into());
        self
    }

    /// Limits it to the object with this `name` or id.
    pub fn object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Hits the nth matching call only; the first is 1.
    pub fn nth(mut self, n: u32) -> Self {
        self.skip = n.saturating_sub(1);
        self.times = Some(1);
        self
    }

    /// Hits only so many of the matching calls.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, op: Op, ty: &str, names: &[&str]) -> bool {
        self.op.is_none_or(|o| o == op)
            && self.ty.as_deref().is_none_or(|t| t == ty)
            && self.object.as_deref().is_none_or(|object| names.contains(&object))
    }
}

/// A fault plan at work: how often each rule matched.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: FaultPlan,
    seen: Vec<u32>,
}

/// What the plan says about one call.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) delay_before: Duration,
    pub(crate) delay_after: Duration,
    pub(crate) failure: Option<Fault>,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let seen = vec![0; plan.rules.len()];
        Self { plan, seen }
    }

    /// Counts a call and returns what happens to it.
    pub(crate) fn judge(&mut self, op: Op, ty: &str, names: &[&str]) -> Verdict {
        let mut verdict = Verdict::default();
        for (rule, seen) in self.plan.rules.iter().zip(&mut self.seen) {
            if !rule.matches(op, ty, names) {
                continue;
            }
            *seen += 1;
            let hit = *seen > rule.skip && rule.times.is_none_or(|times| *seen <= rule.skip.saturating_add(times));
            if !hit {
                continue;
            }
            match &rule.fault {
                Fault::DelayBefore(d) => verdict.delay_before += *d,
                Fault::DelayAfter(d) => verdict.delay_after += *d,
                failure if verdict.failure.is_none() => verdict.failure = Some(failure.clone()),
                _ => {}
            }
        }
        verdict
    }
}

/// Returns the error that an injected failure shows.
pub(crate) fn injected(kind: ErrorKind, op: Op, ty: &str) -> ProviderError {
    let mut error = ProviderError::new(kind, format!("injected failure of {op:?} {ty}"));
    error.operation = Some(format!("{op:?}"));
    error.code = Some(format!("Injected{kind:?}"));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nth_counts_matching_calls() {
        let rule = FaultRule::new(Fault::Before(ErrorKind::Throttled)).op(Op::Create);
        let mut faults = Faults::new(FaultPlan::none().with(rule.nth(2)));
        let mut hit = |op| faults.judge(op, "fake_thing", &[]).failure.is_some();
        assert!(!hit(Op::Create));
        assert!(!hit(Op::Read));
        assert!(hit(Op::Create));
        assert!(!hit(Op::Create));
    }

    #[test]
    fn delays_add_up() {
        let second = Duration::from_secs(1);
        let plan = FaultPlan::none()
            .with(FaultRule::new(Fault::DelayBefore(second)))
            .with(FaultRule::new(Fault::DelayBefore(second)).object("a"))
            .with(FaultRule::new(Fault::DelayAfter(second)).ty("other"));
        let verdict = Faults::new(plan).judge(Op::Read, "fake_thing", &["a"]);
        assert_eq!(verdict.delay_before, 2 * second);
        assert_eq!(verdict.delay_after, Duration::ZERO);
    }
}

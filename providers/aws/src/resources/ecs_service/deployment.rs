//! Follows a deployment of a service to its end.
//!
//! "The service is stable" is not the question: after the circuit breaker has
//! rolled back, the service is stable on the old revision. So the deployment
//! that the change began is followed itself (ListServiceDeployments,
//! DescribeServiceDeployments). Endpoints that do not offer that, and changes
//! that begin no deployment, leave the counts to look at: one deployment, with
//! as many tasks running as desired, on the revision that was asked for.
//!
//! On the way, new service events are shown; a failure lists the stopped tasks.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_ecs::types::{
    Deployment, DeploymentControllerType, DeploymentRolloutState, DesiredStatus, Service, ServiceDeploymentStatus,
};
use infra_providers::{ErrorKind, ProviderError};

use super::describe;
use crate::error::Call;
use crate::resource::{Cx, Op};
use crate::resources::ecs;
use crate::wait::{Look, Wait};

/// How many events and tasks a failure shows.
const SHOWN: usize = 5;

/// What was known when the change was made.
pub(super) struct Follow {
    cluster: String,
    arn: String,
    name: String,
    /// The primary deployment before the change.
    before: Option<String>,
    progress: Mutex<Progress>,
}

/// What was seen so far.
#[derive(Default)]
struct Progress {
    /// Ids of events that were there before, or were shown.
    events: BTreeSet<String>,
    /// Texts of new events, latest last.
    messages: Vec<String>,
    /// The deployment that the change began.
    began: Option<String>,
    /// The ARN under which it can be followed.
    deployment: Option<String>,
    /// Whether deployments cannot be asked for.
    counts_only: bool,
}

impl Follow {
    /// Begins with the service as it was before the change, if it was.
    pub(super) fn new(cluster: &str, arn: &str, before: Option<&Service>) -> Self {
        let events = before.map(|s| s.events()).unwrap_or_default();
        let progress = Progress {
            events: events.iter().filter_map(|e| e.id.clone()).collect(),
            ..Progress::default()
        };
        Self {
            cluster: cluster.to_owned(),
            arn: arn.to_owned(),
            name: ecs::short_name(arn).to_owned(),
            before: before.and_then(primary).and_then(|d| d.id.clone()),
            progress: Mutex::new(progress),
        }
    }

    /// Waits until the service exists and is active.
    pub(super) async fn until_active(&self, op: &Op<'_>, timeout: Duration) -> Result<(), ProviderError> {
        let wait = Wait::new(format!("service {} to be active", self.name), timeout);
        op.wait(wait, || async {
            let status = self.look(op).await?.and_then(|s| s.status);
            let status = status.unwrap_or_else(|| "not visible yet".to_owned());
            Ok(match status.as_str() {
                "ACTIVE" => Look::Done(()),
                _ => Look::Pending(status),
            })
        })
        .await
    }

    /// Waits until the change has fully taken effect; fails when it was rolled back.
    pub(super) async fn until_steady(
        &self,
        op: &Op<'_>,
        revision: Option<&str>,
        timeout: Duration,
    ) -> Result<(), ProviderError> {
        let wait = Wait::new(format!("service {} to be steady", self.name), timeout);
        let waited = op
            .wait(wait, || async {
                let Some(service) = self.look(op).await? else {
                    return Ok(Look::Pending("not visible yet".to_owned()));
                };
                if service.status() != Some("ACTIVE") {
                    return Ok(Look::Pending(service.status.unwrap_or_default()));
                }
                if self.begun(&service) && !self.progress(|p| p.counts_only) {
                    match self.deployment(op.cx, &service).await {
                        Err(error) if error.kind == ErrorKind::Unsupported => {
                            self.progress(|p| p.counts_only = true);
                        }
                        other => return other,
                    }
                }
                self.counts(&service, revision)
            })
            .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain(op, error).await),
        }
    }

    fn progress<T>(&self, with: impl FnOnce(&mut Progress) -> T) -> T {
        with(&mut self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Reads the service and shows its new events.
    async fn look(&self, op: &Op<'_>) -> Result<Option<Service>, ProviderError> {
        let found = describe(op.cx, &self.cluster, vec![self.arn.clone()]).await;
        let service = match found {
            Err(error) if error.is_not_found() => None,
            other => other?.remove(&self.arn),
        };
        let Some(service) = service else {
            return Ok(None);
        };
        // The latest event comes first.
        for event in service.events().iter().rev() {
            let (Some(id), Some(message)) = (event.id(), event.message()) else {
                continue;
            };
            let is_new = self.progress(|p| {
                let is_new = p.events.insert(id.to_owned());
                if is_new {
                    p.messages.push(message.to_owned());
                }
                is_new
            });
            if is_new {
                op.status(message);
            }
        }
        Ok(Some(service))
    }

    /// Says whether the change began a deployment that the service itself carries out.
    fn begun(&self, service: &Service) -> bool {
        let controller = service.deployment_controller().map(|c| c.r#type());
        if controller.is_some_and(|c| *c != DeploymentControllerType::Ecs) {
            return false;
        }
        let id = primary(service).and_then(|d| d.id.clone());
        self.progress(|p| {
            if p.began.is_none() && id.is_some() && id != self.before {
                p.began = id;
            }
            p.began.is_some()
        })
    }

    /// Looks at the deployment that the change began.
    async fn deployment(&self, cx: &Cx<'_>, service: &Service) -> Result<Look<()>, ProviderError> {
        if self.progress(|p| p.deployment.is_none()) {
            let found = self.find_deployment(cx).await?;
            self.progress(|p| p.deployment = found);
        }
        let Some(arn) = self.progress(|p| p.deployment.clone()) else {
            return Ok(Look::Pending("the deployment is about to begin".to_owned()));
        };
        let call = cx.ecs().describe_service_deployments().service_deployment_arns(&arn);
        let answer = call.send().await.op("DescribeServiceDeployments")?;
        let Some(deployment) = answer.service_deployments().first() else {
            return Ok(Look::Pending("the deployment is about to begin".to_owned()));
        };
        let reason = deployment.status_reason().unwrap_or("no reason was given");
        let failed = |what: &str| {
            Err(ProviderError::new(
                ErrorKind::Other,
                format!("the deployment of service {} {what}: {reason}", self.name),
            ))
        };
        match deployment.status() {
            Some(ServiceDeploymentStatus::Successful) => Ok(Look::Done(())),
            Some(ServiceDeploymentStatus::RollbackSuccessful) => {
                failed("failed, and was rolled back to the previous revision")
            }
            Some(ServiceDeploymentStatus::RollbackFailed) => failed("failed, and rolling it back failed too"),
            Some(ServiceDeploymentStatus::Stopped) => failed("was stopped"),
            other => {
                let status = other.map_or("unknown", |s| s.as_str());
                let (running, desired) = (service.running_count(), service.desired_count());
                Ok(Look::Pending(format!("{status}, {running} of {desired} tasks running")))
            }
        }
    }

    /// Finds the deployment whose target revision carries the primary deployment's id.
    async fn find_deployment(&self, cx: &Cx<'_>) -> Result<Option<String>, ProviderError> {
        let began = self.progress(|p| p.began.clone()).unwrap_or_default();
        let id = ecs::short_name(&began);
        let call = cx.ecs().list_service_deployments();
        let call = call.cluster(&self.cluster).service(&self.arn);
        let answer = call.send().await.op("ListServiceDeployments")?;
        let mut deployments = answer.service_deployments().iter();
        let found = deployments.find(|d| {
            let revision = d.target_service_revision_arn().unwrap_or_default();
            !id.is_empty() && ecs::short_name(revision) == id
        });
        Ok(found.and_then(|d| d.service_deployment_arn.clone()))
    }

    /// Looks at the counts: one deployment, with as many tasks running as desired.
    fn counts(&self, service: &Service, revision: Option<&str>) -> Result<Look<()>, ProviderError> {
        let deployments = service.deployments();
        let began = self.progress(|p| p.began.clone());
        if let Some(began) = &began
            && let Some(mine) = deployments.iter().find(|d| d.id() == Some(began))
            && mine.rollout_state() == Some(&DeploymentRolloutState::Failed)
        {
            let reason = mine.rollout_state_reason().unwrap_or("no reason was given");
            return Err(ProviderError::new(
                ErrorKind::Other,
                format!("the deployment of service {} failed: {reason}", self.name),
            ));
        }
        let (running, desired) = (service.running_count(), service.desired_count());
        let settled = deployments.len() <= 1
            && running == desired
            && deployments
                .iter()
                .all(|d| d.rollout_state() != Some(&DeploymentRolloutState::InProgress));
        if !settled {
            return Ok(Look::Pending(format!("{running} of {desired} tasks running")));
        }
        let on = primary(service).and_then(|d| d.task_definition());
        if let (Some(on), Some(revision)) = (on, revision)
            && !same_revision(on, revision)
        {
            return Err(ProviderError::new(
                ErrorKind::Other,
                format!(
                    "the deployment of service {} failed, and was rolled back to {}",
                    self.name,
                    ecs::short_name(on)
                ),
            ));
        }
        Ok(Look::Done(()))
    }

    /// Adds the last events and the stopped tasks to an error.
    async fn explain(&self, op: &Op<'_>, mut error: ProviderError) -> ProviderError {
        let messages = self.progress(|p| p.messages.clone());
        for message in messages.iter().rev().take(SHOWN).rev() {
            error = error.detail(message);
        }
        let began = self.progress(|p| p.began.clone());
        for line in stopped_tasks(op.cx, &self.cluster, &self.name, began.as_deref()).await {
            error = error.detail(line);
        }
        error
    }
}

/// Returns the primary deployment.
fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|d| d.status() == Some("PRIMARY"))
}

/// Says whether a deployment runs what was asked for; a family stands for any of its revisions.
fn same_revision(on: &str, asked: &str) -> bool {
    let (family, revision) = ecs::family_and_revision(on);
    let (asked_family, asked_revision) = ecs::family_and_revision(asked);
    family == asked_family && asked_revision.is_none_or(|r| Some(r) == revision)
}

/// Tells why tasks of the service stopped, as far as the endpoint knows.
async fn stopped_tasks(cx: &Cx<'_>, cluster: &str, service: &str, deployment: Option<&str>) -> Vec<String> {
    let call = cx.ecs().list_tasks().cluster(cluster).service_name(service);
    let listed = call.desired_status(DesiredStatus::Stopped).send().await;
    let Ok(listed) = listed.op("ListTasks") else {
        return Vec::new();
    };
    let arns: Vec<String> = listed.task_arns().iter().take(100).cloned().collect();
    if arns.is_empty() {
        return Vec::new();
    }
    let call = cx.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns));
    let Ok(answer) = call.send().await.op("DescribeTasks") else {
        return Vec::new();
    };
    let mut tasks: Vec<_> = answer
        .tasks()
        .iter()
        .filter(|t| deployment.is_none() || t.started_by().is_none() || t.started_by() == deployment)
        .collect();
    tasks.sort_by_key(|t| std::cmp::Reverse(t.stopped_at().map(|at| at.secs())));
    tasks.into_iter().take(SHOWN).map(task_line).collect()
}

fn task_line(task: &aws_sdk_ecs::types::Task) -> String {
    let id = ecs::short_name(task.task_arn().unwrap_or_default());
    let code = task.stop_code().map_or("stopped", |c| c.as_str());
    let reason = task.stopped_reason().unwrap_or("no reason was given");
    let mut line = format!("task {id}: {code}: {reason}");
    for container in task.containers() {
        let name = container.name().unwrap_or_default();
        let exit = container.exit_code().map(|c| format!("exit code {c}"));
        let reason = container.reason().map(str::to_owned);
        let told: Vec<String> = exit.into_iter().chain(reason).collect();
        if !told.is_empty() {
            line.push_str(&format!("; container {name}: {}", told.join(", ")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(id: &str, revision: &str, rollout: DeploymentRolloutState) -> Deployment {
        Deployment::builder()
            .id(id)
            .status("PRIMARY")
            .task_definition(revision)
            .rollout_state(rollout)
            .build()
    }

    fn service(deployments: Vec<Deployment>, running: i32) -> Service {
        Service::builder()
            .set_deployments(Some(deployments))
            .running_count(running)
            .desired_count(2)
            .build()
    }

    fn follow() -> Follow {
        let before = service(
            vec![deployment("ecs-svc/1", "a:1", DeploymentRolloutState::Completed)],
            2,
        );
        Follow::new("main", "arn:aws:ecs:eu-west-1:1:service/main/web", Some(&before))
    }

    #[test]
    fn a_new_primary_deployment_is_noticed_once() {
        let follow = follow();
        let same = service(
            vec![deployment("ecs-svc/1", "a:1", DeploymentRolloutState::Completed)],
            2,
        );
        assert!(!follow.begun(&same));
        let new = service(
            vec![deployment("ecs-svc/2", "a:2", DeploymentRolloutState::InProgress)],
            0,
        );
        assert!(follow.begun(&new));
        assert!(follow.begun(&same), "the rollback is not another beginning");
        assert_eq!(follow.progress(|p| p.began.clone()).as_deref(), Some("ecs-svc/2"));
    }

    #[test]
    fn counts_settle_when_all_run() {
        let follow = follow();
        let look = |state, running| {
            let deployments = vec![deployment("ecs-svc/2", "arn:x:task-definition/a:2", state)];
            follow.counts(&service(deployments, running), Some("a:2"))
        };
        assert!(matches!(
            look(DeploymentRolloutState::InProgress, 2),
            Ok(Look::Pending(_))
        ));
        assert!(matches!(
            look(DeploymentRolloutState::Completed, 1),
            Ok(Look::Pending(_))
        ));
        assert!(matches!(look(DeploymentRolloutState::Completed, 2), Ok(Look::Done(()))));
    }

    #[test]
    fn a_rollback_is_a_failure() {
        let follow = follow();
        let back = service(
            vec![deployment("ecs-svc/3", "a:1", DeploymentRolloutState::Completed)],
            2,
        );
        let error = follow.counts(&back, Some("a:2")).unwrap_err();
        assert!(error.message.contains("rolled back to a:1"), "{error}");
    }
}

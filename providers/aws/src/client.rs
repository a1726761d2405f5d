//! Connections: credentials, one HTTP client, and SDK clients by service and region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use infra_providers::{ErrorKind, ProviderError};
use tokio::sync::OnceCell;

use crate::error::{Call, chain, no_credentials};
use crate::settings::Settings;

/// What all regions share.
pub(crate) struct Connection {
    /// The provider block.
    pub(crate) settings: Settings,
    /// Whether the endpoint is on this machine.
    pub(crate) local: bool,
    /// The endpoint of all services, unless it is AWS's own.
    pub(crate) endpoint: Option<String>,
    region: String,
    config: SdkConfig,
    regions: Mutex<BTreeMap<String, Arc<RegionClients>>>,
    identity: OnceCell<Identity>,
}

/// Who the credentials belong to.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The account id.
    pub(crate) account: String,
    /// The ARN of the user or session.
    pub(crate) arn: String,
    /// The unique id of the user or session.
    pub(crate) user_id: String,
}

impl Connection {
    /// Finds region and credentials. `endpoint` and `fixed` credentials override the settings.
    pub(crate) async fn open(settings: Settings) -> Result<Self, ProviderError> {
        let fixed = fixed_credentials(&settings)?;
        let region = find_region(&settings).await?;
        let http = http_client(&settings, fixed.is_some());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .operation_attempt_timeout(Duration::from_secs(90))
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(settings.max_attempts)
            .with_max_backoff(Duration::from_secs(20));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(region.clone()))
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = fixed {
            loader = loader.credentials_provider(credentials);
        }
        let mut config = loader.load().await;
        if let Some(role) = &settings.assume_role {
            config = assume(config, role).await;
        }
        check_credentials(&config).await?;
        let endpoint = config.endpoint_url().map(str::to_owned);
        let connection = Self {
            local: endpoint.as_deref().is_some_and(is_loopback),
            endpoint,
            region,
            config,
            regions: Mutex::default(),
            identity: OnceCell::new(),
            settings,
        };
        connection.check_account().await?;
        Ok(connection)
    }

    /// Returns the provider's region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the clients of a region.
    pub(crate) fn clients(&self, region: Option<&str>) -> Arc<RegionClients> {
        let region = region.filter(|r| !r.is_empty()).unwrap_or(&self.region);
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = regions.get(region) {
            return clients.clone();
        }
        let clients = Arc::new(RegionClients::new(
            &self.config,
            region,
            self.settings.endpoints.clone(),
        ));
        regions.insert(region.to_owned(), clients.clone());
        clients
    }

    /// Returns who the credentials belong to, asking once.
    pub(crate) async fn identity(&self) -> Result<&Identity, ProviderError> {
        self.identity
            .get_or_try_init(|| async {
                let answer = self.clients(None).sts().get_caller_identity().send().await;
                let answer = answer.op("GetCallerIdentity")?;
                Ok(Identity {
                    account: answer.account.unwrap_or_default(),
                    arn: answer.arn.unwrap_or_default(),
                    user_id: answer.user_id.unwrap_or_default(),
                })
            })
            .await
    }

    /// Refuses to work in an account that the settings do not allow.
    async fn check_account(&self) -> Result<(), ProviderError> {
        let Settings {
            allowed_accounts,
            forbidden_accounts,
            ..
        } = &self.settings;
        if allowed_accounts.is_empty() && forbidden_accounts.is_empty() {
            return Ok(());
        }
        let account = &self.identity().await?.account;
        let allowed = allowed_accounts.is_empty() || allowed_accounts.contains(account);
        if allowed && !forbidden_accounts.contains(account) {
            return Ok(());
        }
        Err(ProviderError::new(
            ErrorKind::Denied,
            format!("the credentials belong to account {account}, which the provider block does not allow"),
        )
        .help("use credentials of the right account, or change `allowed_account_ids` or `forbidden_account_ids`"))
    }
}

/// Returns the credentials written in the provider block.
fn fixed_credentials(settings: &Settings) -> Result<Option<Credentials>, ProviderError> {
    match (&settings.access_key, &settings.secret_key) {
        (Some(key), Some(secret)) => Ok(Some(Credentials::new(
            key,
            secret,
            settings.token.clone(),
            None,
            "provider block",
        ))),
        (None, None) => Ok(None),
        _ => Err(ProviderError::new(
            ErrorKind::Credentials,
            "`access_key` and `secret_key` belong together, only one is set",
        )
        .help("set both, or neither")),
    }
}

/// Returns the region: as set, of the environment, of the profile. The machine's metadata is
/// not asked: it would take seconds wherever there is none.
async fn find_region(settings: &Settings) -> Result<String, ProviderError> {
    if let Some(region) = &settings.region {
        return Ok(region.clone());
    }
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile.build());
    match chain.region().await {
        Some(region) => Ok(region.to_string()),
        None => Err(ProviderError::new(ErrorKind::Invalid, "no AWS region is set")
            .help("set `region` in the provider block, or AWS_REGION")),
    }
}

/// Returns the HTTP client that all services share; without TLS when nothing needs it.
fn http_client(settings: &Settings, fixed_credentials: bool) -> SharedHttpClient {
    let env = |name| std::env::var(name).ok();
    let endpoint = settings.endpoint.clone().or_else(|| env("AWS_ENDPOINT_URL"));
    let plain = endpoint.is_some_and(|e| e.starts_with("http://"))
        && (fixed_credentials || env("AWS_ACCESS_KEY_ID").is_some())
        && settings.endpoints.values().all(|e| e.starts_with("http://"));
    let builder = aws_smithy_http_client::Builder::new();
    if plain {
        return builder.build_http();
    }
    builder
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}

async fn assume(config: SdkConfig, role: &crate::settings::AssumeRole) -> SdkConfig {
    let mut builder = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(role.session_name.as_deref().unwrap_or("infra"))
        .configure(&config);
    if let Some(id) = &role.external_id {
        builder = builder.external_id(id);
    }
    if let Some(policy) = &role.policy {
        builder = builder.policy(policy);
    }
    let provider = builder.build().await;
    config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build()
}

async fn check_credentials(config: &SdkConfig) -> Result<(), ProviderError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(no_credentials("none are configured"));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(no_credentials(&chain(&error))),
    }
}

/// Says whether a URL points at this machine.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.starts_with("127.") || authority.starts_with("[::1]") || authority.split(':').next() == Some("localhost")
}

/// Returns the partition of a region.
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        r if r.starts_with("us-isob-") => "aws-iso-b",
        r if r.starts_with("us-isof-") => "aws-iso-f",
        r if r.starts_with("us-iso-") => "aws-iso",
        r if r.starts_with("eu-isoe-") => "aws-iso-e",
        r if r.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// Returns the DNS suffix of a partition.
pub(crate) fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

/// Declares the clients of a region: made when first used.
macro_rules! clients {
    ($($name:ident, $once:ident, $sdk:ident, $endpoint:literal, $what:literal;)*) => {
        /// The SDK clients of one region.
        pub(crate) struct RegionClients {
            region: String,
            config: SdkConfig,
            endpoints: BTreeMap<String, String>,
            $($name: OnceLock<$sdk::Client>, $once: OnceLock<$sdk::Client>,)*
        }

        impl RegionClients {
            fn new(config: &SdkConfig, region: &str, endpoints: BTreeMap<String, String>) -> Self {
                Self {
                    region: region.to_owned(),
                    config: config.clone(),
                    endpoints,
                    $($name: OnceLock::new(), $once: OnceLock::new(),)*
                }
            }

            $(
                #[doc = concat!("Returns the client of ", $what, ".")]
                pub(crate) fn $name(&self) -> &$sdk::Client {
                    self.$name.get_or_init(|| {
                        let mut config = $sdk::config::Builder::from(&self.config)
                            .region(Region::new(self.region.clone()));
                        if let Some(url) = self.endpoints.get($endpoint) {
                            config = config.endpoint_url(url);
                        }
                        $sdk::Client::from_conf(config.build())
                    })
                }

                #[doc = concat!("Returns the client of ", $what, " that tries once only: for creates that are not idempotent.")]
                #[allow(dead_code, reason = "not every service has such creates")]
                pub(crate) fn $once(&self) -> &$sdk::Client {
                    self.$once.get_or_init(|| {
                        let config = self.$name().config().to_builder().retry_config(RetryConfig::disabled());
                        $sdk::Client::from_conf(config.build())
                    })
                }
            )*
        }
    };
}

clients! {
    ec2, ec2_once, aws_sdk_ec2, "ec2", "EC2";
    ecs, ecs_once, aws_sdk_ecs, "ecs", "ECS";
    elb, elb_once, aws_sdk_elasticloadbalancingv2, "elbv2", "Elastic Load Balancing";
    iam, iam_once, aws_sdk_iam, "iam", "IAM";
    logs, logs_once, aws_sdk_cloudwatchlogs, "logs", "CloudWatch Logs";
    rds, rds_once, aws_sdk_rds, "rds", "RDS";
    secrets, secrets_once, aws_sdk_secretsmanager, "secretsmanager", "Secrets Manager";
    sts, sts_once, aws_sdk_sts, "sts", "STS";
}

impl RegionClients {
    /// Returns the region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_endpoints_are_known() {
        for url in ["http://127.0.0.1:5600", "http://localhost:4566/", "http://[::1]:1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://ec2.eu-west-1.amazonaws.com", "http://localhost.example.com"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn partitions_follow_regions() {
        assert_eq!(partition("eu-west-1"), "aws");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(dns_suffix(partition("us-gov-west-1")), "amazonaws.com");
    }
}

//! Runs real sandboxes; the first run on a machine sets up their environment.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use infra_sandbox::{Sandbox, SandboxError, SandboxHome, StartOptions, reset, spawn_private, start, status, stop};
use serde_json::json;

/// Ends the home's sandbox even when a test fails.
struct Shared(SandboxHome);

impl Shared {
    fn new(folder: &tempfile::TempDir) -> Self {
        // The slow part, the environment, is shared with the other tests.
        infra_sandbox::ensure_environment(&SandboxHome::for_tests(), &mut |_| {}).unwrap();
        for entry in std::fs::read_dir(SandboxHome::for_tests().path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let kept = name.to_string_lossy();
            if kept.starts_with("venv-") || kept.starts_with("launcher-") {
                std::os::unix::fs::symlink(entry.path(), folder.path().join(&name)).unwrap();
            }
        }
        Self(SandboxHome::at(folder.path()))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = stop(&self.0);
    }
}

/// Sends an AWS query request in the given account and returns status and body.
fn call(sandbox: &Sandbox, account: &str, service: &str, form: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port)).unwrap();
    let request = format!(
        "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn ec2(sandbox: &Sandbox, account: &str, form: &str) -> (u16, String) {
    call(sandbox, account, "ec2", &format!("{form}&Version=2016-11-15"))
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the text of the first element with this name.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once("</").unwrap().0
}

#[test]
fn a_private_sandbox_answers_and_ends() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    assert_eq!(sandbox.endpoint, format!("http://127.0.0.1:{}", sandbox.port));
    assert_eq!(sandbox.current_identity().as_ref(), Some(&sandbox.identity));
    let port = sandbox.port;
    drop(sandbox);
    assert!(!listens(port));
}

#[test]
fn the_access_key_is_the_account() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    for account in ["111111111111", "222222222222"] {
        let form = "Action=GetCallerIdentity&Version=2011-06-15";
        let (status, body) = call(&sandbox, account, "sts", form);
        assert_eq!((status, element(&body, "Account")), (200, account));
    }
    let (_, body) = ec2(&sandbox, "111111111111", "Action=CreateVpc&CidrBlock=10.1.0.0%2F16");
    let form = format!("Action=DescribeVpcs&VpcId.1={}", element(&body, "vpcId"));
    assert_eq!(ec2(&sandbox, "111111111111", &form).0, 200);
    let (status, body) = ec2(&sandbox, "222222222222", &form);
    assert_eq!((status, element(&body, "Code")), (400, "InvalidVpcID.NotFound"));
}

#[test]
fn a_reset_empties_and_changes_the_identity() {
    let mut sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    let (_, body) = ec2(&sandbox, "111111111111", "Action=CreateVpc&CidrBlock=10.1.0.0%2F16");
    let form = format!("Action=DescribeVpcs&VpcId.1={}", element(&body, "vpcId"));
    let before = sandbox.identity.clone();
    sandbox.reset().unwrap();
    assert_ne!(sandbox.identity, before);
    assert_eq!(sandbox.current_identity().as_ref(), Some(&sandbox.identity));
    assert_eq!(ec2(&sandbox, "111111111111", &form).0, 400);
}

#[test]
fn faults_come_as_asked_and_calls_are_logged() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    let fault = json!({
        "match": "^DescribeVpcs$", "times": 1, "status": 503,
        "code": "RequestLimitExceeded", "account": "111111111111",
    });
    sandbox.control("fault", Some(&fault)).unwrap();
    assert_eq!(ec2(&sandbox, "222222222222", "Action=DescribeVpcs").0, 200);
    let (status, body) = ec2(&sandbox, "111111111111", "Action=DescribeVpcs");
    assert_eq!((status, element(&body, "Code")), (503, "RequestLimitExceeded"));
    assert_eq!(ec2(&sandbox, "111111111111", "Action=DescribeVpcs").0, 200);

    let only = json!({"account": "111111111111"});
    let log = sandbox.control("log", Some(&only)).unwrap();
    assert_eq!(log, json!([["DescribeVpcs", 503], ["DescribeVpcs", 200]]));

    let error = sandbox.control("fault", Some(&json!({"match": "("}))).unwrap_err();
    assert!(matches!(error, SandboxError::Refused { .. }), "{error}");
}

#[test]
fn a_lost_reply_is_recovered_with_the_same_token() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    let account = "111111111111";
    let (_, vpc) = ec2(&sandbox, account, "Action=CreateVpc&CidrBlock=10.1.0.0%2F16");
    let vpc = element(&vpc, "vpcId");
    let fault = json!({"match": "^CreateRouteTable$", "code": "InternalError", "after": true});
    sandbox.control("fault", Some(&fault)).unwrap();
    let form = format!("Action=CreateRouteTable&VpcId={vpc}&ClientToken=once");
    assert_eq!(ec2(&sandbox, account, &form).0, 500);
    assert_eq!(ec2(&sandbox, account, &form).0, 200);
    let form = format!("Action=DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}");
    let (_, tables) = ec2(&sandbox, account, &form);
    // The main table, and one more; the request was sent twice.
    assert_eq!(tables.matches("<vpcId>").count(), 2, "{tables}");
}

#[test]
fn a_wrong_order_of_deletes_is_refused() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    let account = "111111111111";
    let create = |form: &str, id: &str| {
        let (status, body) = ec2(&sandbox, account, form);
        assert_eq!(status, 200, "{form}: {body}");
        element(&body, id).to_owned()
    };
    let refused = |form: &str| element(&ec2(&sandbox, account, form).1, "Code").to_owned();
    let accepted = |form: &str| assert_eq!(ec2(&sandbox, account, form).0, 200, "{form}");

    let vpc = create("Action=CreateVpc&CidrBlock=10.1.0.0%2F16", "vpcId");
    let subnet = create(
        &format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.1.0.0%2F24"),
        "subnetId",
    );
    let gateway = create("Action=CreateInternetGateway", "internetGatewayId");
    let attachment = format!("InternetGatewayId={gateway}&VpcId={vpc}");
    accepted(&format!("Action=AttachInternetGateway&{attachment}"));
    let address = create("Action=AllocateAddress&Domain=vpc", "allocationId");
    let nat = create(
        &format!("Action=CreateNatGateway&SubnetId={subnet}&AllocationId={address}"),
        "natGatewayId",
    );

    let release = format!("Action=ReleaseAddress&AllocationId={address}");
    let detach = format!("Action=DetachInternetGateway&{attachment}");
    let delete_subnet = format!("Action=DeleteSubnet&SubnetId={subnet}");
    let delete_vpc = format!("Action=DeleteVpc&VpcId={vpc}");
    assert_eq!(refused(&release), "InvalidIPAddress.InUse");
    assert_eq!(refused(&detach), "DependencyViolation");
    assert_eq!(refused(&delete_subnet), "DependencyViolation");
    assert_eq!(refused(&delete_vpc), "DependencyViolation");

    accepted(&format!("Action=DeleteNatGateway&NatGatewayId={nat}"));
    accepted(&release);
    accepted(&delete_subnet);
    assert_eq!(refused(&delete_vpc), "DependencyViolation");
    accepted(&detach);
    accepted(&delete_vpc);
}

#[test]
fn what_moto_lacks_is_said_as_an_aws_error() {
    let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
    let (status, body) = ec2(&sandbox, "111111111111", "Action=DescribeIpams");
    assert_eq!((status, element(&body, "Code")), (501, "NotImplemented"));
}

#[test]
fn starting_is_idempotent_and_stopping_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::new(&folder);
    let home = &shared.0;
    assert_eq!(status(home), None);
    assert!(matches!(stop(home), Err(SandboxError::NotRunning)));
    assert!(matches!(reset(home), Err(SandboxError::NotRunning)));

    let starters: Vec<_> = (0..4)
        .map(|_| {
            let home = home.clone();
            thread::spawn(move || start(&home, StartOptions::default()).unwrap())
        })
        .collect();
    let started: Vec<Sandbox> = starters.into_iter().map(|s| s.join().unwrap()).collect();
    assert!(started.iter().all(|sandbox| *sandbox == started[0]), "{started:?}");
    assert_eq!(status(home).as_ref(), Some(&started[0]));

    let again = reset(home).unwrap();
    assert_eq!(again.pid, started[0].pid);
    assert_ne!(again.identity, started[0].identity);
    assert_eq!(start(home, StartOptions::default()).unwrap(), again);

    let elsewhere = StartOptions {
        port: Some(again.port + 1),
    };
    let error = start(home, elsewhere).unwrap_err();
    assert!(matches!(error, SandboxError::RunsElsewhere { .. }), "{error}");

    stop(home).unwrap();
    assert_eq!(status(home), None);
    assert!(!listens(again.port));
}

#[test]
fn a_taken_port_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = StartOptions { port: Some(port) };
    let error = start(&SandboxHome::at(folder.path()), options).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the sandbox cannot listen on 127.0.0.1:{port}: another program uses the port")
    );
    assert!(error.help().contains("--port"), "{}", error.help());
}

#[test]
fn a_missing_python_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let home = SandboxHome::at(folder.path()).with_python("/nowhere/python3");
    let error = start(&home, StartOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sandbox needs Python 3, which was not found (tried `/nowhere/python3`)"
    );
    assert!(error.help().contains("INFRA_PYTHON"), "{}", error.help());
}

#[test]
fn a_sandbox_ends_with_its_parent() {
    // The test runs itself once more as the process that is killed.
    const ROLE: &str = "INFRA_TEST_IS_KILLED";
    if std::env::var_os(ROLE).is_some() {
        let sandbox = spawn_private(&SandboxHome::for_tests()).unwrap();
        println!("\nport {}", sandbox.port);
        loop {
            thread::park();
        }
    }
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_sandbox_ends_with_its_parent", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(helper.stdout.take().unwrap());
    let port = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("port ")?.parse::<u16>().ok())
        .unwrap();
    assert!(listens(port));
    helper.kill().unwrap();
    helper.wait().unwrap();
    wait_until("the sandbox is still there", || !listens(port));
}

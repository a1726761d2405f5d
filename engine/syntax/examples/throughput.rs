//! Measures how fast files are parsed and formatted.
//!
//! `cargo run --release -p infra-syntax --example throughput [resources]`

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a program of its own"
)]

use std::fmt::Write as _;
use std::time::Instant;

use infra_syntax::format::format;
use infra_syntax::{SourceId, parse_file};

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let text = configuration(count);
    let megabytes = text.len() as f64 / 1e6;
    println!("{count} resources, {megabytes:.1} MB");

    let start = Instant::now();
    let (file, diagnostics) = parse_file(&text, SourceId(0));
    let seconds = start.elapsed().as_secs_f64();
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.iter().next());
    println!(
        "parse:  {seconds:.2} s, {:.1} MB/s, {} blocks",
        megabytes / seconds,
        file.body.blocks.len()
    );
    drop(file);

    let start = Instant::now();
    let formatted = format(&text).expect("the configuration parses");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "format: {seconds:.2} s, {:.1} MB/s, {} bytes",
        megabytes / seconds,
        formatted.len()
    );
}

/// Writes an ordinary configuration.
fn configuration(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let _ = write!(
            text,
            r#"# The service number {i}.
resource "aws_ecs_service" "service_{i}" {{
  name            = "${{var.environment}}-service-{i}"
  cluster         = aws_ecs_cluster.main.id
  desired_count   = var.desired_count[{i}] + 1
  launch_type     = "FARGATE"
  enable_logging  = var.environment == "production" ? true : false

  network_configuration {{
    subnets = [for s in aws_subnet.private : s.id if s.zone != null]
    security_groups = [aws_security_group.service.id]
  }}

  tags = merge(local.tags, {{
    Name = "service-{i}"
    Team = "platform" # the owners
  }})
}}

"#
        );
    }
    text
}

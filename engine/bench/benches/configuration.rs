//! Parsing, checking and evaluating, for a thousand and for ten thousand resources: ten times as
//! many must take ten times as long.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infra_engine_bench::{check, configuration, evaluate, folder, registry};
use infra_syntax::{SourceId, parse_file};

const SIZES: [usize; 2] = [1000, 10_000];

fn stages(c: &mut Criterion) {
    let registry = registry();
    let mut group = c.benchmark_group("configuration");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for size in SIZES {
        let text = configuration(size);
        let loader = folder(&text);
        let project = check(&loader, &registry);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("parse", size), &text, |b, text| {
            b.iter_with_large_drop(|| parse_file(black_box(text), SourceId(0)));
        });
        // Reading, parsing, resolving names, types and schemas, the graph, evaluation without values.
        group.bench_with_input(BenchmarkId::new("parse and check", size), &loader, |b, loader| {
            b.iter_with_large_drop(|| check(black_box(loader), &registry));
        });
        group.bench_with_input(BenchmarkId::new("evaluate", size), &project, |b, project| {
            b.iter_batched(
                || (),
                |()| evaluate(black_box(project), &registry),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);

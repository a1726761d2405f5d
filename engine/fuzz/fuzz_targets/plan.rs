//! No configuration makes planning or applying panic; what was applied is what the next plan wants.

#![no_main]

use infra_engine::eval::NoHost;
use infra_engine::project::Project;
use infra_syntax::SourceId;
use infra_syntax::parse_file;
use infra_testutils::Bench;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (_, diagnostics) = parse_file(text, SourceId(0));
    if diagnostics.has_errors() {
        return;
    }
    let mut bench = Bench::with(text);
    if Project::load(&bench.loader, ".", bench.registry(), &NoHost).is_err() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime needs nothing");
    runtime.block_on(async {
        let Ok(first) = bench.apply().await else { return };
        if first.failed.is_empty() && first.skipped.is_empty() {
            let _ = bench.plan().await;
        }
    });
});

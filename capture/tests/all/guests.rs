use std::sync::Arc;

use stillbox_capture::{Analysis, polling};
use wasmparser::{Validator, WasmFeatures};

const BLOCKING: [&str; 5] = ["fd_read", "fd_write", "poll_oneoff", "proc_join", "sock_recv"];

/// The most continuations that are looked at for one program.
const SITES_MAX: usize = 60;

fn validate(wasm: &[u8]) {
    Validator::new_with_features(WasmFeatures::WASM3).validate_all(wasm).expect("a valid module");
}

#[test]
fn every_program_can_be_captured_and_polled() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/prebuilt");
    let mut programs = 0;
    for entry in std::fs::read_dir(directory).expect("the built programs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        programs += 1;
        let wasm: Arc<[u8]> = std::fs::read(&path).expect("the program").into();
        let analysis = Analysis::new(wasm.clone(), |_, name| BLOCKING.contains(&name)).expect("a capturable program");
        validate(&analysis.rewrite().expect("a rewritten program"));
        validate(&polling(wasm, stillbox_capture::Poll::Atomic).expect("a polled program"));
        let sites = analysis.sites().expect("sites");
        for site in sites.iter().step_by(sites.len().div_ceil(SITES_MAX).max(1)) {
            validate(&analysis.continuation(*site).expect("a continuation"));
        }
    }
    assert!(programs >= 8, "{programs} programs only");
}

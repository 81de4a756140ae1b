//! Checkpoints of every released version stay readable. `cargo xtask goldens add` writes those of this version.

use std::fs;
use std::path::PathBuf;

use stillbox_checkpoint::format::{self, VERSION, sample};

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/goldens"))
}

#[test]
fn goldens_stay_readable() {
    let golden = directory().join(format!("v{VERSION}/sample.stillbox"));
    if std::env::var_os("STILLBOX_GOLDENS").is_some_and(|verb| verb == "add") {
        let mut bytes = Vec::new();
        format::export(&sample::record(), &sample::checkpoint(), &mut bytes).unwrap();
        // One that is there belongs to a release, and is never written again.
        assert!(!golden.exists(), "{} is there already", golden.display());
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, bytes).unwrap();
    }
    let mut read = 0;
    for version in fs::read_dir(directory()).unwrap() {
        for file in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let (record, checkpoint) = format::import(&fs::read(&path).unwrap().into())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            read += 1;
            if path == golden {
                assert_eq!((record, checkpoint.state), (sample::record(), sample::checkpoint().state));
            }
        }
    }
    assert!(read >= VERSION, "there are goldens of each version");
}

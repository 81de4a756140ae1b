//! The committed programs are what their sources say.

use super::stale;
use crate::repository;

#[test]
fn prebuilt_guests_are_fresh() {
    let stale = stale(&repository().join("guests")).expect("the guests' manifests and provenance can be read");
    assert!(stale.is_empty(), "run `cargo xtask guests`: {stale:#?}");
}

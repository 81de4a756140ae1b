//! `cargo xtask ci`
/// Check
#[derive(clap::Args)]
pub struct Ci {}
impl Ci {
    /// Runs.
    pub fn run(self) -> anyhow::Result<()> { Ok(()) }
}

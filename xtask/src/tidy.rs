//! `cargo xtask tidy`
/// Check
#[derive(clap::Args)]
pub struct Tidy {}
impl Tidy {
    /// Runs.
    pub fn run(self) -> anyhow::Result<()> { Ok(()) }
}

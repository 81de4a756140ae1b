//! What the tests share: one [engine](engine()), [sandboxes](sandbox) of it, and the same commands on the [host](native).
//!
//! ```no_run
//! use stillbox_tests::{sandbox, stdout, test};
//!
//! test(async {
//!     let sandbox = sandbox().await;
//!     assert_eq!(stdout(&sandbox.sh("echo hello").await), "hello\n");
//! });
//! ```

pub mod alone;
mod engine;
mod held;
pub mod native;
mod random;
mod sandbox;
mod screen;
pub mod tree;

pub use alone::alone;
pub use engine::{PROBES, engine, output_dir, test, test_within};
pub use held::{Held, assert_nothing_held};
pub use random::Random;
pub use sandbox::{Fresh, sandbox, sandbox_of, stdout};
pub use screen::Screen;

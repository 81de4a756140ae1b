//! What a terminal shows.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use stillbox::Pty;

/// The output of a terminal, read piece by piece.
pub struct Screen {
    output: BoxStream<'static, Bytes>,
    shown: String,
}

impl Screen {
    /// Begins with what a terminal has shown recently.
    ///
    /// # Panics
    ///
    /// If there is no such terminal any more.
    pub async fn of(terminal: &dyn Pty) -> Self {
        let output = terminal.output().await.expect("the terminal is there");
        Self { output, shown: String::new() }
    }

    /// Waits until something is shown behind what was waited for before.
    ///
    /// # Panics
    ///
    /// If the terminal ends without having shown it.
    pub async fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let Some(bytes) = self.output.next().await else { panic!("{text:?} was not shown, only {:?}", self.shown) };
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

//! Work that takes long, such as compiling, done on a thread of the engine while an async caller waits for it.

use futures::channel::oneshot;

use crate::process::threads::Threads;

/// Does `work` on another thread. Dropping the future leaves the work to itself.
///
/// # Errors
///
/// Whatever the system says when it can't start a thread; also if the work panics.
pub(crate) async fn offload<T: Send + 'static>(
    threads: &Threads,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    threads.run(Box::new(move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(work());
    }))?;
    receiver.await.map_err(std::io::Error::other)
}

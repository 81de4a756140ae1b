//! What the API does with processes that run.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use stillbox_api::{
    OutputEvents, OutputResponse, OutputSink, OutputStream, ProcessError, ProcessInfo, ProcessRef,
    Signal as SignalNumber,
};

use crate::offload::offload;
use crate::process::Signal;
use crate::sandbox::Live;

impl Live {
    pub(crate) fn list_processes(&self) -> Vec<ProcessInfo> {
        self.jobs.list().iter().map(|job| job.info()).collect()
    }

    pub(crate) async fn wait_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        let job = self.jobs.find(process)?;
        let Some(managed) = &job.managed else {
            poll_fn(|cx| job.poll_end(cx)).await;
            return Ok(job.info());
        };
        let last = poll_fn(|cx| managed.poll_over(cx)).await;
        Ok(last.unwrap_or(job).info())
    }

    pub(crate) fn kill_process(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        let job = self.jobs.find(process)?;
        let has_supervisor = job.managed.as_ref().is_some_and(|managed| managed.ask_to_stop());
        if !has_supervisor {
            job.kill();
        }
        Ok(())
    }

    pub(crate) fn send_signal(&self, process: ProcessRef<'_>, number: SignalNumber) -> Result<(), ProcessError> {
        let job = self.jobs.find(process)?;
        let signal = u8::try_from(number).ok().and_then(Signal::new);
        let signal = signal.ok_or(ProcessError::InvalidSignal { signal: number })?;
        if job.end().is_some() {
            return Err(ProcessError::NotRunning { pid: job.pid() });
        }
        job.signal_group(signal);
        Ok(())
    }

    pub(crate) async fn write_stdin(&self, process: ProcessRef<'_>, data: Bytes) -> Result<(), ProcessError> {
        let job = self.jobs.find(process)?;
        let not_writable = || ProcessError::StdinNotWritable { pid: job.pid() };
        let writer = job.stdin.lock().clone().ok_or_else(not_writable)?;
        let mut rest = &data[..];
        while !rest.is_empty() {
            let count = poll_fn(|cx| writer.poll_write(cx, rest)).await.map_err(|_| not_writable())?;
            rest = &rest[count..];
        }
        Ok(())
    }

    pub(crate) fn close_stdin(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        let job = self.jobs.find(process)?;
        let writer = job.stdin.lock().take();
        writer.map(drop).ok_or(ProcessError::StdinNotWritable { pid: job.pid() })
    }

    /// Returns what was captured of one stream, or of both.
    pub(crate) fn get_output(
        &self,
        process: ProcessRef<'_>,
        stream: Option<OutputStream>,
    ) -> Result<OutputResponse, ProcessError> {
        let job = self.jobs.find(process)?;
        let captured = job.output.captured(stream);
        Ok(OutputResponse {
            pid: job.pid(),
            lines: captured.lines,
            bytes: captured.bytes,
            missed_bytes: captured.missed_bytes,
        })
    }

    /// Has one stream go to a sink, which may take its time.
    pub(crate) async fn redirect_output(
        &self,
        process: ProcessRef<'_>,
        stream: OutputStream,
        sink: Arc<dyn OutputSink>,
    ) -> Result<(), ProcessError> {
        let output = self.jobs.find(process)?.output.clone();
        let redirected = offload(&self.table.runtime.threads, move || output.redirect(stream, sink));
        redirected.await.map_err(|error| ProcessError::Engine(error.into()))
    }

    /// Follows one stream, or both.
    pub(crate) fn follow_output(
        &self,
        process: ProcessRef<'_>,
        stream: Option<OutputStream>,
    ) -> Result<OutputEvents, ProcessError> {
        Ok(self.jobs.find(process)?.output.follow(stream).boxed())
    }
}

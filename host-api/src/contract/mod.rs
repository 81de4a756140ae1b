//! The contract of [`Sandboxes`] and [`AsyncSandbox`], as tests that every implementation passes.
//!
//! They panic where the contract is broken, need no runtime, and use only the programs `sh`, `true`, `false`, `cat`,
//! `echo`, `sleep`, `seq`, `yes`, `env` and `pwd`, so that a system of native processes can pass them as well. Each
//! test of a sandbox wants a fresh one; those of an engine may share it.
//!
//! A test binary makes one `#[test]` of each, with a macro that takes the list:
//!
//! ```
//! macro_rules! tests {
//!     ($($module:ident: $($name:ident)+;)+) => {
//!         $(mod $module { $(
//!             // #[test]
//!             pub fn $name() {
//!                 let test = stillbox_api::contract::sandbox_test(concat!(stringify!($module), "::", stringify!($name)));
//!                 // block_on(async { test(&*engine.create(SandboxSpec::default()).await.unwrap()).await })
//!                 # let _ = test;
//!             }
//!         )+ })+
//!     };
//! }
//! stillbox_api::sandbox_contract!(tests);
//! # run::exit_code();
//! ```
//!
//! A broken implementation may hang; the binary should give each test a minute.

mod engine;
mod files;
mod lifecycle;
mod logs;
mod managed;
mod output;
mod process;
mod pty;
mod run;
mod snapshots;
mod stdin;
mod suspend;

use futures::StreamExt as _;
use futures::future::{BoxFuture, Either, select};

use crate::{
    AsyncSandbox, AsyncSandboxExt as _, Command, FileError, InputMode, OutputEvents, Pid, ProcessStatus, Sandboxes,
};

/// A test of one sandbox, which it gets fresh and may leave in any state.
pub type SandboxTest = for<'a> fn(&'a dyn AsyncSandbox) -> BoxFuture<'a, ()>;

/// A test of an engine.
pub type EngineTest = for<'a> fn(&'a dyn Sandboxes) -> BoxFuture<'a, ()>;

/// Calls a macro with the names of all tests of a sandbox, as `module: name name ...; module: ...`.
#[macro_export]
macro_rules! sandbox_contract {
    ($callback:ident) => {
        $callback! {
            run: exit_code output_as_lines_and_bytes odd_lines binary_passes_through exit_by_signal_is_minus_n
                signal_of_a_child_is_a_code timeout_is_not_an_error timeout_kills_the_tree busy_loop_times_out
                output_is_bounded start_errors env_is_added working_dir_is_relative_to_the_sandbox
                dropping_kills;
            process: start_and_wait a_failed_start_leaves_nothing finished_ones_are_listed unknown_is_not_found
                names_address_and_are_unique text_is_a_number_or_a_name kill_is_signal_9 kill_reaches_the_tree kill_reaches_a_busy_loop signals_by_default_end
                signals_can_be_trapped signals_reach_the_group signals_never_escalate signal_errors
                stop_and_continue kill_reaches_orphans kill_of_the_ended_reaches_what_it_left users_are_accepted
                a_timeout_is_told;
            managed: a_name_a_policy_or_a_check_makes_it_managed a_failure_restarts_under_the_same_name
                the_condition_decides the_pause_doubles backing_off_can_be_cut_short kill_asks_first_and_is_final
                kill_asks_the_whole_group kill_insists_after_the_grace kill_reaches_what_outlives_the_process restart_works_in_every_state
                restart_errors a_restart_kills_what_was_left probes_tell_health the_unhealthy_are_restarted
                slow_and_missing_probes_fail network_probes_work_or_are_refused run_refuses_to_manage
                terminate_ends_supervision;
            stdin: closed_reads_the_end bytes_then_the_end pipe_until_closed pipe_back_pressure pipe_without_reader
                not_a_pipe;
            output: both_in_order_of_arrival lines_are_text_without_their_ends discarded_is_empty
                discarded_is_followed_to_the_end sink_gets_bytes failing_sink_is_a_broken_pipe
                redirected_goes_on_to_a_sink follow_replays_then_ends_at_exit follow_is_live followers_are_independent
                slow_follower_is_told_what_it_missed follow_ends_at_kill an_unended_line_counts each_stream_alone;
            logs: what_processes_write_and_what_happens_to_them filters
                a_last_line_counts_when_its_process_is_over what_is_discarded_is_not_logged the_log_is_bounded;
            files: write_then_read write_makes_directories_and_replaces read_errors dotdot_is_refused invalid_paths
                relative_paths_are_those_of_programs delete list_order list_errors upload large_content;
            pty: types_and_shows exit_code_and_signal keys_send_signals resize_sends_a_signal goes_on_and_is_found_again
                slow_watcher_slows_nothing input_waits signals_pass_what_waits kill_hangs_up kill_is_heeded_in_the_end
                shell_is_interactive errors number_is_bounded ends_with_its_sandbox;
            lifecycle: running_from_the_start terminate_resolves_what_is_in_progress terminated_is_final
                status_changes_are_told new_limits_are_for_new_processes an_update_is_checked
                the_ephemeral_are_not_suspended holding_still_is_offered_or_refused;
        }
    };
}

/// Calls a macro with the names of all tests of an engine, as `module: name name ...;`.
#[macro_export]
macro_rules! engine_contract {
    ($callback:ident) => {
        $callback! {
            engine: ids_and_names_connect names_are_unique_and_freed ill_formed_specs_are_refused
                get_or_create_creates_once list_has_the_terminated a_dropped_create_leaves_nothing
                snapshots_are_offered_or_refused sandboxes_are_apart env_of_the_spec terminate_on_drop update_renames the_idle_end the_idle_with_a_name_do_not_end
                the_entry_point_is_started handles_go_anywhere paths_begin_at_one_root files_are_limited
                processes_are_limited;
            snapshots: one_of_the_files_begins_anew one_of_all_goes_on they_are_listed_until_deleted
                a_sandbox_goes_on_while_it_is_saved only_what_runs_is_saved a_restored_sandbox_is_like_the_saved_one
                copies_are_live_and_apart a_rollback_undoes_what_came_after;
            suspend: it_rests_and_goes_on a_call_wakes_it_up what_waits_waits_on without_auto_resume_it_stays
                a_name_is_needed terminating_it_frees_its_name get_or_create_resumes the_idle_are_suspended;
        }
    };
}

macro_rules! collect {
    ($($module:ident: $($name:ident)+;)+) => {
        vec![$($((concat!(stringify!($module), "::", stringify!($name)), |tested| Box::pin($module::$name(tested)))),+),+]
    };
}

/// Returns all tests of a sandbox, with their names.
pub fn sandbox_tests() -> Vec<(&'static str, SandboxTest)> {
    sandbox_contract!(collect)
}

/// Returns all tests of an engine, with their names.
pub fn engine_tests() -> Vec<(&'static str, EngineTest)> {
    engine_contract!(collect)
}

/// Returns the test of a sandbox with this name.
///
/// # Panics
///
/// If there is none.
pub fn sandbox_test(name: &str) -> SandboxTest {
    find(sandbox_tests(), name)
}

/// Returns the test of an engine with this name.
///
/// # Panics
///
/// If there is none.
pub fn engine_test(name: &str) -> EngineTest {
    find(engine_tests(), name)
}

fn find<T>(tests: Vec<(&'static str, T)>, name: &str) -> T {
    tests
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, test)| test)
        .unwrap_or_else(|| panic!("no test {name}"))
}

/// Matches a result against the pattern of an error.
macro_rules! assert_fails {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            other => panic!("{} gave {other:?}, not {}", stringify!($result), stringify!($error)),
        }
    };
}
use assert_fails;

/// Waits by running `sleep`, as there is no runtime to ask for a timer.
async fn pause(sandbox: &dyn AsyncSandbox, seconds: &str) {
    let result = sandbox.run(Command::new("sleep").arg(seconds)).await.unwrap();
    assert!(result.success(), "{result:?}");
}

/// Returns what `future` gives within some seconds, or `None` and drops it.
async fn within<T>(sandbox: &dyn AsyncSandbox, seconds: &str, future: impl Future<Output = T>) -> Option<T> {
    match select(Box::pin(future), Box::pin(pause(sandbox, seconds))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Asserts that nothing alive in the sandbox waits to make the file that [`LATE`] makes.
async fn assert_late_never_comes(sandbox: &dyn AsyncSandbox) {
    sandbox.write("go", "").await.unwrap();
    pause(sandbox, "0.5").await;
    assert_fails!(sandbox.read_file("late.txt").await, FileError::NotFound { .. });
}

/// A script with a child that makes a file when it is told to, unless it is killed before that.
const LATE: &str = "(while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt) & echo ready; sleep 60";

/// A process that has begun, and waits for a line that it is to say.
struct Worker(Pid);

impl Worker {
    async fn start(sandbox: &dyn AsyncSandbox) -> Self {
        let command = Command::shell("echo ready; read line; echo \"<$line>\"").stdin(InputMode::Pipe);
        let pid = sandbox.start_process(command).await.unwrap().pid;
        let mut events = sandbox.follow_stdout(pid.into()).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
        Self(pid)
    }

    fn pid(&self) -> Pid {
        self.0
    }

    /// Asserts that it goes on to its end, in this sandbox, from where it waits.
    async fn goes_on(&self, sandbox: &dyn AsyncSandbox, line: &str) {
        sandbox.write_stdin(self.0.into(), format!("{line}\n").into()).await.unwrap();
        assert_eq!(sandbox.wait_process(self.0.into()).await.unwrap().status, ProcessStatus::Exited(0));
        let output = sandbox.get_stdout(self.0.into()).await.unwrap();
        assert_eq!(output.lines, ["ready".to_owned(), format!("<{line}>")]);
    }
}

/// Follows to the end, and returns the lines.
async fn lines(events: OutputEvents) -> Vec<String> {
    events.map(|event| event.unwrap().line).collect().await
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    fn text(path: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn names() -> Vec<&'static str> {
        let of_sandboxes = super::sandbox_tests().into_iter().map(|(name, _)| name);
        of_sandboxes.chain(super::engine_tests().into_iter().map(|(name, _)| name)).collect()
    }

    #[test]
    fn the_tests_that_are_named_exist() {
        let documented = text("../docs/api-details.md");
        let named: Vec<_> =
            documented.split('`').filter_map(|quoted| Some((quoted, quoted.split_once("::")?))).collect();
        let is_module = |(_, (module, _)): &(&str, (&str, &str))| module.bytes().all(|byte| byte.is_ascii_lowercase());
        let (named, names): (Vec<_>, _) = (named.into_iter().filter(is_module).collect(), names());
        assert!(named.len() > 50, "{}", named.len());
        for (quoted, (module, test)) in named {
            let exists = || text(&format!("../tests/tests/all/{module}.rs")).contains(&format!("fn {test}("));
            assert!(names.contains(&quoted) || exists(), "{quoted}");
        }
    }

    #[test]
    fn every_method_is_called() {
        let mut modules: Vec<_> = names().into_iter().filter_map(|name| Some(name.split_once("::")?.0)).collect();
        modules.dedup();
        let tests: String = modules.iter().map(|module| text(&format!("src/contract/{module}.rs"))).collect();
        for file in ["src/sandbox.rs", "src/sandboxes.rs", "src/pty.rs"] {
            let declared = text(file);
            // What isn't indented by the four columns of a trait's item is something else.
            let methods = declared.lines().filter_map(|line| {
                let line = line.strip_prefix("    ")?;
                let rest = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
                rest.split_once('(').map(|(name, _)| name)
            });
            for method in methods {
                assert!(tests.contains(&format!(".{method}(")), "{file}: nothing calls {method}");
            }
        }
    }
}

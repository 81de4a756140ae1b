//! What is promised of managed processes.

use std::time::Duration;

use futures::StreamExt as _;

use super::{assert_fails, assert_late_never_comes, lines, pause};
use crate::{
    AsyncSandbox, AsyncSandboxExt as _, Command, HealthCheck, HealthStatus, InputMode, ManagedInfo, ManagedStatus,
    Probe, ProcessError, ProcessInfo, ProcessRef, ProcessStatus, RestartCondition, RestartPolicy,
};

const SOON: Duration = Duration::from_millis(50);

/// Fails the first time, and stays the second.
const FAILS_ONCE: &str = "echo run $$; if [ -e second ]; then sleep 60; else : > second; exit 3; fi";

fn policy(condition: RestartCondition) -> RestartPolicy {
    RestartPolicy { backoff_initial: SOON, backoff_max: SOON, ..RestartPolicy::new(condition) }
}

/// Returns a check that probes at once and often, by a file that is there while all is well.
fn check() -> HealthCheck {
    HealthCheck {
        initial_delay: Duration::ZERO,
        interval: SOON,
        timeout: Duration::from_secs(20),
        ..HealthCheck::exec(["sh", "-c", "[ -e well ]"])
    }
}

fn managed(info: &ProcessInfo) -> &ManagedInfo {
    info.managed.as_deref().expect("the process is managed")
}

/// Asks about a process again and again until it is as it should be.
async fn until(
    sandbox: &dyn AsyncSandbox,
    process: ProcessRef<'_>,
    is_so: impl Fn(&ProcessInfo) -> bool,
) -> ProcessInfo {
    loop {
        // It is found by its name at any moment, that of a restart too.
        let info = sandbox.get_process(process).await.unwrap();
        if is_so(&info) {
            return info;
        }
        pause(sandbox, "0.05").await;
    }
}

pub(super) async fn a_name_a_policy_or_a_check_makes_it_managed(sandbox: &dyn AsyncSandbox) {
    let plain = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    assert_eq!(plain.managed, None);
    let named = sandbox.start_process(Command::new("sleep").arg("60").name("named")).await.unwrap();
    let info = managed(&named);
    assert_eq!((&*info.id, info.restart, info.restart_count), ("named", RestartPolicy::default(), 0));
    assert_eq!((info.status, info.health), (ManagedStatus::Running, HealthStatus::Disabled));
    assert_eq!((info.last_exit, info.next_restart_at_ms, &info.last_error), (None, None, &None));

    let check = HealthCheck::exec(["true"]);
    let probed = sandbox.start_process(Command::new("sleep").arg("60").health_check(check)).await.unwrap();
    let info = managed(&probed);
    assert_eq!((info.status, info.health), (ManagedStatus::Starting, HealthStatus::Starting));

    // Without a name it is found by its number alone.
    let never = RestartPolicy::new(RestartCondition::Never);
    let unnamed = sandbox.start_process(Command::new("sleep").arg("60").restart(never)).await.unwrap();
    let id = &managed(&unnamed).id;
    assert!(!id.is_empty());
    assert_fails!(sandbox.get_process(ProcessRef::Name(id)).await, ProcessError::NotFound { .. });
    assert_eq!(sandbox.get_process(unnamed.pid.into()).await.unwrap(), unnamed);
}

pub(super) async fn a_failure_restarts_under_the_same_name(sandbox: &dyn AsyncSandbox) {
    let command = Command::shell(FAILS_ONCE).name("web").restart(policy(RestartCondition::OnFailure));
    let first = sandbox.start_process(command).await.unwrap();
    // The count and the number may change one after the other.
    let second = until(sandbox, "web".into(), |info| managed(info).restart_count == 1 && info.pid != first.pid).await;
    assert_eq!((second.name.as_deref(), second.status), (Some("web"), ProcessStatus::Running));
    assert_eq!(managed(&second).status, ManagedStatus::Running);
    assert_eq!(managed(&second).last_exit.unwrap().status, ProcessStatus::Exited(3));

    // Its present number finds it, and its last one nothing.
    assert_eq!(sandbox.get_process(second.pid.into()).await.unwrap().pid, second.pid);
    assert_fails!(sandbox.get_process(first.pid.into()).await, ProcessError::NotFound { .. });
    let listed = sandbox.list_processes().await.unwrap();
    assert_eq!(listed.iter().filter(|info| info.name.as_deref() == Some("web")).count(), 1);
}

pub(super) async fn the_condition_decides(sandbox: &dyn AsyncSandbox) {
    for (condition, exit, restarts) in [
        (RestartCondition::Never, 3, 0),
        (RestartCondition::OnFailure, 0, 0),
        (RestartCondition::OnFailure, 3, 2),
        (RestartCondition::Always, 0, 2),
    ] {
        let policy = RestartPolicy { restarts_max: Some(2), ..policy(condition) };
        let command = Command::shell(format!("echo ran; exit {exit}")).name("short").restart(policy);
        sandbox.start_process(command).await.unwrap();
        let over = sandbox.wait_process("short".into()).await.unwrap();
        assert_eq!((over.status, over.is_over()), (ProcessStatus::Exited(exit), true));
        assert_eq!((managed(&over).restart_count, managed(&over).status), (restarts, ManagedStatus::Stopped));
        // What all its processes wrote is one output.
        let output = sandbox.get_stdout("short".into()).await.unwrap();
        assert_eq!((output.pid, output.line_count()), (over.pid, restarts as usize + 1));
    }
}

/// A follower goes on across restarts, and the lines that it gets tell when the processes ran.
pub(super) async fn the_pause_doubles(sandbox: &dyn AsyncSandbox) {
    let backoff_initial = Duration::from_millis(200);
    let policy = RestartPolicy { backoff_initial, restarts_max: Some(3), ..RestartPolicy::default() };
    let started = sandbox.start_process(Command::shell("echo ran; exit 1").restart(policy)).await.unwrap();
    let events = sandbox.follow_stdout(started.pid.into()).await.unwrap();
    let times: Vec<u64> = events.map(|event| event.unwrap().timestamp_ms).collect().await;
    assert_eq!(times.len(), 4);
    for (pause_ms, between) in [200, 400, 800].into_iter().zip(times.windows(2)) {
        // A clock that shows whole milliseconds may take one off.
        assert!(between[1] - between[0] + 1 >= pause_ms, "{times:?}");
    }
}

pub(super) async fn backing_off_can_be_cut_short(sandbox: &dyn AsyncSandbox) {
    let long = Duration::from_secs(3600);
    let policy = RestartPolicy { backoff_initial: long, backoff_max: long, ..RestartPolicy::default() };
    let command = || Command::shell("exit 3").name("failing").restart(policy);
    let first = sandbox.start_process(command()).await.unwrap();
    let backing_off = |info: &ProcessInfo| managed(info).next_restart_at_ms.is_some();
    let waiting = until(sandbox, "failing".into(), backing_off).await;
    assert_eq!((waiting.status, waiting.is_over()), (ProcessStatus::Exited(3), false));
    assert_eq!(managed(&waiting).status, ManagedStatus::BackingOff);
    let pause_ms = managed(&waiting).next_restart_at_ms.unwrap() - waiting.ended_at_ms.unwrap();
    assert!((3_599_000..3_700_000).contains(&pause_ms), "{pause_ms}");
    assert_fails!(sandbox.send_signal("failing".into(), 15).await, ProcessError::NotRunning { .. });
    assert_fails!(sandbox.start_process(command()).await, ProcessError::NameTaken { .. });

    let second = sandbox.restart_process("failing".into()).await.unwrap();
    assert_ne!(second.pid, first.pid);
    until(sandbox, "failing".into(), backing_off).await;
    sandbox.kill_process("failing".into()).await.unwrap();
    let over = sandbox.wait_process("failing".into()).await.unwrap();
    assert_eq!((managed(&over).status, managed(&over).next_restart_at_ms), (ManagedStatus::Stopped, None));
    // Its name is free again.
    sandbox.start_process(command()).await.unwrap();
}

pub(super) async fn kill_asks_first_and_is_final(sandbox: &dyn AsyncSandbox) {
    let script = "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done";
    let command = Command::shell(script).name("polite").restart(policy(RestartCondition::Always));
    let started = sandbox.start_process(command).await.unwrap();
    let mut events = sandbox.follow_stdout("polite".into()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
    sandbox.kill_process("polite".into()).await.unwrap();
    let over = sandbox.wait_process("polite".into()).await.unwrap();
    assert_eq!((over.pid, over.status), (started.pid, ProcessStatus::Exited(4)));
    assert_eq!(lines(events).await, ["bye"]);
    pause(sandbox, "0.3").await;
    let later = sandbox.get_process("polite".into()).await.unwrap();
    assert_eq!((later.status, managed(&later).restart_count), (ProcessStatus::Exited(4), 0));
}

pub(super) async fn kill_asks_the_whole_group(sandbox: &dyn AsyncSandbox) {
    let child = "trap ': > asked; exit' TERM; echo ready; while :; do sleep 0.05; done";
    // It ends when its child has been asked to as well.
    let script = format!(
        "trap 'while [ ! -e asked ]; do sleep 0.05; done; exit 4' TERM; sh -c \"{child}\" & while :; do sleep 0.05; done"
    );
    sandbox.start_process(Command::shell(script).name("group")).await.unwrap();
    let mut events = sandbox.follow_stdout("group".into()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
    sandbox.kill_process("group".into()).await.unwrap();
    let over = sandbox.wait_process("group".into()).await.unwrap();
    assert_eq!(over.status, ProcessStatus::Exited(4));
}

pub(super) async fn kill_insists_after_the_grace(sandbox: &dyn AsyncSandbox) {
    assert_eq!(Command::new("x").stop_grace, Duration::from_secs(10));
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let command = Command::shell(script).name("stubborn").stop_grace(Duration::from_millis(300));
    sandbox.start_process(command).await.unwrap();
    let mut events = sandbox.follow_stdout("stubborn".into()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
    sandbox.kill_process("stubborn".into()).await.unwrap();
    let over = sandbox.wait_process("stubborn".into()).await.unwrap();
    assert_eq!(over.status, ProcessStatus::Signaled(9));
}

pub(super) async fn kill_reaches_what_outlives_the_process(sandbox: &dyn AsyncSandbox) {
    let script = "(trap '' TERM; echo ready; while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt) & sleep 60";
    let command = Command::shell(script).name("parent").stop_grace(Duration::from_millis(300));
    sandbox.start_process(command).await.unwrap();
    let mut events = sandbox.follow_stdout("parent".into()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
    sandbox.kill_process("parent".into()).await.unwrap();
    sandbox.wait_process("parent".into()).await.unwrap();
    // The grace is over by then.
    pause(sandbox, "1.5").await;
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn restart_works_in_every_state(sandbox: &dyn AsyncSandbox) {
    let command = Command::new("cat").stdin(InputMode::Pipe).name("cat");
    let first = sandbox.start_process(command).await.unwrap();
    let second = sandbox.restart_process("cat".into()).await.unwrap();
    assert_ne!(second.pid, first.pid);
    assert_eq!((second.status, managed(&second).restart_count), (ProcessStatus::Running, 1));
    assert_eq!(managed(&second).last_exit.unwrap().status, ProcessStatus::Signaled(15));

    // It has a new pipe, and the same output.
    sandbox.write_stdin("cat".into(), "one\n".into()).await.unwrap();
    sandbox.close_stdin("cat".into()).await.unwrap();
    let over = sandbox.wait_process("cat".into()).await.unwrap();
    assert_eq!((over.status, managed(&over).status), (ProcessStatus::Exited(0), ManagedStatus::Stopped));
    let third = sandbox.restart_process("cat".into()).await.unwrap();
    assert_eq!((third.status, managed(&third).restart_count), (ProcessStatus::Running, 2));
    sandbox.write_stdin("cat".into(), "two\n".into()).await.unwrap();
    sandbox.close_stdin("cat".into()).await.unwrap();
    sandbox.wait_process("cat".into()).await.unwrap();
    assert_eq!(sandbox.get_stdout("cat".into()).await.unwrap().lines, ["one", "two"]);
}

pub(super) async fn restart_errors(sandbox: &dyn AsyncSandbox) {
    let plain = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    assert_fails!(sandbox.restart_process(plain.pid.into()).await, ProcessError::NotManaged { .. });
    assert_fails!(sandbox.restart_process("nobody".into()).await, ProcessError::NotFound { .. });
    // Someone else may have its name by now.
    let named = || Command::new("cat").stdin(InputMode::Pipe).name("cat");
    let first = sandbox.start_process(named()).await.unwrap();
    sandbox.kill_process("cat".into()).await.unwrap();
    sandbox.wait_process("cat".into()).await.unwrap();
    sandbox.start_process(named()).await.unwrap();
    assert_fails!(sandbox.restart_process(first.pid.into()).await, ProcessError::NameTaken { .. });
}

pub(super) async fn a_restart_kills_what_was_left(sandbox: &dyn AsyncSandbox) {
    // The second one stays without a child, so that only the first one's could make the file.
    let script = "if [ -e second ]; then sleep 60; fi; : > second; \
                  (while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt) & exit 3";
    let command = Command::shell(script).name("parent").restart(policy(RestartCondition::OnFailure));
    sandbox.start_process(command).await.unwrap();
    until(sandbox, "parent".into(), |info| managed(info).restart_count == 1).await;
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn probes_tell_health(sandbox: &dyn AsyncSandbox) {
    sandbox.write("well", "").await.unwrap();
    let never = RestartPolicy::new(RestartCondition::Never);
    let command = Command::new("sleep").arg("60").name("probed").restart(never).health_check(check());
    let started = sandbox.start_process(command).await.unwrap();
    assert!(matches!(managed(&started).health, HealthStatus::Starting | HealthStatus::Healthy));
    let is = |health| move |info: &ProcessInfo| managed(info).health == health;
    let healthy = until(sandbox, "probed".into(), is(HealthStatus::Healthy)).await;
    assert_eq!((managed(&healthy).status, healthy.pid), (ManagedStatus::Running, started.pid));
    assert_eq!(managed(&healthy).consecutive_health_failures, 0);

    // Three failures make it unhealthy, and a policy that restarts nothing leaves it so.
    sandbox.delete_file("well").await.unwrap();
    let unhealthy = until(sandbox, "probed".into(), is(HealthStatus::Unhealthy)).await;
    assert!(managed(&unhealthy).consecutive_health_failures >= 3);
    assert_eq!((unhealthy.pid, unhealthy.status), (started.pid, ProcessStatus::Running));
    sandbox.write("well", "").await.unwrap();
    let healthy = until(sandbox, "probed".into(), is(HealthStatus::Healthy)).await;
    assert_eq!((healthy.pid, managed(&healthy).restart_count), (started.pid, 0));
    // The probes are nobody's processes.
    let listed = sandbox.list_processes().await.unwrap();
    assert!(listed.iter().all(|info| info.command != "sh"), "{listed:?}");
}

pub(super) async fn the_unhealthy_are_restarted(sandbox: &dyn AsyncSandbox) {
    sandbox.write("well", "").await.unwrap();
    // It makes nothing of being asked to end but an exit code that is a success.
    let script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let command = Command::shell(script).name("sick").restart(policy(RestartCondition::OnFailure));
    let started = sandbox.start_process(command.health_check(check())).await.unwrap();
    until(sandbox, "sick".into(), |info| managed(info).health == HealthStatus::Healthy).await;
    sandbox.delete_file("well").await.unwrap();
    let restarted = until(sandbox, "sick".into(), |info| managed(info).restart_count > 0).await;
    assert_ne!(restarted.pid, started.pid);
    sandbox.write("well", "").await.unwrap();
    until(sandbox, "sick".into(), |info| managed(info).health == HealthStatus::Healthy).await;
    sandbox.kill_process("sick".into()).await.unwrap();
    sandbox.wait_process("sick".into()).await.unwrap();
}

pub(super) async fn slow_and_missing_probes_fail(sandbox: &dyn AsyncSandbox) {
    let never = RestartPolicy::new(RestartCondition::Never);
    for probe in [&["sleep", "60"][..], &["no-such-program"]] {
        let check = HealthCheck {
            timeout: Duration::from_millis(200),
            failure_threshold: 2,
            probe: HealthCheck::exec(probe.iter().copied()).probe,
            ..check()
        };
        let command = Command::new("sleep").arg("60").restart(never).health_check(check);
        let started = sandbox.start_process(command).await.unwrap();
        until(sandbox, started.pid.into(), |info| managed(info).health == HealthStatus::Unhealthy).await;
        sandbox.kill_process(started.pid.into()).await.unwrap();
    }
}

/// An engine whose sandboxes have no network says so when the process is to start, and not later.
pub(super) async fn network_probes_work_or_are_refused(sandbox: &dyn AsyncSandbox) {
    for probe in [Probe::Tcp { port: 80 }, Probe::Http { port: 80, path: "/health".into() }] {
        let command = Command::new("sleep").arg("60").health_check(HealthCheck::new(probe));
        match sandbox.start_process(command).await {
            Ok(started) => sandbox.kill_process(started.pid.into()).await.unwrap(),
            Err(error) => assert!(matches!(error, ProcessError::Unsupported(_)), "{error:?}"),
        }
    }
}

pub(super) async fn run_refuses_to_manage(sandbox: &dyn AsyncSandbox) {
    let restarted = Command::new("true").restart(RestartPolicy::default());
    assert_fails!(sandbox.run(restarted).await, ProcessError::InvalidCommand { .. });
    let probed = Command::new("true").health_check(HealthCheck::exec(["true"]));
    assert_fails!(sandbox.run(probed).await, ProcessError::InvalidCommand { .. });
    // A name is an address and no more.
    assert!(sandbox.run(Command::new("true").name("once")).await.unwrap().success());
}

pub(super) async fn terminate_ends_supervision(sandbox: &dyn AsyncSandbox) {
    let long = Duration::from_secs(3600);
    let waiting = RestartPolicy { backoff_initial: long, backoff_max: long, ..RestartPolicy::default() };
    sandbox.start_process(Command::shell("exit 3").name("waiting").restart(waiting)).await.unwrap();
    sandbox.start_process(Command::shell("trap '' TERM; sleep 60; sleep 60").name("running")).await.unwrap();
    until(sandbox, "waiting".into(), |info| managed(info).next_restart_at_ms.is_some()).await;
    let events = sandbox.follow_output("running".into()).await.unwrap();
    let terminate = async {
        pause(sandbox, "0.1").await;
        sandbox.terminate().await
    };
    let (waited, ran, followed, terminated) = futures::join!(
        sandbox.wait_process("waiting".into()),
        sandbox.wait_process("running".into()),
        lines(events),
        terminate
    );
    terminated.unwrap();
    assert!(followed.is_empty());
    for ended in [waited, ran] {
        match ended {
            Ok(info) => assert!(info.is_over(), "{info:?}"),
            Err(error) => assert!(matches!(error, ProcessError::WrongStatus(_)), "{error:?}"),
        }
    }
}

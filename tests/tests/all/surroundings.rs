use stillbox::{AsyncSandboxExt as _, Command, SandboxSpec};
use stillbox_tests::{sandbox, sandbox_of, stdout, test};

/// Runs scripts, each in a fresh sandbox, and compares what they print.
#[track_caller]
fn prints(scripts: &[(&str, &str)]) {
    for (script, expected) in scripts {
        let result = test(async { sandbox().await.sh(*script).await });
        assert_eq!((result.exit_code, result.stdout.as_str()), (0, *expected), "$ {script}\n{}", result.stderr);
    }
}

#[test]
fn the_image_has_what_programs_expect() {
    prints(&[
        ("ls -d /bin /dev /etc /home /proc /root /tmp /usr/bin /var/tmp | wc -l", "9"),
        ("cat /etc/passwd | cut -d: -f1 | head -n 1", "root"),
        ("whoami; id -u; echo $HOME; pwd; echo $PATH | grep -c /bin", "root\n0\n/root\n/root\n1"),
        ("stat -c '%a %F' /tmp", "1777 directory"),
        (
            "for program in sh bash ls grep sed awk find tar jq lua; do command -v $program > /dev/null || echo no $program; done",
            "",
        ),
    ]);
}

#[test]
fn proc_tells_about_processes() {
    prints(&[
        ("readlink /proc/self > /dev/null && test -d /proc/self && echo yes", "yes"),
        ("tr '\\0' ' ' < /proc/$$/cmdline | cut -c1-6", "sh -c "),
        ("X=here env sh -c 'tr \"\\0\" \"\\n\" < /proc/self/environ | grep ^X='", "X=here"),
        ("cd /tmp; sh -c 'readlink /proc/$$/cwd; :'", "/tmp"),
        ("readlink /proc/$$/exe | xargs basename | grep -cE '^(ba)?sh$'", "1"),
        ("grep -c '^Name:' /proc/self/status", "1"),
        ("cut -d' ' -f1 /proc/$$/stat | grep -c \"^$$\\$\"", "1"),
        ("sleep 60 & tr '\\0' ' ' < /proc/$!/cmdline; kill $!", "sleep 60 "),
        ("exec 7< /etc/passwd; test -e /proc/$$/fd/7 && echo open", "open"),
        ("cut -d. -f1 /proc/uptime | grep -cE '^[0-9]+$'; grep -c MemTotal /proc/meminfo", "1\n1"),
        ("test -d /proc/999999 || echo none; ls /proc | grep -c \"^$$\\$\"", "none\n1"),
        ("echo x > /proc/version || echo refused", "refused"),
    ]);
}

#[test]
fn devices_do_what_they_are_for() {
    prints(&[
        ("echo lost > /dev/null; wc -c < /dev/null; head -c 5 /dev/zero | od -An -tx1", "0\n 00 00 00 00 00"),
        ("head -c 100000 /dev/urandom | wc -c; head -c 16 /dev/random | wc -c", "100000\n16"),
        ("cmp <(head -c 16 /dev/urandom) <(head -c 16 /dev/urandom) > /dev/null || echo differ", "differ"),
        ("echo x > /dev/full || echo full", "full"),
        ("echo in | cat /dev/stdin; echo out > /dev/stdout; echo err 2>&1 > /dev/stderr", "in\nout\nerr"),
        // Descriptor 3 is every program's root directory, so the first one that a script can hand on is 4.
        ("echo five 5> f >&5; exec 4< f; cat /dev/fd/4", "five"),
        (
            "stat -c %F /dev/null; test -c /dev/zero && echo device; test -t 0 || echo no terminal",
            "character special file\ndevice\nno terminal",
        ),
    ]);
}

#[test]
fn the_environment_is_put_together() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().env("LAYER", "sandbox").env("KEPT", "a b=c")).await;
        let show = "echo \"$LAYER|$KEPT|$EXTRA|$HOME\"";
        assert_eq!(stdout(&sandbox.sh(show).await), "sandbox|a b=c||/root\n");
        let command = Command::shell(show).env("LAYER", "command").env("EXTRA", "ü\n2");
        assert_eq!(stdout(&sandbox.ran(command).await), "command|a b=c|ü\n2|/root\n");
        let result = sandbox.sh("unset KEPT; export EXTRA=1; env | grep -E '^(KEPT|EXTRA)='; env -i env").await;
        assert_eq!(stdout(&result), "EXTRA=1\n");
    });
}

#[test]
fn the_working_directory_is_inherited() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().working_dir("/srv/app")).await;
        assert_eq!(
            stdout(&sandbox.sh("pwd; echo $PWD; mkdir sub; cd sub; sh -c pwd; env pwd").await),
            "/srv/app\n/srv/app\n/srv/app/sub\n/srv/app/sub\n"
        );
        sandbox.write("relative.txt", "x").await.unwrap();
        let command = Command::shell("pwd; ls ..").working_dir("/srv/app/sub");
        assert_eq!(stdout(&sandbox.ran(command).await), "/srv/app/sub\nrelative.txt\nsub\n");
        let script = "mkdir gone; cd gone; rmdir ../gone; echo x > file 2> /dev/null || echo dead end";
        assert_eq!(stdout(&sandbox.sh(script).await), "dead end\n");
    });
}

#[test]
fn permissions_are_kept_and_inherited() {
    prints(&[
        ("umask; touch f; mkdir d; stat -c %a f d", "0022\n644\n755"),
        ("umask 077; sh -c 'umask; touch f; stat -c %a f'", "0077\n600"),
        ("(umask 0; touch a); touch b; stat -c %a a b", "666\n644"),
        ("touch f; chmod 4751 f; stat -c '%a %A' f; ls -l f | cut -c1-10", "4751 -rwsr-x--x\n-rwsr-x--x"),
        ("echo 'echo ran' > s; chmod 644 s; ./s 2> /dev/null; echo $?; chmod 755 s; sh ./s", "126\nran"),
        ("touch f; ln -s f l; chmod 600 l; stat -c %a f; stat -c %F l", "600\nsymbolic link"),
    ]);
}

#[test]
fn files_behave_as_on_unix() {
    prints(&[
        ("echo a > f; exec 3< f; rm f; cat <&3; test -e f || echo gone", "a\ngone"),
        ("echo one > f; ln f g; echo two > g; cat f; stat -c %h f; rm f; cat g; stat -c %h g", "two\n2\ntwo\n1"),
        ("echo a > a; echo b > b; exec 3< b; mv a b; cat b; cat <&3", "a\nb"),
        ("printf abc > f; printf XY 1<> f; cat f", "XYc"),
        ("for i in 1 2 3; do echo $i >> log & done; wait; sort log", "1\n2\n3"),
        ("dd if=/dev/zero of=sparse bs=1 count=1 seek=10485759 2> /dev/null; stat -c %s sparse; rm sparse", "10485760"),
        (
            "mkdir d; touch d/f; rmdir d 2> /dev/null || echo busy; rm -r d; ls -d d 2> /dev/null || echo gone",
            "busy\ngone",
        ),
        ("touch -d @86400 f; stat -c %Y f; echo x > f; test $(stat -c %Y f) -gt 86400 && echo newer", "86400\nnewer"),
        ("mkdir -p a/b; mv a/b a/c; mv a z; find z", "z\nz/c"),
        ("mkdir a; mv a a/b 2> /dev/null || echo refused", "refused"),
        ("df -P / | tail -n 1 | awk '{print ($2 > 0)}'", "1"),
    ]);
}

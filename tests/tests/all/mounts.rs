use std::fs;
use std::os::unix::fs::symlink;

use stillbox::{AsyncSandboxExt as _, CreateError, FileError, Mount, SandboxSpec, Sandboxes as _};
use stillbox_tests::{engine, sandbox_of, stdout, test};

#[test]
fn a_mount_is_read_only_by_default() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("sub")).unwrap();
    fs::write(host.path().join("sub/file.txt"), "from the host").unwrap();
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().mount(Mount::read_only(host.path(), "/mnt/host"))).await;
        assert_eq!(stdout(&sandbox.sh("cat /mnt/host/sub/file.txt; ls /mnt/host").await), "from the hostsub\n");
        assert_eq!(sandbox.read_to_string("/mnt/host/sub/file.txt").await.unwrap(), "from the host");
        let names: Vec<_> =
            sandbox.list_directory("/mnt/host/sub").await.unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["file.txt"]);
        for script in [
            "echo x > /mnt/host/new",
            "echo x >> /mnt/host/sub/file.txt",
            "rm /mnt/host/sub/file.txt",
            "mkdir /mnt/host/dir",
            "mv /mnt/host/sub /mnt/host/other",
            "chmod 700 /mnt/host/sub/file.txt",
            "ln -s x /mnt/host/link",
            "touch /mnt/host/sub/file.txt",
            "truncate -s 0 /mnt/host/sub/file.txt",
        ] {
            assert_ne!(sandbox.sh(script).await.exit_code, 0, "{script}");
        }
        let written = sandbox.write("/mnt/host/new", "x").await;
        assert!(matches!(written, Err(FileError::ReadOnly { .. })), "{written:?}");
        let deleted = sandbox.delete_file("/mnt/host/sub/file.txt").await;
        assert!(matches!(deleted, Err(FileError::ReadOnly { .. })), "{deleted:?}");
    });
    assert_eq!(fs::read_to_string(host.path().join("sub/file.txt")).unwrap(), "from the host");
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 1);
}

#[test]
fn a_writable_mount_is_changed_on_the_host() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("old"), "old").unwrap();
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().mount(Mount::writable(host.path(), "/work"))).await;
        let script = "cd /work; cat old; mkdir -p a/b; seq 3 > a/b/numbers; mv old a/renamed; ln -s b a/link; \
                      cat a/link/numbers | tail -n 1; find . | sort";
        assert_eq!(stdout(&sandbox.sh(script).await), "old3\n.\n./a\n./a/b\n./a/b/numbers\n./a/link\n./a/renamed\n");
        sandbox.write("/work/by-api", "api").await.unwrap();
    });
    assert_eq!(fs::read_to_string(host.path().join("a/b/numbers")).unwrap(), "1\n2\n3\n");
    assert_eq!(fs::read_to_string(host.path().join("a/renamed")).unwrap(), "old");
    assert_eq!(fs::read_to_string(host.path().join("by-api")).unwrap(), "api");
    assert!(!host.path().join("old").exists());
}

/// Links on the host are no way out of what is mounted, whether they are absolute or climb.
#[test]
fn links_do_not_lead_out_of_a_mount() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("secret"), "secret").unwrap();
    let mounted = host.path().join("mounted");
    fs::create_dir(&mounted).unwrap();
    symlink(host.path().join("secret"), mounted.join("absolute")).unwrap();
    symlink("../secret", mounted.join("climbing")).unwrap();
    symlink("..", mounted.join("up")).unwrap();
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().mount(Mount::writable(&mounted, "/m"))).await;
        for path in ["/m/absolute", "/m/climbing", "/m/up/secret", "/m/../secret"] {
            let result = sandbox.sh(format!("cat {path}")).await;
            assert!(!result.success() && !result.stdout.contains("secret"), "{path}: {result:?}");
        }
        assert!(sandbox.read_file("/m/climbing").await.is_err());
        // Nor for a link that is made inside.
        let result = sandbox.sh("ln -s ../secret /m/mine; cat /m/mine; echo overwritten > /m/mine").await;
        assert!(!result.stdout.contains("secret"), "{result:?}");
    });
    assert_eq!(fs::read_to_string(host.path().join("secret")).unwrap(), "secret");
}

#[test]
fn programs_can_be_run_from_a_mount() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("true.wasm"), stillbox_guests::find("true").unwrap().bytes).unwrap();
    fs::write(host.path().join("script.sh"), "echo from the host\n").unwrap();
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().mount(Mount::read_only(host.path(), "/m"))).await;
        assert_eq!(stdout(&sandbox.sh("/m/true.wasm && sh /m/script.sh").await), "from the host\n");
    });
}

#[test]
fn what_cannot_be_mounted_is_an_error() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "").unwrap();
    test(async {
        for mount in [
            Mount::read_only(host.path().join("none"), "/m"),
            Mount::read_only(host.path().join("file"), "/m"),
            Mount::read_only(host.path(), "relative"),
        ] {
            let created = engine().create(SandboxSpec::default().mount(mount.clone())).await;
            let error = created.err().unwrap_or_else(|| panic!("{mount:?} was mounted"));
            assert!(matches!(error, CreateError::Mount { .. } | CreateError::InvalidSpec { .. }), "{error:?}");
        }
    });
}

//! What is promised of files.

use bytes::Bytes;

use super::assert_fails;
use crate::{AsyncSandbox, AsyncSandboxExt as _, Command, FileError};

pub(super) async fn write_then_read(sandbox: &dyn AsyncSandbox) {
    let all: Bytes = (0..=255_u8).collect();
    for content in [Bytes::new(), Bytes::from_static(b"text\n"), all] {
        sandbox.write_file("file", content.clone()).await.unwrap();
        assert_eq!(sandbox.read_file("file").await.unwrap(), content);
    }
    assert_fails!(sandbox.read_to_string("file").await, FileError::NotText { .. });
    sandbox.write("ä ö/ü.txt", "grüße").await.unwrap();
    assert_eq!(sandbox.read_to_string("ä ö/ü.txt").await.unwrap(), "grüße");
}

pub(super) async fn write_makes_directories_and_replaces(sandbox: &dyn AsyncSandbox) {
    sandbox.write("a/b/c.txt", "the first and longer one").await.unwrap();
    sandbox.write("a//b/./c.txt", "second").await.unwrap();
    assert_eq!(sandbox.read_to_string("a/b/c.txt").await.unwrap(), "second");
    assert_fails!(sandbox.write("a/b", "x").await, FileError::IsDirectory { .. });
    assert_fails!(sandbox.write("a/b/c.txt/d", "x").await, FileError::NotDirectory { .. });
}

pub(super) async fn read_errors(sandbox: &dyn AsyncSandbox) {
    sandbox.write("dir/file", "x").await.unwrap();
    assert_fails!(sandbox.read_file("nothing").await, FileError::NotFound { .. });
    assert_fails!(sandbox.read_file("no/thing").await, FileError::NotFound { .. });
    assert_fails!(sandbox.read_file("dir").await, FileError::IsDirectory { .. });
    assert_fails!(sandbox.read_file("dir/file/x").await, FileError::NotDirectory { .. });
}

pub(super) async fn dotdot_is_refused(sandbox: &dyn AsyncSandbox) {
    sandbox.write("dir/file", "x").await.unwrap();
    for path in ["..", "../file", "dir/../dir/file", "/../etc/passwd", "dir/.."] {
        assert_fails!(sandbox.read_file(path).await, FileError::PathTraversal { .. });
        assert_fails!(sandbox.write(path, "x").await, FileError::PathTraversal { .. });
        assert_fails!(sandbox.delete_file(path).await, FileError::PathTraversal { .. });
        assert_fails!(sandbox.list_directory(path).await, FileError::PathTraversal { .. });
    }
    for path in ["a..b", "..c", "...", "d.."] {
        sandbox.write(path, path).await.unwrap();
        assert_eq!(sandbox.read_to_string(path).await.unwrap(), path);
    }
}

pub(super) async fn invalid_paths(sandbox: &dyn AsyncSandbox) {
    let long = "x".repeat(5000);
    let deep = "d/".repeat(2500) + "x";
    for path in ["", "a\0b", &long, &deep] {
        assert_fails!(sandbox.read_file(path).await, FileError::InvalidPath { .. });
        assert_fails!(sandbox.write(path, "x").await, FileError::InvalidPath { .. });
    }
}

pub(super) async fn relative_paths_are_those_of_programs(sandbox: &dyn AsyncSandbox) {
    sandbox.write("notes/in.txt", "from the API").await.unwrap();
    let result = sandbox.run(Command::shell("cat notes/in.txt; echo from a program > notes/out.txt")).await.unwrap();
    assert_eq!(result.stdout, "from the API");
    assert_eq!(sandbox.read_to_string("notes/out.txt").await.unwrap(), "from a program\n");
}

pub(super) async fn delete(sandbox: &dyn AsyncSandbox) {
    sandbox.write("dir/file", "x").await.unwrap();
    sandbox.delete_file("dir/file").await.unwrap();
    assert_fails!(sandbox.read_file("dir/file").await, FileError::NotFound { .. });
    assert_fails!(sandbox.delete_file("dir/file").await, FileError::NotFound { .. });
    assert_fails!(sandbox.delete_file("dir").await, FileError::IsDirectory { .. });
}

pub(super) async fn list_order(sandbox: &dyn AsyncSandbox) {
    for path in ["list/b.txt", "list/a.txt", "list/zoo/x", "list/ark/y", "list/B.txt"] {
        sandbox.write(path, "four").await.unwrap();
    }
    let entries = sandbox.list_directory("list").await.unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, ["ark", "zoo", "B.txt", "a.txt", "b.txt"]);
    assert_eq!(entries.iter().map(|entry| entry.is_dir).collect::<Vec<_>>(), [true, true, false, false, false]);
    assert_eq!(entries.iter().map(|entry| entry.size).collect::<Vec<_>>(), [None, None, Some(4), Some(4), Some(4)]);
    assert!(entries.iter().all(|entry| entry.modified_at_ms.is_some_and(|ms| ms > 1_500_000_000_000)), "{entries:?}");
    assert_eq!(sandbox.list_directory("list/ark").await.unwrap().len(), 1);
    assert!(sandbox.list_directory(".").await.unwrap().iter().any(|entry| entry.name == "list"));
}

pub(super) async fn list_errors(sandbox: &dyn AsyncSandbox) {
    sandbox.write("file", "x").await.unwrap();
    assert_fails!(sandbox.list_directory("nothing").await, FileError::NotFound { .. });
    assert_fails!(sandbox.list_directory("file").await, FileError::NotDirectory { .. });
}

pub(super) async fn upload(sandbox: &dyn AsyncSandbox) {
    let here = std::env::current_exe().expect("a test is a file");
    sandbox.upload_file(&here, "up/loaded").await.unwrap();
    let size = std::fs::metadata(&here).unwrap().len();
    assert_eq!(sandbox.list_directory("up").await.unwrap()[0].size, Some(size));
    let missing = here.join("missing");
    assert_fails!(sandbox.upload_file(&missing, "x").await, FileError::Host { .. });
    assert_fails!(sandbox.read_file("x").await, FileError::NotFound { .. });
}

pub(super) async fn large_content(sandbox: &dyn AsyncSandbox) {
    let content: Bytes = (0..20_000_000_u32).map(|i| ((i >> 8) ^ i) as u8).collect();
    sandbox.write_file("large", content.clone()).await.unwrap();
    assert!(sandbox.read_file("large").await.unwrap() == content, "a large file came back changed");
    sandbox.write_file("large", content.slice(..10)).await.unwrap();
    assert_eq!(sandbox.read_file("large").await.unwrap(), content.slice(..10));
}

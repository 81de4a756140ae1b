//! Which crate may name what.

use super::File;

/// Words that the code below a directory does not use.
struct Boundary {
    inside: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    because: &'static str,
}

const BOUNDARIES: [Boundary; 6] = [
    Boundary {
        inside: "",
        except: &["engine/", "capture/", "benches/", "fuzz/"],
        words: &["wasmtime::", "wasmtime_wasi::", "wiggle::"],
        because: "only the engine and what it captures programs with know the runtime",
    },
    Boundary {
        inside: "host-api/src/",
        except: &[],
        words: &["tokio::", "async_std::", "wasmtime::", "std::thread"],
        because: "host-api names no runtime",
    },
    Boundary {
        inside: "kernel/src/",
        // A mounted directory of the host is reached through cap-std.
        except: &["kernel/src/fs/"],
        words: &["cap_std::"],
        because: "the host's files are reached through mounts alone",
    },
    Boundary {
        inside: "kernel/src/",
        except: &["kernel/src/fs/mount"],
        words: &["std::fs", "std::net", "std::process", "tokio::"],
        because: "the kernel does no I/O on the host except through mounts",
    },
    Boundary {
        inside: "checkpoint/src/",
        except: &["checkpoint/src/format/codec.rs"],
        words: &["bincode::"],
        because: "one module knows the codec",
    },
    Boundary {
        inside: "kernel/src/",
        // A thread of the host that waits does so by the host's clock.
        except: &["kernel/src/clock", "kernel/src/wait"],
        words: &["SystemTime::now", "Instant::now", "rand::", "getrandom::"],
        because: "time and randomness come from the clock alone",
    },
];

/// Returns the lines that name what their crate must not know.
pub fn broken(files: &[File]) -> Vec<String> {
    BOUNDARIES.iter().flat_map(|boundary| files.iter().flat_map(|file| boundary.broken(file))).collect()
}

impl Boundary {
    fn broken(&self, file: &File) -> Vec<String> {
        let inside = file.is_rust() && file.path.starts_with(self.inside);
        // This file has to name the words.
        let excepted = file.path.starts_with("xtask/") || self.except.iter().any(|path| file.path.starts_with(path));
        // Tests may prepare the host's files and compare with the host's clock.
        if !inside
            || excepted
            || file.path.ends_with("/tests.rs")
            || file.path.contains("/tests/") && !self.inside.is_empty()
        {
            return Vec::new();
        }
        let named = |line: &str| self.words.iter().find(|word| names(line, word));
        let lines = file.code().filter_map(|(number, line)| Some((number, named(line)?)));
        lines.map(|(number, word)| format!("{}:{number}: `{word}`: {}", file.path, self.because)).collect()
    }
}

/// Returns whether `line` holds `word`, and not only as the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    let continues = |before: &str| before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(at, _)| !continues(&line[..at]))
}

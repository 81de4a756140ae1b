//! The prompt: reads chunks, runs them, prints their results.

use crate::interpreter::{Error, Interpreter};
use crate::{streams, tell};

/// Runs what is typed until the end of input.
pub fn run(lua: &Interpreter) {
    while let Some(chunk) = read_chunk(lua) {
        let printed = chunk.and_then(|()| lua.call(0)).and_then(|results| {
            if results == 0 {
                return Ok(());
            }
            lua.print(results)
                .map_err(|Error(message)| Error([b"error calling 'print' (", &message[..], b")"].concat()))
        });
        if let Err(error) = printed {
            tell(None, &error);
        }
        lua.clear();
    }
    streams::write(b"\n");
}

/// Loads an expression or a statement, which may have several lines; `None` at the end of input.
fn read_chunk(lua: &Interpreter) -> Option<Result<(), Error>> {
    let mut text = ask(lua, c"_PROMPT", b"> ")?;
    if text.starts_with(b"=") {
        text.splice(..1, *b"return ");
    }
    if lua.load(&[b"return ", &text[..]].concat(), CHUNK).is_ok() {
        return Some(Ok(()));
    }
    loop {
        match lua.load_what_may_go_on(&text, CHUNK) {
            Err((error, true)) => match ask(lua, c"_PROMPT2", b">> ") {
                Some(more) => {
                    text.push(b'\n');
                    text.extend(more);
                }
                None => return Some(Err(error)),
            },
            loaded => return Some(loaded.map_err(|(error, _)| error)),
        }
    }
}

const CHUNK: &std::ffi::CStr = c"=stdin";

fn ask(lua: &Interpreter, global: &std::ffi::CStr, default: &[u8]) -> Option<Vec<u8>> {
    streams::write(&lua.global(global).unwrap_or_else(|| default.to_vec()));
    streams::read_line()
}

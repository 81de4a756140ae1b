//! An interpreter, with what the command does with it: load chunks, run them, tell of errors.

use std::ffi::{CStr, CString, c_int};
use std::{ptr, slice};

use crate::api::{self, State};
use crate::interrupt;

/// An interpreter with Lua's libraries. It is closed when it is dropped.
///
/// Nothing here but what [`call`](Self::call) calls can fail in Lua, except for want of memory, which ends the program.
pub struct Interpreter(*mut State);

/// What went wrong, in Lua's words.
pub struct Error(pub Vec<u8>);

impl Interpreter {
    /// Makes one; `None` if there is not enough memory.
    pub fn new(ignores_environment: bool) -> Option<Self> {
        // SAFETY: the state is valid from here to the end.
        unsafe {
            let state = api::luaL_newstate();
            if state.is_null() {
                return None;
            }
            if ignores_environment {
                // The libraries look for it when they are opened.
                api::lua_pushboolean(state, 1);
                api::lua_setfield(state, api::REGISTRYINDEX, c"LUA_NOENV".as_ptr());
            }
            api::luaL_openlibs(state);
            api::lua_gc(state, api::GCGEN, 0, 0);
            Some(Self(state))
        }
    }

    /// Turns warnings on.
    pub fn warn(&self) {
        // SAFETY: the state is valid, and so is the text.
        unsafe { api::lua_warning(self.0, c"@on".as_ptr(), 0) }
    }

    /// Sets `arg`: `arguments[at]` is number 0, and those before it have negative numbers.
    pub fn set_arguments(&self, arguments: &[Vec<u8>], at: usize) {
        // SAFETY: the state is valid, and there is room for the table and one string.
        unsafe {
            api::lua_createtable(self.0, 0, 0);
            for (index, argument) in arguments.iter().enumerate() {
                self.push(argument);
                api::lua_rawseti(self.0, -2, index as i64 - at as i64);
            }
            api::lua_setglobal(self.0, c"arg".as_ptr());
        }
    }

    /// Pushes what `arg` holds from number 1, and returns how many that are.
    pub fn push_arguments(&self) -> Result<usize, Error> {
        // SAFETY: the state is valid, and there is room for what is pushed.
        unsafe {
            if api::lua_getglobal(self.0, c"arg".as_ptr()) != api::TABLE {
                self.pop(1);
                return Err(Error(b"'arg' is not a table".to_vec()));
            }
            let count = api::lua_rawlen(self.0, -1) as c_int;
            if api::lua_checkstack(self.0, count + 3) == 0 {
                self.pop(1);
                return Err(Error(b"too many arguments to script".to_vec()));
            }
            for index in 1..=count {
                api::lua_rawgeti(self.0, -index, index.into());
            }
            // The table itself goes.
            api::lua_rotate(self.0, -(count + 1), -1);
            self.pop(1);
            Ok(count as usize)
        }
    }

    /// Loads a file, or standard input, and leaves the chunk on the stack.
    pub fn load_file(&self, path: Option<&[u8]>) -> Result<(), Error> {
        let path = path.map(c_string);
        let path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        // SAFETY: the state is valid, and so is the path.
        let status = unsafe { api::luaL_loadfilex(self.0, path, ptr::null()) };
        self.checked(status).map(drop)
    }

    /// Loads a text, and leaves the chunk on the stack.
    pub fn load(&self, text: &[u8], name: &CStr) -> Result<(), Error> {
        self.load_what_may_go_on(text, name).map_err(|incomplete| incomplete.0)
    }

    /// Loads a text as [`load`](Self::load) does. The error also says whether more text could make it right.
    pub fn load_what_may_go_on(&self, text: &[u8], name: &CStr) -> Result<(), (Error, bool)> {
        // SAFETY: the state is valid, and so are the text and the name.
        let status =
            unsafe { api::luaL_loadbufferx(self.0, text.as_ptr().cast(), text.len(), name.as_ptr(), c"t".as_ptr()) };
        let checked = self.checked(status);
        checked.map(drop).map_err(|error| {
            let goes_on = status == api::ERRSYNTAX && error.0.ends_with(b"<eof>");
            (error, goes_on)
        })
    }

    /// Calls the function below so many arguments, which leaves all its results, and returns how many these are.
    pub fn call(&self, arguments: usize) -> Result<usize, Error> {
        let arguments = arguments as c_int;
        // SAFETY: the function and its arguments are on the stack, and there is room for two functions more.
        unsafe {
            let base = api::lua_gettop(self.0) - arguments;
            api::lua_pushcclosure(self.0, with_traceback, 0);
            api::lua_pushcclosure(self.0, command, 0);
            api::lua_rotate(self.0, base, 2);
            interrupt::begin(self.0);
            let status = api::lua_pcallk(self.0, arguments + 1, api::MULTRET, base, 0, ptr::null());
            interrupt::end();
            // The handler goes.
            api::lua_rotate(self.0, base, -1);
            self.pop(1);
            self.checked(status)?;
            Ok((api::lua_gettop(self.0) + 1 - base) as usize)
        }
    }

    /// Calls what is loaded, and drops its results.
    pub fn run(&self, arguments: usize) -> Result<(), Error> {
        let results = self.call(arguments)?;
        self.pop(results);
        Ok(())
    }

    /// Sets a global to what `require` returns for a module.
    pub fn require(&self, module: &[u8], global: &[u8]) -> Result<(), Error> {
        // SAFETY: the state is valid, and the name is a string.
        unsafe {
            api::lua_getglobal(self.0, c"require".as_ptr());
            self.push(module);
            let results = self.call(1)?;
            api::lua_settop(self.0, api::lua_gettop(self.0) + 1 - results as c_int);
            api::lua_setglobal(self.0, c_string(global).as_ptr());
        }
        Ok(())
    }

    /// Has Lua's `print` print the topmost values, which are gone then.
    pub fn print(&self, count: usize) -> Result<(), Error> {
        // SAFETY: the state is valid, and there are so many values.
        unsafe {
            if api::lua_checkstack(self.0, 3) == 0 {
                return Err(Error(b"too many results to print".to_vec()));
            }
            api::lua_getglobal(self.0, c"print".as_ptr());
            api::lua_rotate(self.0, -(count as c_int) - 1, 1);
        }
        self.run(count)
    }

    /// Returns a global, if it is a string or a number.
    pub fn global(&self, name: &CStr) -> Option<Vec<u8>> {
        // SAFETY: the state is valid, and so is the name.
        unsafe {
            api::lua_getglobal(self.0, name.as_ptr());
            let text = text(self.0, -1);
            self.pop(1);
            text
        }
    }

    /// Drops everything on the stack.
    pub fn clear(&self) {
        // SAFETY: the state is valid.
        unsafe { api::lua_settop(self.0, 0) }
    }

    fn push(&self, text: &[u8]) {
        // SAFETY: the state is valid, and so is the text.
        unsafe { api::lua_pushlstring(self.0, text.as_ptr().cast(), text.len()) };
    }

    fn pop(&self, count: usize) {
        // SAFETY: the state is valid, and there are so many values.
        unsafe { api::lua_settop(self.0, -(count as c_int) - 1) }
    }

    /// Takes the message from the stack if the status is an error's.
    fn checked(&self, status: c_int) -> Result<(), Error> {
        if status == api::OK {
            return Ok(());
        }
        // SAFETY: the state is valid, and the message is on the stack.
        let message = unsafe { text(self.0, -1) };
        self.pop(1);
        Err(Error(message.unwrap_or_else(|| b"(error message not a string)".to_vec())))
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        // SAFETY: nobody uses the state any more.
        unsafe { api::lua_close(self.0) }
    }
}

/// Returns the version of Lua, with the copyright, as a command tells it.
pub fn version() -> &'static str {
    // SAFETY: it is a string that never changes.
    let ident = unsafe { CStr::from_ptr((&raw const api::lua_ident).cast()) }.to_str().unwrap_or_default();
    ident.strip_prefix("$LuaVersion: ").and_then(|rest| rest.split(" $").next()).unwrap_or("Lua")
}

/// Returns a value of the stack if it is a string, or a number, which it makes a string.
///
/// # Safety
///
/// The state is valid, and there is a value at the index.
unsafe fn text(state: *mut State, index: c_int) -> Option<Vec<u8>> {
    let mut len = 0;
    // SAFETY: as promised; the text is valid as long as it is on the stack.
    unsafe {
        let text = api::lua_tolstring(state, index, &raw mut len);
        (!text.is_null()).then(|| slice::from_raw_parts(text.cast(), len).to_vec())
    }
}

/// Calls its first argument with the others. It is where a traceback ends, as that of any `lua` does: `[C]: in ?`.
unsafe extern "C-unwind" fn command(state: *mut State) -> c_int {
    // SAFETY: Lua passes its state with the arguments. Nothing in this function is to be dropped.
    unsafe {
        api::lua_callk(state, api::lua_gettop(state) - 1, api::MULTRET, 0, ptr::null());
        api::lua_gettop(state)
    }
}

/// Makes of an error what is told of it: its text with the calls that led to it.
unsafe extern "C-unwind" fn with_traceback(state: *mut State) -> c_int {
    // SAFETY: Lua passes its state with the error as the only value. Nothing in this function is to be dropped.
    unsafe {
        let mut message = api::lua_tolstring(state, 1, ptr::null_mut());
        if message.is_null() {
            if api::luaL_callmeta(state, 1, c"__tostring".as_ptr()) != 0 && api::lua_type(state, -1) == api::STRING {
                return 1;
            }
            let kind = api::lua_typename(state, api::lua_type(state, 1));
            message = api::lua_pushfstring(state, c"(error object is a %s value)".as_ptr(), kind);
        }
        api::luaL_traceback(state, state, message, 1);
    }
    1
}

/// Returns the text up to its first NUL: a C library would see no more of it either.
fn c_string(text: &[u8]) -> CString {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

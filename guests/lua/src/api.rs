//! Lua's C interface, as far as it is used here.

use std::ffi::{c_char, c_int, c_void};

/// An interpreter's state.
#[repr(C)]
pub struct State {
    _opaque: [u8; 0],
}

/// A function for Lua to call. It may be left by an error of Lua's, so it must hold nothing that has to be dropped then.
pub type Function = unsafe extern "C-unwind" fn(*mut State) -> c_int;
/// A function that is called while a script runs.
pub type Hook = unsafe extern "C-unwind" fn(*mut State, *mut c_void);

pub const OK: c_int = 0;
pub const ERRSYNTAX: c_int = 3;
pub const MULTRET: c_int = -1;
pub const TABLE: c_int = 5;
pub const STRING: c_int = 4;
pub const REGISTRYINDEX: c_int = -1_000_000 - 1000;
pub const GCGEN: c_int = 10;
/// Calls, returns, lines and counted instructions.
pub const MASK_ALL: c_int = 0b1111;

unsafe extern "C-unwind" {
    /// A text that holds `$LuaVersion: `, the version with the copyright, and ` $`.
    pub static lua_ident: [c_char; 0];

    pub fn lua_callk(state: *mut State, arguments: c_int, results: c_int, context: isize, continuation: *const c_void);
    pub fn lua_close(state: *mut State);
    pub fn lua_createtable(state: *mut State, array: c_int, record: c_int);
    pub fn lua_gc(state: *mut State, what: c_int, ...) -> c_int;
    pub fn lua_getglobal(state: *mut State, name: *const c_char) -> c_int;
    pub fn lua_gettop(state: *mut State) -> c_int;
    pub fn lua_pcallk(
        state: *mut State,
        arguments: c_int,
        results: c_int,
        handler: c_int,
        context: isize,
        continuation: *const c_void,
    ) -> c_int;
    pub fn lua_pushboolean(state: *mut State, value: c_int);
    pub fn lua_pushcclosure(state: *mut State, function: Function, upvalues: c_int);
    pub fn lua_pushfstring(state: *mut State, format: *const c_char, ...) -> *const c_char;
    pub fn lua_pushlstring(state: *mut State, text: *const c_char, len: usize) -> *const c_char;
    pub fn lua_rawgeti(state: *mut State, index: c_int, key: i64) -> c_int;
    pub fn lua_rawlen(state: *mut State, index: c_int) -> u64;
    pub fn lua_rawseti(state: *mut State, index: c_int, key: i64);
    pub fn lua_rotate(state: *mut State, index: c_int, by: c_int);
    pub fn lua_setfield(state: *mut State, index: c_int, name: *const c_char);
    pub fn lua_setglobal(state: *mut State, name: *const c_char);
    pub fn lua_sethook(state: *mut State, hook: Option<Hook>, mask: c_int, count: c_int);
    pub fn lua_settop(state: *mut State, index: c_int);
    pub fn lua_checkstack(state: *mut State, more: c_int) -> c_int;
    pub fn lua_tolstring(state: *mut State, index: c_int, len: *mut usize) -> *const c_char;
    pub fn lua_type(state: *mut State, index: c_int) -> c_int;
    pub fn lua_typename(state: *mut State, kind: c_int) -> *const c_char;
    pub fn lua_warning(state: *mut State, message: *const c_char, continued: c_int);

    pub fn luaL_callmeta(state: *mut State, index: c_int, event: *const c_char) -> c_int;
    pub fn luaL_error(state: *mut State, format: *const c_char, ...) -> c_int;
    pub fn luaL_loadbufferx(
        state: *mut State,
        text: *const c_char,
        len: usize,
        name: *const c_char,
        mode: *const c_char,
    ) -> c_int;
    pub fn luaL_loadfilex(state: *mut State, file: *const c_char, mode: *const c_char) -> c_int;
    pub fn luaL_newstate() -> *mut State;
    pub fn luaL_openlibs(state: *mut State);
    pub fn luaL_traceback(state: *mut State, of: *mut State, message: *const c_char, level: c_int);
}

//! Running one program in every way there is, and comparing the ends.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_capture::host::{
    Activation, CompiledContinuations, ContinuationSource, ControlWord, Exports, Guest, HostError, Outcome, SavedStack,
    State, Unwinder,
};
use stillbox_capture::{Analysis, CaptureError, Poll};
use wasmtime::{Caller, Config, Engine, Instance, Linker, Module, OptLevel, Store, Trap, TypedFunc};

/// What the host functions of a test know.
pub struct Host {
    pub log: Vec<i32>,
    /// What `read` gives, which depends on all that was read before.
    pub input: i32,
    pub chance: Chance,
    /// One in how many calls of `read` suspends the program; never if 0.
    pub blocks: u64,
    /// One in how many calls of `log` asks the program to suspend itself; never if 0.
    pub asks: u64,
    pub unwinder: Option<Unwinder>,
    pub control: Option<ControlWord>,
}

/// Numbers that look like chance.
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| chance.step());
        chance
    }

    fn step(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.step();
        (self.0 >> 11) % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        n != 0 && self.below(n) == 0
    }
}

/// What a program left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// What it returned, or how it trapped.
    pub result: Result<i64, String>,
    pub log: Vec<i32>,
    pub input: i32,
    /// The exported memories and globals, by name.
    pub memories: Vec<(String, Vec<u8>)>,
    pub globals: Vec<(String, String)>,
}

/// How a program is interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Hops {
    pub seed: u64,
    /// Whether it is suspended at each poll, for the first that many.
    pub polls: u64,
    /// One in how many calls of `log` asks for a suspension.
    pub asks: u64,
    /// One in how many calls of `read` suspends.
    pub blocks: u64,
    /// One in how many resumptions is in a fresh instance.
    pub fresh: u64,
}

pub const EACH_POLL: Hops = Hops { seed: 1, polls: u64::MAX, asks: 0, blocks: 0, fresh: 1 };

/// A guest as plain data.
#[derive(Debug, PartialEq)]
pub struct Saved {
    stack: SavedStack,
    state: State,
    memories: Vec<Vec<u8>>,
}

/// A program in all its forms.
pub struct Program {
    pub engine: Engine,
    pub wasm: Vec<u8>,
    pub plain: Module,
    pub module: Module,
    pub exports: Arc<Exports>,
    pub analysis: Arc<Analysis>,
    pub continuations: Continuations,
}

/// Continuations, each of which was checked to be a valid module.
pub struct Continuations(CompiledContinuations, Mutex<HashMap<u32, u32>>);

impl ContinuationSource for Continuations {
    fn continuation(&self, site: stillbox_capture::Site) -> Result<Module, HostError> {
        *self.1.lock().entry(site.0).or_default() += 1;
        self.0.continuation(site)
    }

    fn held(&self, site: stillbox_capture::Site) -> Option<Module> {
        self.0.held(site)
    }
}

impl Continuations {
    /// Returns how many sites were resumed at.
    pub fn used(&self) -> usize {
        self.1.lock().len()
    }
}

pub fn config(opt: OptLevel) -> Config {
    let mut config = common_config(opt);
    config.wasm_threads(true);
    config
}

/// The configuration of an engine that interprets.
pub fn interpreter_config(opt: OptLevel) -> Config {
    let mut config = common_config(opt);
    config.target("pulley64").expect("the interpreter's target");
    config
}

fn common_config(opt: OptLevel) -> Config {
    let mut config = Config::new();
    config
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_branch_hinting(true)
        .wasm_exceptions(true)
        .wasm_backtrace_max_frames(None)
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20)
        .cranelift_opt_level(opt);
    config
}

/// The one engine for all tests, so that they compile with the same settings.
pub fn engine() -> Engine {
    static ENGINE: std::sync::LazyLock<Engine> =
        std::sync::LazyLock::new(|| Engine::new(&config(OptLevel::Speed)).expect("an engine"));
    ENGINE.clone()
}

/// The one engine for all tests that interpret.
pub fn interpreter() -> Engine {
    static ENGINE: std::sync::LazyLock<Engine> =
        std::sync::LazyLock::new(|| Engine::new(&interpreter_config(OptLevel::Speed)).expect("an engine"));
    ENGINE.clone()
}

/// Returns whether an import of the tests may block.
pub fn is_blocking(module: &str, name: &str) -> bool {
    module == "h" && name == "read"
}

impl Program {
    /// Makes a program of the text of a module, which exports `f` from an i32 to an i64.
    pub fn of_text(text: &str) -> Self {
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        Self::of(wasm, engine()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }

    pub fn of(wasm: Vec<u8>, engine: Engine) -> Result<Self, CaptureError> {
        let plain = Module::new(&engine, &wasm).expect("the plain module compiles");
        let poll = if engine.is_pulley() { Poll::Plain } else { Poll::Atomic };
        let analysis = Arc::new(Analysis::new(wasm.clone(), is_blocking)?.polled_by(poll));
        let module = Module::new(&engine, analysis.rewrite()?).expect("the rewritten module compiles");
        let exports = Arc::new(Exports::of(&module).expect("the rewritten module has its exports"));
        assert!(exports.is_capturable());
        let continuations = CompiledContinuations::new(engine.clone(), analysis.clone());
        let continuations = Continuations(continuations, Mutex::default());
        Ok(Self { engine, wasm, plain, module, exports, analysis, continuations })
    }

    /// Runs the module as it was.
    pub fn plain(&self, argument: i32) -> End {
        let mut store = self.store(&Hops { blocks: 0, asks: 0, ..EACH_POLL });
        let instance = linker(&self.engine).instantiate(&mut store, &self.plain);
        match instance {
            Ok(instance) => {
                let function = entry(&mut store, &instance);
                let result = function.call(&mut store, argument);
                end(&mut store, &self.plain, &instance, result)
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Runs the rewritten module without interrupting it.
    pub fn uninterrupted(&self, argument: i32) -> End {
        self.hops(argument, Hops { polls: 0, asks: 0, blocks: 0, ..EACH_POLL }).0
    }

    /// Runs the rewritten module with interruptions, and returns how many there were.
    pub fn hops(&self, argument: i32, hops: Hops) -> (End, u64) {
        let mut store = self.store(&hops);
        let mut guest = self.guest(&mut store);
        if let Some(start) = guest.start(&mut store).expect("a start function") {
            assert!(matches!(guest.call(&mut store, &start, ()), Ok(Outcome::Returned(()))));
        }
        let mut polls_left = hops.polls;
        let mut count = 0;
        set(&guest, &store, polls_left > 0);
        let function = entry(&mut store, &guest.instance());
        let mut outcome = guest.call(&mut store, &function, argument).map_err(|error| trap(&error));
        while let Ok(Outcome::Unwound) = outcome {
            count += 1;
            let mut stack = guest.take(&mut store).expect("a stack");
            if store.data_mut().chance.one_in(hops.fresh) {
                (store, guest, stack) = self.moved(store, guest, stack);
            }
            polls_left = polls_left.saturating_sub(1);
            set(&guest, &store, polls_left > 0);
            outcome = match guest.resume::<i64>(&mut store, &stack, &self.continuations) {
                Ok(outcome) => Ok(outcome),
                Err(HostError::Runtime(error)) => Err(trap(&error)),
                Err(error) => panic!("{error:?}"),
            };
        }
        let result = outcome.map(|outcome| match outcome {
            Outcome::Returned(value) => value,
            Outcome::Unwound => unreachable!("that was looked at"),
        });
        let end = end_of(&mut store, &self.plain, &guest.instance(), result);
        (end, count)
    }

    /// Moves a suspended guest to a store of its own, by plain data alone.
    pub fn moved(&self, store: Store<Host>, guest: Guest, stack: Activation) -> (Store<Host>, Guest, Activation) {
        let (saved, host) = save(store, &guest, &stack);
        self.load(host, &saved)
    }

    /// Makes a guest of what one was, in a store of its own.
    pub fn load(&self, host: Host, saved: &Saved) -> (Store<Host>, Guest, Activation) {
        let mut store = Store::new(&self.engine, host);
        let guest = self.guest(&mut store);
        for (memory, bytes) in guest.memories(&mut store).expect("memories").iter().zip(&saved.memories) {
            let page = memory.page_size(&store) as usize;
            let missing = (bytes.len() - memory.data_size(&store)) / page;
            memory.grow(&mut store, missing as u64).expect("memory");
            memory.data_mut(&mut store).copy_from_slice(bytes);
        }
        guest.set_state(&mut store, &saved.state).expect("the state of this program");
        let stack = guest.load_stack(&mut store, &saved.stack).expect("the stack of this program");
        (store, guest, stack)
    }

    pub fn store(&self, hops: &Hops) -> Store<Host> {
        let host = Host {
            log: Vec::new(),
            input: 1,
            chance: Chance::new(hops.seed),
            blocks: hops.blocks,
            asks: hops.asks,
            unwinder: None,
            control: None,
        };
        Store::new(&self.engine, host)
    }

    pub fn guest(&self, store: &mut Store<Host>) -> Guest {
        let instance = linker(&self.engine).instantiate(&mut *store, &self.module).expect("an instance");
        let guest = Guest::new(&mut *store, self.exports.clone(), instance).expect("a guest");
        store.data_mut().unwinder = guest.unwinder();
        store.data_mut().control = Some(guest.control(&*store));
        guest
    }

    /// Runs the program in every way, and returns how often it was suspended.
    pub fn check(&self, argument: i32) -> u64 {
        let plain = self.plain(argument);
        assert_eq!(self.uninterrupted(argument), plain, "uninterrupted");
        let mut suspended = 0;
        for (number, hops) in [
            EACH_POLL,
            Hops { seed: 2, fresh: 7, blocks: 2, ..EACH_POLL },
            Hops { seed: 3, polls: 0, asks: 3, blocks: 3, fresh: 2 },
            Hops { seed: 4, polls: 9, asks: 5, blocks: 0, fresh: 1 },
        ]
        .into_iter()
        .enumerate()
        {
            let (end, count) = self.hops(argument, hops);
            assert_eq!(end, plain, "hops {number}");
            suspended += count;
        }
        let interpreted = Self::of(self.wasm.clone(), interpreter()).expect("what was captured before");
        assert_eq!(self.in_step(&interpreted, argument, EACH_POLL), plain, "in step with the interpreter");
        suspended
    }
}

/// Saves a suspended guest, and returns what its host knows besides.
pub fn save(mut store: Store<Host>, guest: &Guest, stack: &Activation) -> (Saved, Host) {
    let stack: SavedStack = guest.save_stack(&mut store, stack).expect("a stack that can be saved");
    let state: State = guest.state(&mut store).expect("a state that can be saved");
    let memories = guest.memories(&mut store).expect("memories");
    let memories: Vec<Vec<u8>> = memories.iter().map(|memory| memory.data(&store).to_vec()).collect();
    let saved = Saved { stack, state, memories };
    (saved, store.into_data())
}

pub fn set(guest: &Guest, store: &Store<Host>, suspend: bool) {
    let control = guest.control(store);
    // SAFETY: the store is here.
    unsafe { if suspend { control.request() } else { control.clear() } }
}

pub fn entry(store: &mut Store<Host>, instance: &Instance) -> TypedFunc<i32, i64> {
    instance.get_typed_func(store, "f").expect("the function f")
}

pub fn trap(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    }
}

fn end(store: &mut Store<Host>, module: &Module, instance: &Instance, result: wasmtime::Result<i64>) -> End {
    end_of(store, module, instance, result.map_err(|error| trap(&error)))
}

/// Looks at what the plain module exports, in an instance of it or of the rewritten one.
pub fn end_of(store: &mut Store<Host>, module: &Module, instance: &Instance, result: Result<i64, String>) -> End {
    let mut memories = Vec::new();
    let mut globals = Vec::new();
    for export in module.exports() {
        if let Some(memory) = instance.get_memory(&mut *store, export.name()) {
            memories.push((export.name().to_owned(), memory.data(&*store).to_vec()));
        }
        if let Some(global) = instance.get_global(&mut *store, export.name()) {
            let value = match global.get(&mut *store) {
                reference if reference.ty(&*store).is_ok_and(|ty| ty.is_ref()) => "a reference".to_owned(),
                value => format!("{value:?}"),
            };
            globals.push((export.name().to_owned(), value));
        }
    }
    let host = store.data();
    End { result, log: host.log.clone(), input: host.input, memories, globals }
}

/// Links what programs may import: `log`, which takes a number, and `read`, which may block.
pub fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("h", "log", |mut caller: Caller<'_, Host>, value: i32| {
            let host = caller.data_mut();
            host.log.push(value);
            let asks = host.asks;
            let (asked, control) = (host.chance.one_in(asks), host.control);
            if let (true, Some(control)) = (asked, control) {
                // SAFETY: the program is running in its store.
                unsafe { control.request() };
            }
        })
        .expect("a new name");
    linker
        .func_wrap("h", "read", |mut caller: Caller<'_, Host>, value: i32| -> wasmtime::Result<i32> {
            let host = caller.data_mut();
            let blocks = host.blocks;
            if let (true, Some(unwinder)) = (host.chance.one_in(blocks), host.unwinder) {
                unwinder.unwind(&mut caller)?;
                return Ok(0x0bad_0bad);
            }
            let host = caller.data_mut();
            host.input = host.input.wrapping_mul(1_103_515_245).wrapping_add(12_345 + value);
            Ok(host.input)
        })
        .expect("a new name");
    linker
}

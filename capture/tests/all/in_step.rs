//! One program as native code and in the interpreter, in step: what is saved of the one is what is saved of the other.

use stillbox_capture::host::{Guest, HostError, Outcome};
use wasmtime::Store;

use crate::harness::{End, Hops, Host, Program, Saved, end_of, entry, save, set, trap};

impl Program {
    /// Runs the program here and, as `other`, elsewhere at the same time, and has them change places at each poll: what is
    /// saved of the one is what is saved of the other, and each goes on with that.
    pub fn in_step(&self, other: &Self, argument: i32, hops: Hops) -> End {
        let mut sides = [self, other].map(|program| Side::start(program, &hops, argument));
        let mut polls_left = hops.polls;
        while sides.iter().all(|side| matches!(side.outcome, Ok(Outcome::Unwound))) {
            polls_left = polls_left.saturating_sub(1);
            let [(here, ours), (there, theirs)] = sides.map(Side::save);
            assert_eq!(here, there, "what is saved of one program at one place");
            sides = [(self, ours, there), (other, theirs, here)]
                .map(|(program, host, saved)| Side::go_on(program, host, &saved, polls_left > 0));
        }
        let [here, there] = sides.map(Side::end);
        assert_eq!(here, there, "the ends of one program");
        here
    }
}

/// A program that runs in step with another.
struct Side<'a> {
    program: &'a Program,
    store: Store<Host>,
    guest: Guest,
    outcome: Result<Outcome<i64>, String>,
}

impl<'a> Side<'a> {
    fn start(program: &'a Program, hops: &Hops, argument: i32) -> Self {
        let mut store = program.store(hops);
        let guest = program.guest(&mut store);
        if let Some(start) = guest.start(&mut store).expect("a start function") {
            assert!(matches!(guest.call(&mut store, &start, ()), Ok(Outcome::Returned(()))));
        }
        set(&guest, &store, hops.polls > 0);
        let function = entry(&mut store, &guest.instance());
        let outcome = guest.call(&mut store, &function, argument).map_err(|error| trap(&error));
        Self { program, store, guest, outcome }
    }

    fn save(mut self) -> (Saved, Host) {
        let stack = self.guest.take(&mut self.store).expect("a stack");
        save(self.store, &self.guest, &stack)
    }

    fn go_on(program: &'a Program, host: Host, saved: &Saved, to_next_poll: bool) -> Self {
        let (mut store, mut guest, stack) = program.load(host, saved);
        set(&guest, &store, to_next_poll);
        let outcome = match guest.resume(&mut store, &stack, &program.continuations) {
            Ok(outcome) => Ok(outcome),
            Err(HostError::Runtime(error)) => Err(trap(&error)),
            Err(error) => panic!("{error:?}"),
        };
        Self { program, store, guest, outcome }
    }

    fn end(mut self) -> End {
        let result = self.outcome.map(|outcome| match outcome {
            Outcome::Returned(value) => value,
            Outcome::Unwound => panic!("one program was suspended where the other was not"),
        });
        end_of(&mut self.store, &self.program.plain, &self.guest.instance(), result)
    }
}

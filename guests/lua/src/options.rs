//! The command line.

/// What the command line asks for.
#[derive(Default)]
pub struct Options {
    /// `-i`: a prompt when all else is done.
    pub interactive: bool,
    /// `-v`.
    pub version: bool,
    /// `-E`.
    pub ignores_environment: bool,
    /// `-e`, `-l` and `-W`, in their order.
    pub actions: Vec<Action>,
    /// The place of the script among the arguments.
    pub script: Option<usize>,
}

/// What is done before the script.
pub enum Action {
    /// Runs a text.
    Run(Vec<u8>),
    /// Requires a module: the name of a global, and that of the module.
    Require(Vec<u8>, Vec<u8>),
    /// Turns warnings on.
    Warn,
}

/// Why a command line can't be understood.
pub enum Mistake {
    NeedsArgument(Vec<u8>),
    Unrecognized(Vec<u8>),
}

impl Options {
    /// Understands the arguments, the first of which is the command itself.
    pub fn parse(arguments: &[Vec<u8>]) -> Result<Self, Mistake> {
        let mut options = Self::default();
        let mut at = 1;
        while let Some(argument) = arguments.get(at) {
            match argument.as_slice() {
                [b'-', b'-'] => {
                    at += 1;
                    break;
                }
                [b'-'] => break,
                b"-i" => (options.interactive, options.version) = (true, true),
                b"-v" => options.version = true,
                b"-E" => options.ignores_environment = true,
                b"-W" => options.actions.push(Action::Warn),
                [b'-', option @ (b'e' | b'l'), rest @ ..] => {
                    let value = if rest.is_empty() {
                        at += 1;
                        arguments.get(at).filter(|value| !value.starts_with(b"-")).cloned()
                    } else {
                        Some(rest.to_vec())
                    };
                    let value = value.ok_or_else(|| Mistake::NeedsArgument(argument.clone()))?;
                    options.actions.push(if *option == b'e' { Action::Run(value) } else { require(&value) });
                }
                [b'-', ..] => return Err(Mistake::Unrecognized(argument.clone())),
                _ => break,
            }
            at += 1;
        }
        options.script = (at < arguments.len()).then_some(at);
        Ok(options)
    }

    /// Returns whether something is run or told before there is a script.
    pub fn does_something(&self) -> bool {
        self.version || self.actions.iter().any(|action| matches!(action, Action::Run(_)))
    }
}

/// Reads `global=module`, or `module`, which is then the global's name as well, up to a `-`.
fn require(value: &[u8]) -> Action {
    match value.iter().position(|byte| *byte == b'=') {
        Some(at) => Action::Require(value[..at].to_vec(), value[at + 1..].to_vec()),
        None => {
            let name = value.split(|byte| *byte == b'-').next().unwrap_or_default();
            Action::Require(name.to_vec(), value.to_vec())
        }
    }
}

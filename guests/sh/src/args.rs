//! The command line of the shell itself.

/// Is what the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// The text after `-c`.
    pub command: Option<String>,
    /// Whether commands come from standard input although there are arguments.
    pub stdin: bool,
    pub interactive: bool,
    pub login: bool,
    /// Options to set: a name, and whether it becomes on.
    pub options: Vec<(OptionName, bool)>,
    pub no_profile: bool,
    pub version: bool,
    /// What follows: the script or `$0`, and the positional parameters.
    pub rest: Vec<String>,
}

/// Is an option by either of its names.
#[derive(Debug, PartialEq, Eq)]
pub enum OptionName {
    Letter(char),
    Long(String),
    Shopt(String),
}

/// Reads the arguments after `argv[0]`.
pub fn parse(arguments: Vec<String>) -> Result<Args, String> {
    let mut args = Args::default();
    let mut wants_command = false;
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next_if(|a| a.starts_with(['-', '+']) && a.len() > 1) {
        match argument.as_str() {
            "--" => break,
            "--login" => args.login = true,
            "--posix" => args.options.push((OptionName::Long("posix".to_owned()), true)),
            "--norc" | "--noprofile" | "--noediting" => args.no_profile = true,
            "--version" => args.version = true,
            long if long.starts_with("--") => return Err(format!("{long}: invalid option")),
            letters => {
                let on = letters.starts_with('-');
                for letter in letters.chars().skip(1) {
                    match letter {
                        'c' => wants_command = true,
                        's' => args.stdin = true,
                        'i' => args.interactive = true,
                        'l' => args.login = true,
                        'o' | 'O' => {
                            let name =
                                arguments.next().ok_or_else(|| format!("-{letter}: option requires an argument"))?;
                            let name = if letter == 'o' { OptionName::Long(name) } else { OptionName::Shopt(name) };
                            args.options.push((name, on));
                        }
                        letter if letter.is_ascii_alphabetic() => args.options.push((OptionName::Letter(letter), on)),
                        _ => return Err(format!("{letters}: invalid option")),
                    }
                }
            }
        }
    }
    // A lone dash ends the options as well.
    arguments.next_if(|a| a == "-");
    if wants_command {
        args.command = Some(arguments.next().ok_or("-c: option requires an argument")?);
    }
    args.rest = arguments.collect();
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Args {
        parse(arguments.iter().map(|a| (*a).to_owned()).collect()).expect("valid arguments")
    }

    #[test]
    fn options_may_share_a_dash_with_c() {
        let args = parsed(&["-euo", "pipefail", "-c", "true", "name", "x"]);
        assert_eq!(args.command.as_deref(), Some("true"));
        assert_eq!(args.rest, ["name", "x"]);
        assert_eq!(args.options.len(), 3);
    }

    #[test]
    fn what_follows_a_script_is_not_an_option() {
        assert_eq!(parsed(&["script", "-e"]).rest, ["script", "-e"]);
        assert!(parse(vec!["-c".to_owned()]).is_err());
    }
}

//! `getopt`: brings a script's options into order.

use std::io::Write;

use stillbox_tools::getopt::{Getopt, Long};
use stillbox_tools::program::{Failure, Outcome, stdout};

const LONG: [Long; 10] = [
    ("alternative", "a"),
    ("longoptions=", "l"),
    ("name=", "n"),
    ("options=", "o"),
    ("quiet", "q"),
    ("quiet-output", "Q"),
    ("shell=", "s"),
    ("test", "T"),
    ("unquoted", "u"),
    ("version", "V"),
];

/// How operands and options may mix, from the first letter of the short options.
#[derive(PartialEq)]
enum Order {
    /// Operands go to the end.
    Permute,
    /// `+`: the first operand ends the options.
    Stop,
    /// `-`: operands stay where they are.
    InPlace,
}

struct Parser {
    short: Vec<char>,
    long: Vec<(String, usize)>,
    order: Order,
    alternative: bool,
    quiet: bool,
    name: String,
    failed: bool,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "+al:n:o:qQs:TuV", &LONG).usage_status(2);
    let (mut short, mut long, mut name) = (None, Vec::new(), "getopt".to_owned());
    let (mut alternative, mut quiet, mut quiet_output, mut unquoted) = (false, false, false, false);
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "a" => alternative = true,
            "l" => {
                for each in value.split([',', ' ', '\t', '\n']).filter(|each| !each.is_empty()) {
                    let bare = each.trim_end_matches(':');
                    long.push((bare.to_owned(), each.len() - bare.len()));
                }
            }
            "n" => name = value,
            "o" => short = Some(value),
            "q" => quiet = true,
            "Q" => quiet_output = true,
            // The exit status that scripts test for, to tell this getopt from older ones.
            "T" => return Ok(4),
            "u" => unquoted = true,
            "V" => {
                writeln!(stdout(), "getopt (stillbox)")?;
                return Ok(0);
            }
            _ => {}
        }
    }
    let mut operands = options.operands();
    let short = match short {
        Some(short) => short,
        None if operands.is_empty() => return Err(Failure::usage(2, "missing optstring argument")),
        // The way of older versions, which knew no quoting.
        None => {
            unquoted = true;
            operands.remove(0)
        }
    };
    if operands.first().is_some_and(|first| first == "--") {
        operands.remove(0);
    }
    let order = match short.chars().next() {
        Some('+') => Order::Stop,
        Some('-') => Order::InPlace,
        _ => Order::Permute,
    };
    let short = short.trim_start_matches(['+', '-']).chars().collect();
    let mut parser = Parser { short, long, order, alternative, quiet, name, failed: false };
    let words = parser.parse(&operands);
    if !quiet_output {
        let mut text = String::new();
        for (word, is_value) in words {
            text.push(' ');
            if is_value && !unquoted {
                text.push_str(&format!("'{}'", word.replace('\'', "'\\''")));
            } else {
                text.push_str(&word);
            }
        }
        writeln!(stdout(), "{text}")?;
    }
    Ok(i32::from(parser.failed))
}

impl Parser {
    /// Returns the words of the result, each with whether it is a value rather than an option's name.
    fn parse(&mut self, args: &[String]) -> Vec<(String, bool)> {
        let mut words = Vec::new();
        let mut rest = Vec::new();
        let mut at = 0;
        while at < args.len() {
            let arg = &args[at];
            at += 1;
            if arg == "--" {
                rest.extend_from_slice(&args[at..]);
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                self.long_option(long, "--", args, &mut at, &mut words);
            } else if arg.len() > 1 && arg.starts_with('-') {
                let name = arg[1..].split('=').next().unwrap_or_default();
                let is_long = self.alternative && self.long.iter().any(|(long, _)| long.starts_with(name));
                if is_long {
                    self.long_option(&arg[1..], "-", args, &mut at, &mut words);
                } else {
                    self.short_options(&arg[1..], args, &mut at, &mut words);
                }
            } else if self.order == Order::Stop {
                rest.extend_from_slice(&args[at - 1..]);
                break;
            } else if self.order == Order::InPlace {
                words.push((arg.clone(), true));
            } else {
                rest.push(arg.clone());
            }
        }
        words.push(("--".into(), false));
        words.extend(rest.into_iter().map(|word| (word, true)));
        words
    }

    fn complain(&mut self, message: String) {
        self.failed = true;
        if !self.quiet {
            // The messages are the script's, not this program's.
            let _ = writeln!(std::io::stderr(), "{}: {message}", self.name);
        }
    }

    fn long_option(
        &mut self,
        text: &str,
        dashes: &str,
        args: &[String],
        at: &mut usize,
        words: &mut Vec<(String, bool)>,
    ) {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
        let exact = self.long.iter().find(|(long, _)| long == name);
        let candidates: Vec<&(String, usize)> = match exact {
            Some(exact) => vec![exact],
            None => self.long.iter().filter(|(long, _)| long.starts_with(name)).collect(),
        };
        let (long, colons) = match candidates.as_slice() {
            [] => return self.complain(format!("unrecognized option '{dashes}{name}'")),
            [one] => (*one).clone(),
            several => {
                let names: String = several.iter().map(|(long, _)| format!(" '{dashes}{long}'")).collect();
                return self.complain(format!("option '{dashes}{name}' is ambiguous; possibilities:{names}"));
            }
        };
        match (colons, value) {
            (0, Some(_)) => self.complain(format!("option '{dashes}{long}' doesn't allow an argument")),
            (0, None) => words.push((format!("--{long}"), false)),
            (1, None) if *at >= args.len() => self.complain(format!("option '{dashes}{long}' requires an argument")),
            (1, None) => {
                words.extend([(format!("--{long}"), false), (args[*at].clone(), true)]);
                *at += 1;
            }
            (_, value) => words.extend([(format!("--{long}"), false), (value.unwrap_or_default(), true)]),
        }
    }

    fn short_options(&mut self, cluster: &str, args: &[String], at: &mut usize, words: &mut Vec<(String, bool)>) {
        let mut rest = cluster.chars();
        while let Some(letter) = rest.next() {
            let position = self.short.iter().position(|each| *each == letter && letter != ':');
            let Some(position) = position else {
                self.complain(format!("invalid option -- '{letter}'"));
                continue;
            };
            let colons = self.short[position + 1..].iter().take(2).take_while(|each| **each == ':').count();
            let option = (format!("-{letter}"), false);
            if colons == 0 {
                words.push(option);
                continue;
            }
            let attached = rest.as_str().to_owned();
            if !attached.is_empty() || colons == 2 {
                words.extend([option, (attached, true)]);
            } else if *at < args.len() {
                words.extend([option, (args[*at].clone(), true)]);
                *at += 1;
            } else {
                self.complain(format!("option requires an argument -- '{letter}'"));
            }
            return;
        }
    }
}

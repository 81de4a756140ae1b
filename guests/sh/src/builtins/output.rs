//! `echo`.

use crate::escape::{self, Style};
use crate::shell::{Flow, Shell};

pub fn echo(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (mut newline, mut escapes) = (true, shell.shopts.xpg_echo);
    let mut rest = &arguments[1..];
    while let Some(first) = rest.first() {
        let is_option = first.len() > 1 && first.starts_with('-') && first[1..].chars().all(|c| "neE".contains(c));
        if !is_option {
            break;
        }
        for letter in first[1..].chars() {
            match letter {
                'n' => newline = false,
                'e' => escapes = true,
                _ => escapes = false,
            }
        }
        rest = &rest[1..];
    }
    let mut text = rest.join(" ");
    if escapes {
        let (expanded, stopped) = escape::expand(&text, Style::Echo);
        text = expanded;
        newline &= !stopped;
    }
    if newline {
        text.push('\n');
    }
    Ok(shell.print(&text))
}

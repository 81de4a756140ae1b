//! `id`, `whoami`, `groups`, `logname` and `users`: the single user of a sandbox, from `/etc/passwd` where there is one.

use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, stdout};

struct User {
    name: String,
    id: u32,
    group: u32,
}

fn current() -> u32 {
    #[cfg(unix)]
    // SAFETY: geteuid has no preconditions and cannot fail.
    return unsafe { libc::geteuid() };
    #[cfg(not(unix))]
    0
}

/// Returns the users that `/etc/passwd` lists, and root in any case.
fn users() -> Vec<User> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users: Vec<User> = text
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let (id, group) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
            Some(User { name: fields[0].to_owned(), id, group })
        })
        .collect();
    if !users.iter().any(|user| user.id == 0) {
        users.push(User { name: "root".into(), id: 0, group: 0 });
    }
    users
}

/// Returns the name of a user, or the number as text.
pub fn user_name(id: u32) -> String {
    users().into_iter().find(|user| user.id == id).map_or_else(|| id.to_string(), |user| user.name)
}

/// Returns the name of a group, or the number as text.
pub fn group_name(id: u32) -> String {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(id)).then(|| fields[0].to_owned())
    });
    match found {
        Some(name) => name,
        None if id == 0 => "root".into(),
        None => id.to_string(),
    }
}

/// Returns the groups that list the user as a member, the primary one first.
fn groups_of(user: &User) -> Vec<u32> {
    let mut groups = vec![user.group];
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let member = fields.get(3).is_some_and(|members| members.split(',').any(|name| name == user.name));
        if let (true, Some(Ok(id))) = (member, fields.get(2).map(|id| id.parse()))
            && !groups.contains(&id)
        {
            groups.push(id);
        }
    }
    groups
}

fn find(name: Option<&String>) -> Result<User, Failure> {
    let all = users();
    match name {
        None => {
            let id = current();
            let found = all.into_iter().find(|user| user.id == id);
            Ok(found.unwrap_or_else(|| User { name: id.to_string(), id, group: id }))
        }
        Some(name) => all
            .into_iter()
            .find(|user| user.name == *name || user.id.to_string() == *name)
            .ok_or_else(|| Failure::new(1, format_args!("'{name}': no such user"))),
    }
}

pub fn id(args: &[String]) -> Outcome {
    let long = [("user", "u"), ("group", "g"), ("groups", "G"), ("name", "n"), ("real", "r"), ("zero", "z")];
    let mut options = Getopt::new(args, "ugGnraz", &long);
    let (mut what, mut names, mut real, mut zero) = (None, false, false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "n" => names = true,
            "r" => real = true,
            "z" => zero = true,
            "a" => {}
            _ if what.is_some_and(|what| what != key) => {
                return Err(Failure::new(1, "cannot print \"only\" of more than one choice"));
            }
            key => what = Some(key),
        }
    }
    if what.is_none() && (names || real) {
        return Err(Failure::new(1, "printing only names or real IDs requires -u, -g, or -G"));
    }
    let user = find(options.operands().first())?;
    let groups = groups_of(&user);
    let show = |id: u32, name: fn(u32) -> String| if names { name(id) } else { id.to_string() };
    let separator = if zero { "\0" } else { " " };
    let text = match what {
        Some("u") => show(user.id, user_name),
        Some("g") => show(user.group, group_name),
        Some(_) => groups.iter().map(|group| show(*group, group_name)).collect::<Vec<_>>().join(separator),
        None => {
            let listed = groups.iter().map(|group| format!("{group}({})", group_name(*group)));
            let listed = listed.collect::<Vec<_>>().join(",");
            format!("uid={}({}) gid={}({}) groups={listed}", user.id, user.name, user.group, group_name(user.group))
        }
    };
    let mut out = stdout();
    write!(out, "{text}{}", if zero { '\0' } else { '\n' })?;
    out.flush()?;
    Ok(0)
}

pub fn whoami(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "", &[]);
    while options.next_option()?.is_some() {}
    if let Some(extra) = options.operands().first() {
        return Err(Failure::usage(1, format_args!("extra operand '{extra}'")));
    }
    writeln!(stdout(), "{}", user_name(current()))?;
    Ok(0)
}

pub fn groups(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "", &[]);
    while options.next_option()?.is_some() {}
    let names = options.operands();
    let list = |user: &User| groups_of(user).iter().map(|id| group_name(*id)).collect::<Vec<_>>().join(" ");
    let mut out = stdout();
    if names.is_empty() {
        writeln!(out, "{}", list(&find(None)?))?;
    }
    for name in &names {
        writeln!(out, "{name} : {}", list(&find(Some(name))?))?;
    }
    out.flush()?;
    Ok(0)
}

/// Returns the number of a user or group that is written as a name or digits.
pub fn parse_user(text: &str) -> Option<u32> {
    let known = users().into_iter().find(|user| user.name == text).map(|user| user.id);
    known.or_else(|| text.parse().ok())
}

/// Returns the number of a group that is written as a name or digits.
pub fn parse_group(text: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let known = groups.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields[0] == text).then(|| fields.get(2)?.parse().ok())?
    });
    known.or_else(|| if text == "root" { Some(0) } else { text.parse().ok() })
}

//! The builtins that jaq leaves out, or that differ from jq's.

use std::io::{self, Write};
use std::rc::Rc;

use jaq_core::native::{self, Fun, bome, v};
use jaq_core::{Error, load};
use jaq_json::Val;
use jaq_std::input;

use super::write::compact;
use super::{DataKind, paths};

/// Returns the builtins that are written in jq itself. They come after jaq's and hide them.
pub fn defs() -> impl Iterator<Item = load::parse::Def<&'static str>> {
    let parsed = load::parse(include_str!("builtins.jq"), |parser| parser.defs());
    parsed.expect("the builtins parse, which a test makes sure of").into_iter()
}

/// Returns the builtins that are written in Rust, jaq's and these.
pub fn funs() -> impl Iterator<Item = Fun<DataKind>> {
    let own: [(&'static str, _, jaq_core::RunPtr<DataKind>); 9] = [
        ("tojson", v(0), |(_, value)| bome(Ok(Val::utf8_str(compact(&value))))),
        ("tostring", v(0), |(_, value)| {
            bome(Ok(match value {
                Val::TStr(_) => value,
                other => Val::utf8_str(compact(&other)),
            }))
        }),
        ("stderr_empty", v(0), |(_, value)| {
            let _ = io::stderr().write_all(compact(&value).as_bytes());
            Box::new(std::iter::empty())
        }),
        ("debug_empty", v(0), |(_, value)| {
            let _ = writeln!(io::stderr(), "[\"DEBUG:\",{}]", compact(&value));
            Box::new(std::iter::empty())
        }),
        ("halt_message", v(0), |(_, value)| {
            let _ = match &value {
                Val::TStr(text) => io::stderr().write_all(text),
                other => writeln!(io::stderr(), "{}", compact(other)),
            };
            Box::new(std::iter::empty())
        }),
        ("input_filename", v(0), |cv| {
            let name = super::file_of(&cv.0).map_or(Val::Null, |name| Val::utf8_str(name.to_owned()));
            bome(Ok(name))
        }),
        ("set_at", v(2), |mut cv| {
            let (new, path) = (cv.0.pop_var(), cv.0.pop_var());
            bome(items(path).and_then(|path| paths::set(cv.1, &path, new)))
        }),
        ("delete_at", v(1), |mut cv| {
            let list = cv.0.pop_var();
            bome(items(list).and_then(|list| paths::delete(cv.1, list.to_vec())))
        }),
        ("environment", v(0), |_| {
            let text = |text: std::ffi::OsString| Val::utf8_str(text.to_string_lossy().into_owned());
            bome(Ok(Val::obj(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())))
        }),
    ];
    let replaced = ["tojson", "stderr_empty", "debug_empty"];
    let theirs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let theirs = theirs.filter(move |(name, args, _)| !(replaced.contains(name) && args.is_empty()));
    let inputs = input::funs::<DataKind>().into_vec().into_iter().map(native::run::<DataKind>);
    theirs.chain(inputs).chain(own.map(native::run::<DataKind>))
}

fn items(value: Val) -> Result<Rc<Vec<Val>>, Error<Val>> {
    match value {
        Val::Arr(items) => Ok(items),
        _ => Err(Error::str("Path must be specified as an array")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn builtins_parse() {
        assert!(super::defs().count() > 10);
    }
}

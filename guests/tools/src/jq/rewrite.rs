//! Where jaq means something else than jq, the parsed filter is rewritten to calls of `builtins.jq`:
//!
//! - Updates go through paths when jaq's own way fails, as `{} | .a.b = 1` does: jaq does not make what is missing.
//! - Strings with values in them go through `@text`, since jaq writes numbers in them otherwise than jq.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

type T<'s> = Term<&'s str>;

/// Returns the filter rewritten.
pub fn rewrite(term: T<'_>) -> T<'_> {
    match term {
        Term::BinOp(left, op, right) => binary(rewrite(*left), op, rewrite(*right)),
        Term::Str(format, parts) => {
            let interpolates = parts.iter().any(|part| matches!(part, StrPart::Term(_)));
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(term) => StrPart::Term(rewrite(term)),
                other => other,
            });
            Term::Str(format.or(interpolates.then_some("@text")), parts.collect())
        }
        Term::Arr(inner) => Term::Arr(inner.map(boxed)),
        Term::Obj(entries) => {
            Term::Obj(entries.into_iter().map(|(key, value)| (rewrite(key), value.map(rewrite))).collect())
        }
        Term::Neg(inner) => Term::Neg(boxed(inner)),
        Term::Label(name, inner) => Term::Label(name, boxed(inner)),
        Term::Fold(name, source, pattern, args) => {
            Term::Fold(name, boxed(source), pattern, args.into_iter().map(rewrite).collect())
        }
        Term::TryCatch(inner, handler) => Term::TryCatch(boxed(inner), handler.map(boxed)),
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches.into_iter().map(|(condition, then)| (rewrite(condition), rewrite(then)));
            Term::IfThenElse(branches.collect(), otherwise.map(boxed))
        }
        Term::Def(defs, inner) => {
            let defs = defs.into_iter().map(|def| Def { name: def.name, args: def.args, body: rewrite(def.body) });
            Term::Def(defs.collect(), boxed(inner))
        }
        Term::Call(name, args) => Term::Call(name, args.into_iter().map(rewrite).collect()),
        Term::Path(inner, Path(parts)) => {
            let parts = parts.into_iter().map(|(part, optional)| {
                let part = match part {
                    Part::Index(index) => Part::Index(rewrite(index)),
                    Part::Range(from, to) => Part::Range(from.map(rewrite), to.map(rewrite)),
                };
                (part, optional)
            });
            Term::Path(boxed(inner), Path(parts.collect()))
        }
        simple @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => simple,
    }
}

#[expect(clippy::boxed_local, reason = "the parts of a term are boxed, before and after")]
fn boxed(term: Box<T<'_>>) -> Box<T<'_>> {
    Box::new(rewrite(*term))
}

fn binary<'s>(left: T<'s>, op: BinaryOp<&'s str>, right: T<'s>) -> T<'s> {
    let name = match &op {
        BinaryOp::Assign => "assign_or",
        BinaryOp::Update => "update_or",
        BinaryOp::UpdateAlt => "update_alternative_or",
        BinaryOp::UpdateMath(Math::Add) => "update_add_or",
        BinaryOp::UpdateMath(Math::Sub) => "update_subtract_or",
        BinaryOp::UpdateMath(Math::Mul) => "update_multiply_or",
        BinaryOp::UpdateMath(Math::Div) => "update_divide_or",
        BinaryOp::UpdateMath(Math::Rem) => "update_remainder_or",
        _ => return Term::BinOp(Box::new(left), op, Box::new(right)),
    };
    let own = Term::BinOp(Box::new(left.clone()), op, Box::new(right.clone()));
    Term::Call(name, vec![own, left, right])
}

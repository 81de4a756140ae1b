use super::ast::{Expr, Op, Place, Stmt};
use super::parser::parse;

/// Returns the first statement of the first BEGIN of `source`.
fn statement(source: &str) -> Stmt {
    let mut program = parse(source.as_bytes()).unwrap_or_else(|message| panic!("{source}: {message}"));
    match program.begin.remove(0) {
        Stmt::Block(mut body) => body.remove(0),
        other => panic!("{other:?} is no block"),
    }
}

fn expression(source: &str) -> Expr {
    match statement(&format!("BEGIN {{ {source} }}")) {
        Stmt::Expr(expr) => expr,
        other => panic!("{other:?} is no expression"),
    }
}

#[test]
fn signs_bind_less_than_powers() {
    assert!(matches!(expression("-2^2"), Expr::Negate(inner) if matches!(*inner, Expr::Binary(Op::Pow, ..))));
    assert!(matches!(expression("2^-3"), Expr::Binary(Op::Pow, _, exponent) if matches!(*exponent, Expr::Negate(_))));
    assert!(matches!(expression("2^3^2"), Expr::Binary(Op::Pow, base, _) if matches!(*base, Expr::Number(2.0))));
}

#[test]
fn a_slash_is_a_division_after_an_operand() {
    assert!(matches!(expression("a / b / c"), Expr::Binary(Op::Div, ..)));
    assert!(matches!(expression("a[1] / 2"), Expr::Binary(Op::Div, ..)));
    assert!(matches!(expression("/a b/"), Expr::Regex(_)));
    assert!(matches!(expression("x ~ /[/]/"), Expr::Match { .. }));
}

#[test]
fn a_minus_between_operands_subtracts() {
    assert!(matches!(expression("a -1"), Expr::Binary(Op::Sub, ..)));
    assert!(matches!(expression("a \" \" -1"), Expr::Concat(parts) if parts.len() == 2));
}

#[test]
fn a_field_s_index_ends_at_once() {
    assert!(
        matches!(expression("$NF-1"), Expr::Binary(Op::Sub, left, _) if matches!(*left, Expr::Place(Place::Field(_))))
    );
    assert!(matches!(expression("$i++"), Expr::Step { place: Place::Field(_), prefix: false, .. }));
    assert!(matches!(expression("$++i"), Expr::Place(Place::Field(index)) if matches!(*index, Expr::Step { .. })));
}

#[test]
fn a_greater_than_in_print_redirects() {
    assert!(matches!(statement("BEGIN { print 1 > 2 }"), Stmt::Print(_, Some(_))));
    assert!(matches!(statement("BEGIN { print (1 > 2) }"), Stmt::Print(_, None)));
    assert!(matches!(statement("BEGIN { print (1)(2) > \"x\" }"), Stmt::Print(values, Some(_)) if values.len() == 1));
    assert!(matches!(statement("BEGIN { print (1, 2) > \"x\" }"), Stmt::Print(values, Some(_)) if values.len() == 2));
    assert!(matches!(statement("BEGIN { print 1 in a }"), Stmt::Print(_, None)));
}

#[test]
fn getline_takes_what_belongs_to_it() {
    assert!(matches!(expression("\"a\" \"b\" | getline x"), Expr::Getline(super::ast::Source::Command(_), Some(_))));
    assert!(matches!(expression("getline line < \"f\""), Expr::Getline(super::ast::Source::File(_), Some(_))));
    assert!(matches!(expression("(getline line) > 0"), Expr::Compare(..)));
    assert!(matches!(expression("\"c\" | getline > 0"), Expr::Compare(..)));
}

#[test]
fn array_parameters_are_found_through_calls() {
    let program = parse(b"function f(a, n) { g(a) } function g(b) { b[1] = 1 } BEGIN { f(x, 1) }").unwrap_or_default();
    assert_eq!(program.functions[0].arrays, [true, false]);
    assert_eq!(program.functions[1].arrays, [true]);
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (source, line) in
        [("{ print", 1), ("BEGIN {\n x = = 1 }", 2), ("BEGIN { f(1) }", 1), ("\n\"abc", 2), ("/abc", 1)]
    {
        let message = parse(source.as_bytes()).err().unwrap_or_default();
        assert!(message.starts_with(&format!("source line {line}:")), "{source:?}: {message}");
    }
    assert!(parse("(".repeat(100_000).as_bytes()).is_err());
    assert!(parse(format!("BEGIN {{ {} }}", "!".repeat(100_000)).as_bytes()).is_err());
}

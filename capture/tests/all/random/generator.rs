//! Programs by chance: they end, they touch everything, and what they do depends on all they did before.

use std::fmt::Write;

use crate::harness::Chance;

/// A type of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
}

const TYPES: [Ty; 5] = [Ty::I32, Ty::I64, Ty::F32, Ty::F64, Ty::V128];

impl Ty {
    fn name(self) -> &'static str {
        ["i32", "i64", "f32", "f64", "v128"][self as usize]
    }

    fn constant(self, value: i64) -> String {
        match self {
            Self::V128 => format!("(v128.const i64x2 {value} {})", value * 3 - 1),
            other => format!("({}.const {value})", other.name()),
        }
    }

    /// Turns an i64 into a value of this type; floats stay small enough to be exact.
    fn of_i64(self, expression: &str) -> String {
        match self {
            Self::I32 => format!("(i32.wrap_i64 {expression})"),
            Self::I64 => expression.to_owned(),
            Self::F32 => format!("(f32.convert_i64_s (i64.and {expression} (i64.const 255)))"),
            Self::F64 => format!("(f64.convert_i64_s (i64.and {expression} (i64.const 65535)))"),
            Self::V128 => format!("(i64x2.splat {expression})"),
        }
    }

    fn to_i64(self, expression: &str) -> String {
        match self {
            Self::I32 => format!("(i64.extend_i32_s {expression})"),
            Self::I64 => expression.to_owned(),
            Self::F32 => format!("(i64.trunc_sat_f32_s {expression})"),
            Self::F64 => format!("(i64.trunc_sat_f64_s {expression})"),
            Self::V128 => format!("(i64x2.extract_lane 1 {expression})"),
        }
    }

    fn add(self, left: &str, right: &str) -> String {
        let operator = match self {
            Self::V128 => "i64x2.add".to_owned(),
            other => format!("{}.add", other.name()),
        };
        format!("({operator} {left} {right})")
    }
}

/// A function's type.
#[derive(Clone)]
struct Signature {
    parameters: Vec<Ty>,
    results: Vec<Ty>,
}

impl Signature {
    fn text(&self) -> String {
        let part =
            |word, types: &[Ty]| types.iter().fold(String::new(), |all, ty| format!("{all} ({word} {})", ty.name()));
        part("param", &self.parameters) + &part("result", &self.results)
    }
}

/// Returns the text of a module that exports `f` from an i32 to an i64.
pub fn program(seed: u64) -> String {
    let mut chance = Chance::new(seed);
    let mut signatures = vec![Signature { parameters: vec![Ty::I32], results: vec![Ty::I64] }];
    for _ in 0..2 + chance.below(4) {
        let mut types = |most| (0..chance.below(most)).map(|_| TYPES[chance.below(5) as usize]).collect();
        signatures.push(Signature { parameters: types(4), results: types(4) });
    }
    let mut text = String::from(
        r#"(module
  (import "h" "log" (func $log (param i32))) (import "h" "read" (func $read (param i32) (result i32)))
  (memory (export "m") 1) (memory $other (export "o") 1 3)
  (global $g0 (export "g0") (mut i64) (i64.const 1)) (global $g1 (export "g1") (mut f64) (f64.const 2))
  (global $deep (mut i32) (i32.const 0)) (global $fuel (mut i32) (i32.const 400))
  (tag $t (param i32)) (tag $u (param i64 f64))
"#,
    );
    let names: String = (0..signatures.len()).map(|function| format!(" $f{function}")).collect();
    let _ = writeln!(text, "  (table $table {} funcref) (elem (i32.const 0){names})", signatures.len());
    let _ = writeln!(text, "  (table $moves 2 funcref) (elem declare func $f1)");
    for function in 0..signatures.len() {
        text += &Writer::new(&mut chance, &signatures, function).function();
    }
    text + ")"
}

struct Writer<'a> {
    chance: &'a mut Chance,
    signatures: &'a [Signature],
    function: usize,
    locals: Vec<Ty>,
    counters: usize,
    /// The types of the blocks around, the innermost last; loops are not branched to but by their own code.
    labels: Vec<Label>,
    loops: u32,
    budget: i32,
}

#[derive(Clone)]
enum Label {
    Block(Option<Ty>),
    Other,
}

impl<'a> Writer<'a> {
    fn new(chance: &'a mut Chance, signatures: &'a [Signature], function: usize) -> Self {
        let mut locals = signatures[function].parameters.clone();
        locals.extend(TYPES.iter().chain(&TYPES));
        Self { chance, signatures, function, locals, counters: 0, labels: Vec::new(), loops: 0, budget: 0 }
    }

    fn function(mut self) -> String {
        let signature = self.signatures[self.function].clone();
        let mut body = String::new();
        for _ in 0..4 {
            self.budget = 40;
            body += &self.statement(4);
        }
        if self.chance.one_in(2) {
            body += &self.recursion(&signature);
        }
        for &result in &signature.results {
            self.budget = 20;
            body += &self.expression(result, 3);
        }
        let export = if self.function == 0 { "(export \"f\")" } else { "" };
        let locals: String =
            self.locals[signature.parameters.len()..].iter().map(|ty| format!(" (local {})", ty.name())).collect();
        let counters: String = (0..self.counters).map(|counter| format!(" (local $c{counter} i32)")).collect();
        format!("  (func $f{} {export}{}{locals}{counters}\n{body})\n", self.function, signature.text())
    }

    /// Calls the function itself, some levels deep.
    fn recursion(&mut self, signature: &Signature) -> String {
        self.budget = 20;
        let arguments: String = signature.parameters.iter().map(|ty| self.expression(*ty, 1)).collect();
        let drops = "(drop)".repeat(signature.results.len());
        format!(
            "(if (i32.lt_s (global.get $deep) (i32.const 3)) (then
               (global.set $deep (i32.add (global.get $deep) (i32.const 1)))
               (call $f{} {arguments}) {drops}
               (global.set $deep (i32.sub (global.get $deep) (i32.const 1)))))\n",
            self.function
        )
    }

    fn local_of(&mut self, ty: Ty) -> usize {
        let of_type: Vec<usize> = (0..self.locals.len()).filter(|local| self.locals[*local] == ty).collect();
        of_type[self.chance.below(of_type.len() as u64) as usize]
    }

    /// Returns code that leaves one value of a type.
    fn expression(&mut self, ty: Ty, depth: u32) -> String {
        self.budget -= 1;
        let deeper = depth.saturating_sub(1);
        match if depth == 0 || self.budget < 0 { self.chance.below(3) } else { self.chance.below(13) } {
            0 => ty.constant(self.chance.below(9) as i64 - 4),
            1 | 2 => format!("(local.get {})", self.local_of(ty)),
            3 | 4 => {
                let (left, right) = (self.expression(ty, deeper), self.expression(ty, deeper));
                ty.add(&left, &right)
            }
            5 => {
                let from = TYPES[self.chance.below(5) as usize];
                let value = self.expression(from, deeper);
                ty.of_i64(&from.to_i64(&value))
            }
            6 | 7 => self.call(Some(ty), deeper),
            8 => {
                let condition = self.expression(Ty::I32, deeper);
                let (then, otherwise) = (self.block_body(Some(ty), deeper), self.block_body(Some(ty), deeper));
                format!("(if (result {}) {condition} (then {then}) (else {otherwise}))", ty.name())
            }
            9 => format!("(block (result {}) {})", ty.name(), self.block_body(Some(ty), deeper)),
            10 => {
                let value = self.expression(ty, deeper);
                format!("(local.tee {} {value})", self.local_of(ty))
            }
            11 => {
                let value = self.expression(Ty::I32, deeper);
                ty.of_i64(&format!("(i64.extend_i32_s (call $read {value}))"))
            }
            _ => {
                let at = self.chance.below(60) * 8;
                ty.of_i64(&format!("(i64.load {} (i32.const {at}))", ["", "$other"][self.chance.below(2) as usize]))
            }
        }
    }

    /// Returns the body of a block that can be branched to.
    fn block_body(&mut self, ty: Option<Ty>, depth: u32) -> String {
        self.labels.push(Label::Block(ty));
        let mut body = self.statements(depth);
        if let Some(ty) = ty {
            body += &self.expression(ty, depth);
        }
        self.labels.pop();
        body
    }

    /// Calls a function that comes later, such that there is an end.
    fn call(&mut self, wanted: Option<Ty>, depth: u32) -> String {
        let later = self.function + 1..self.signatures.len();
        let fits = |function: &usize| wanted.is_none_or(|ty| self.signatures[*function].results.last() == Some(&ty));
        let candidates: Vec<usize> = later.filter(fits).collect();
        if candidates.is_empty() || self.loops > 2 {
            return wanted.map_or(String::new(), |ty| ty.constant(2));
        }
        let callee = candidates[self.chance.below(candidates.len() as u64) as usize];
        let signature = self.signatures[callee].clone();
        let arguments: String = signature.parameters.iter().map(|ty| self.expression(*ty, depth)).collect();
        let call = match self.chance.below(3) {
            0 => format!("(call_indirect $table{} {arguments} (i32.const {callee}))", signature.text()),
            _ => format!("(call $f{callee} {arguments})"),
        };
        let Some(ty) = wanted else { return format!("{call}{}", "(drop)".repeat(signature.results.len())) };
        let local = self.local_of(ty);
        let drops = "(drop)".repeat(signature.results.len() - 1);
        format!("(block (result {}) {call} (local.set {local}) {drops} (local.get {local}))", ty.name())
    }

    fn statements(&mut self, depth: u32) -> String {
        let count = self.chance.below(3);
        (0..count).map(|_| if self.budget < 0 { String::new() } else { self.statement(depth) }).collect()
    }

    fn statement(&mut self, depth: u32) -> String {
        self.budget -= 1;
        let deeper = depth.saturating_sub(1);
        let code = match self.chance.below(if depth == 0 { 6 } else { 18 }) {
            0 | 1 => {
                let local = self.chance.below(self.locals.len() as u64) as usize;
                let value = self.expression(self.locals[local], deeper);
                format!("(local.set {local} {value})")
            }
            2 => format!("(call $log {})", self.expression(Ty::I32, deeper)),
            3 => self.store(deeper),
            4 => {
                let value = self.expression(Ty::I64, deeper);
                format!("(global.set $g0 (i64.add (i64.rotl (global.get $g0) (i64.const 5)) {value}))")
            }
            5 => {
                let value = self.expression(Ty::I64, deeper);
                format!("(global.set $g1 (f64.convert_i64_s (i64.and {value} (i64.const 4095))))")
            }
            6..=8 => self.a_loop(deeper),
            9 => {
                let condition = self.expression(Ty::I32, deeper);
                let (then, otherwise) = (self.block_body(None, deeper), self.block_body(None, deeper));
                let otherwise = if self.chance.one_in(2) { String::new() } else { format!("(else {otherwise})") };
                format!("(if {condition} (then {then}) {otherwise})")
            }
            10 => {
                self.labels.push(Label::Block(None));
                let body = self.statements(deeper) + &self.branch(deeper) + &self.statements(deeper);
                self.labels.pop();
                format!("(block {body})")
            }
            11 => self.branch(deeper),
            12 => self.call(None, deeper),
            13 => self.switch(deeper),
            14 | 15 => self.attempt(deeper),
            16 => self.bulk(deeper),
            _ => self.moving_reference(deeper),
        };
        code + "\n"
    }

    fn store(&mut self, depth: u32) -> String {
        let memory = ["", "$other"][self.chance.below(2) as usize];
        let (at, value) = (self.chance.below(60) * 8, self.expression(Ty::I64, depth));
        format!("(i64.store {memory} (i32.const {at}) (i64.add (i64.load {memory} (i32.const {at})) {value}))")
    }

    /// A loop with a counter of its own, with or without a parameter.
    fn a_loop(&mut self, depth: u32) -> String {
        if self.loops >= 3 {
            return String::new();
        }
        let counter = format!("$c{}", self.counters);
        self.counters += 1;
        self.loops += 1;
        let rounds = 1 + self.chance.below(4);
        let again = format!(
            "(br_if {counter} (i32.and (i32.gt_s (global.get $fuel) (i32.const 0))
              (i32.lt_u (local.tee {counter} (i32.add (local.get {counter}) (i32.const 1))) (i32.const {rounds}))))"
        );
        let fuel = "(global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))";
        let code = if self.chance.one_in(2) {
            let ty = TYPES[self.chance.below(5) as usize];
            let (start, below) = (self.expression(ty, depth), self.expression(ty, depth));
            self.labels.push(Label::Other);
            let body = self.statements(depth);
            let value = self.expression(ty, depth);
            self.labels.pop();
            let local = self.local_of(ty);
            let add = ty.add("", "");
            format!(
                "(local.set {counter} (i32.const 0)) {below} {start}
                 (loop {counter} (param {name}) (result {name}) {fuel} {body} {value} {add} {again}) {add} (local.set {local})",
                name = ty.name()
            )
        } else {
            self.labels.push(Label::Other);
            let body = self.statements(depth);
            let condition = self.expression(Ty::I32, depth);
            let more = self.statements(depth);
            self.labels.pop();
            let in_the_middle =
                if self.chance.one_in(2) { format!("(if {condition} (then {again}))") } else { String::new() };
            format!("(local.set {counter} (i32.const 0)) (loop {counter} {fuel} {body} {in_the_middle} {more} {again})")
        };
        self.loops -= 1;
        code
    }

    fn branch(&mut self, depth: u32) -> String {
        let Some(outer) = (self.labels.len() as u64).checked_sub(1) else { return String::new() };
        let label = self.chance.below(outer + 1) as usize;
        let target = self.labels[self.labels.len() - 1 - label].clone();
        let condition = self.expression(Ty::I32, depth);
        match target {
            Label::Other => String::new(),
            Label::Block(None) => format!("(br_if {label} (i32.and {condition} (i32.const 1)))"),
            Label::Block(Some(ty)) => {
                let value = self.expression(ty, depth);
                format!("(drop (br_if {label} {value} (i32.and {condition} (i32.const 1))))")
            }
        }
    }

    fn switch(&mut self, depth: u32) -> String {
        let arms = 2 + self.chance.below(3) as usize;
        (0..arms).for_each(|_| self.labels.push(Label::Block(None)));
        let which = self.expression(Ty::I32, depth);
        let targets: String = (0..arms).map(|arm| format!("{arm} ")).collect();
        let mut code = format!("(br_table {targets} (i32.rem_u {which} (i32.const {})))", arms + 1);
        for _ in 0..arms {
            self.labels.pop();
            code = format!("(block {code}) {}", self.statements(depth));
        }
        code
    }

    /// Code that may throw, and what catches it.
    fn attempt(&mut self, depth: u32) -> String {
        let local = self.local_of(Ty::I32);
        self.labels.extend([Label::Other, Label::Other, Label::Other]);
        let before = self.statements(depth);
        let condition = self.expression(Ty::I32, depth);
        let value = self.expression(Ty::I32, depth);
        let wide = self.expression(Ty::I64, depth);
        let after = self.statements(depth);
        self.labels.truncate(self.labels.len() - 3);
        let throws = match self.chance.below(3) {
            0 => format!("(throw $u {wide} (f64.const 1.5))"),
            1 => format!("(throw $t {value})"),
            _ => String::new(),
        };
        let thrown = format!("(if (i32.and {condition} (i32.const 1)) (then {throws}))");
        let n = self.counters;
        self.counters += 1;
        let attempt = |catches: &str| {
            format!("(block $any{n} (try_table {catches} (catch_all $any{n}) {before} {thrown} {after}))")
        };
        match self.chance.below(3) {
            0 => {
                let attempt = attempt(&format!("(catch $t $got{n})"));
                format!("(local.set {local} (block $got{n} (result i32) {attempt} (i32.const 9)))")
            }
            1 => {
                let attempt = attempt(&format!("(catch $u $got{n})"));
                format!(
                    "(block $got{n} (result i64 f64) {attempt} (i64.const 3) (f64.const 4)) (drop) (global.set $g0)"
                )
            }
            _ => format!("(block {} (call $log (i32.const 1)))", attempt("")),
        }
    }

    fn bulk(&mut self, depth: u32) -> String {
        let value = self.expression(Ty::I32, depth);
        let (at, from, length) = (self.chance.below(400), self.chance.below(400), self.chance.below(100));
        match self.chance.below(3) {
            0 => format!("(memory.fill (i32.const {at}) {value} (i32.const {length}))"),
            1 => format!("(memory.copy (i32.const {at}) (i32.const {from}) (i32.const {length}))"),
            _ => format!(
                "(memory.copy $other 0 (i32.const {at}) (i32.const {from}) (i32.const {length})) (drop {value})"
            ),
        }
    }

    /// A reference that lies on the stack while something else is done.
    fn moving_reference(&mut self, depth: u32) -> String {
        let value = self.expression(Ty::I32, depth);
        match self.chance.below(3) {
            0 => format!("(table.set $moves (i32.and {value} (i32.const 1)) (ref.func $f1))"),
            1 => format!("(call $log (ref.is_null (table.get $moves (i32.and {value} (i32.const 1)))))"),
            _ => format!("(ref.func $f1) (call $log {value}) (call $log (ref.is_null))"),
        }
    }
}

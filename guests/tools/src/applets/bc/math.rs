//! The functions of `bc -l`: sine, cosine, arc tangent, logarithm and the exponential function, as fixed-point series
//! with more digits than are asked for.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::number::{Number, power_of_ten};

/// The digits beyond those asked for, so that cutting off leaves the right ones.
const GUARD: usize = 12;

struct Fixed {
    digits: usize,
    one: BigInt,
}

impl Fixed {
    fn new(scale: usize) -> Self {
        let digits = scale + GUARD;
        Self { digits, one: power_of_ten(digits) }
    }

    fn of(&self, number: &Number) -> BigInt {
        number.rescaled(self.digits).value
    }

    fn result(&self, value: BigInt, scale: usize) -> Number {
        Number { value, scale: self.digits }.rescaled(scale)
    }

    fn multiply(&self, a: &BigInt, b: &BigInt) -> BigInt {
        a * b / &self.one
    }

    fn divide(&self, a: &BigInt, b: &BigInt) -> BigInt {
        a * &self.one / b
    }

    /// Returns the arc tangent of a number that is small, by its series.
    fn small_arc_tangent(&self, x: &BigInt) -> BigInt {
        let square = self.multiply(x, x);
        let (mut power, mut sum, mut at) = (x.clone(), x.clone(), 1);
        while !power.is_zero() {
            power = -self.multiply(&power, &square);
            at += 2;
            sum += &power / at;
        }
        sum
    }

    fn pi(&self) -> BigInt {
        // Machin: a quarter of pi is 4 atan(1/5) - atan(1/239).
        let part = |below: i32| self.small_arc_tangent(&(&self.one / below));
        (part(5) * 4 - part(239)) * 4
    }

    fn exponential(&self, x: &BigInt) -> BigInt {
        // Halved until small, then squared as often.
        let mut halvings = 0;
        let mut small = x.clone();
        while small.abs() > &self.one / 16 {
            small /= 2;
            halvings += 1;
        }
        let (mut term, mut sum, mut at) = (self.one.clone(), self.one.clone(), 0);
        while !term.is_zero() {
            at += 1;
            term = self.multiply(&term, &small) / at;
            sum += &term;
        }
        for _ in 0..halvings {
            sum = self.multiply(&sum, &sum);
        }
        sum
    }

    fn logarithm(&self, x: &BigInt) -> BigInt {
        // Roots until near 1, then the series of the inverse hyperbolic tangent.
        let mut near = x.clone();
        let mut doublings = 1;
        while (&near - &self.one).abs() > &self.one / 8 {
            near = (&near * &self.one).sqrt();
            doublings *= 2;
        }
        let ratio = self.divide(&(&near - &self.one), &(&near + &self.one));
        let square = self.multiply(&ratio, &ratio);
        let (mut power, mut sum, mut at) = (ratio.clone(), ratio, 1);
        while !power.is_zero() {
            power = self.multiply(&power, &square);
            at += 2;
            sum += &power / at;
        }
        sum * 2 * doublings
    }
}

/// Returns e to the power of a number; `None` if that is absurdly large.
pub fn exponential(x: &Number, scale: usize) -> Option<Number> {
    let size = x.to_integer()?;
    if size > 1_000_000 {
        return None;
    }
    // A large result needs more digits before the point to have as many right after it.
    let fixed = Fixed::new(scale + (size.max(0) as usize) / 2 + size.unsigned_abs().to_string().len() + 4);
    let magnitude = Number { value: x.value.abs(), scale: x.scale };
    let value = fixed.exponential(&fixed.of(&magnitude));
    let value = if x.is_negative() { fixed.divide(&fixed.one, &value) } else { value };
    Some(fixed.result(value, scale))
}

/// Returns the natural logarithm; of what has none, the most negative number of that scale, as bc does.
pub fn logarithm(x: &Number, scale: usize) -> Number {
    if x.is_negative() || x.is_zero() {
        return Number { value: BigInt::from(1) - power_of_ten(2 * scale), scale };
    }
    let fixed = Fixed::new(scale + x.length());
    let value = fixed.logarithm(&fixed.of(x));
    fixed.result(value, scale)
}

/// Returns the sine.
pub fn sine(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + x.length());
    let turn = fixed.pi() * 2;
    let mut angle: BigInt = fixed.of(x) % &turn;
    if angle.abs() > &turn / 2 {
        angle -= if angle.is_negative() { -&turn } else { turn };
    }
    let square = fixed.multiply(&angle, &angle);
    let (mut term, mut sum, mut at) = (angle.clone(), angle, 1);
    while !term.is_zero() {
        term = -fixed.multiply(&term, &square) / ((at + 1) * (at + 2));
        at += 2;
        sum += &term;
    }
    fixed.result(sum, scale)
}

/// Returns the cosine.
pub fn cosine(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + x.length());
    let quarter = Number { value: fixed.pi() / 2, scale: fixed.digits };
    sine(&x.add(&quarter), fixed.digits).rescaled(scale)
}

/// Returns the arc tangent.
pub fn arc_tangent(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + x.length());
    let value = fixed.of(x);
    let magnitude = value.abs();
    let large = magnitude > fixed.one;
    let mut small = if large { fixed.divide(&fixed.one, &magnitude) } else { magnitude };
    // atan x = 2 atan(x / (1 + sqrt(1 + x^2)))
    let mut doublings = 0_u32;
    while small > &fixed.one / 16 {
        let root = ((&fixed.one + fixed.multiply(&small, &small)) * &fixed.one).sqrt();
        small = fixed.divide(&small, &(&fixed.one + root));
        doublings += 1;
    }
    let mut sum: BigInt = fixed.small_arc_tangent(&small) << doublings;
    if large {
        sum = fixed.pi() / 2 - sum;
    }
    fixed.result(if value.is_negative() { -sum } else { sum }, scale)
}

/// Returns the Bessel function of a whole order.
pub fn bessel(order: &Number, x: &Number, scale: usize) -> Number {
    let n = order.rescaled(0).value.to_i64().unwrap_or(0);
    let sign = if n < 0 && n % 2 != 0 { -1 } else { 1 };
    let n = n.unsigned_abs();
    let fixed = Fixed::new(scale + 2 * x.length() + x.to_integer().unwrap_or(0).unsigned_abs() as usize);
    let half = fixed.of(x) / 2;
    let square = fixed.multiply(&half, &half);
    let mut term = fixed.one.clone();
    for at in 1..=n {
        term = fixed.multiply(&term, &half) / at;
    }
    let mut sum = term.clone();
    let mut at = 0;
    while !term.is_zero() {
        at += 1;
        term = -fixed.multiply(&term, &square) / (at * (at + n));
        sum += &term;
    }
    fixed.result(sum * sign, scale)
}

//! Decimal numbers of any length, with the rules of bc for how many digits after the point a result has.

use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

/// A number: `value` divided by ten to the power `scale`.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    pub value: BigInt,
    pub scale: usize,
}

/// Returns ten to a power.
pub fn power_of_ten(exponent: usize) -> BigInt {
    BigInt::from(10).pow(exponent as u32)
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self { value: BigInt::from(value), scale: 0 }
    }
}

impl Number {
    pub fn zero() -> Self {
        Self::from(0)
    }

    pub fn is_zero(&self) -> bool {
        self.value.is_zero()
    }

    pub fn is_negative(&self) -> bool {
        self.value.is_negative()
    }

    pub fn negated(&self) -> Self {
        Self { value: -&self.value, scale: self.scale }
    }

    /// Returns the number with that many digits after the point: more zeros, or digits cut off.
    pub fn rescaled(&self, scale: usize) -> Self {
        let value = if scale >= self.scale {
            &self.value * power_of_ten(scale - self.scale)
        } else {
            &self.value / power_of_ten(self.scale - scale)
        };
        Self { value, scale }
    }

    /// Returns the whole part, if it is of a sensible size.
    pub fn to_integer(&self) -> Option<i64> {
        self.rescaled(0).value.to_i64()
    }

    pub fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        self.rescaled(scale).value.cmp(&other.rescaled(scale).value)
    }

    pub fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { value: self.rescaled(scale).value + other.rescaled(scale).value, scale }
    }

    pub fn subtract(&self, other: &Self) -> Self {
        self.add(&other.negated())
    }

    pub fn multiply(&self, other: &Self, scale: usize) -> Self {
        let full = Self { value: &self.value * &other.value, scale: self.scale + other.scale };
        let kept = full.scale.min(scale.max(self.scale).max(other.scale));
        full.rescaled(kept)
    }

    /// Returns the quotient, or `None` for a division by zero.
    pub fn divide(&self, other: &Self, scale: usize) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let shift = scale + other.scale;
        let value = if shift >= self.scale {
            &self.value * power_of_ten(shift - self.scale) / &other.value
        } else {
            &self.value / (&other.value * power_of_ten(self.scale - shift))
        };
        Some(Self { value, scale })
    }

    pub fn remainder(&self, other: &Self, scale: usize) -> Option<Self> {
        let quotient = self.divide(other, scale)?;
        let kept = self.scale.max(scale + other.scale);
        let product = Self { value: &quotient.value * &other.value, scale: quotient.scale + other.scale };
        Some(self.subtract(&product).rescaled(kept))
    }

    /// Returns a power; the exponent's fraction is ignored. `None` for a division by zero or an absurd size.
    pub fn power(&self, exponent: &Self, scale: usize) -> Option<Self> {
        let count = exponent.to_integer()?;
        if count == 0 {
            return Some(Self::from(1));
        }
        let magnitude = u32::try_from(count.unsigned_abs()).ok()?;
        if self.value.bits().checked_mul(u64::from(magnitude))? > 1 << 30 {
            return None;
        }
        let full = Self { value: self.value.pow(magnitude), scale: self.scale.checked_mul(magnitude as usize)? };
        if count < 0 {
            return Self::from(1).divide(&full, scale);
        }
        let kept = full.scale.min(scale.max(self.scale));
        Some(full.rescaled(kept))
    }

    /// Returns the square root, or `None` of a negative number.
    pub fn square_root(&self, scale: usize) -> Option<Self> {
        if self.is_negative() {
            return None;
        }
        let scale = scale.max(self.scale);
        Some(Self { value: self.rescaled(2 * scale).value.sqrt(), scale })
    }

    /// Returns how many digits the number has.
    pub fn length(&self) -> usize {
        let digits = if self.value.is_zero() { 0 } else { self.value.magnitude().to_string().len() };
        digits.max(self.scale).max(1)
    }

    /// Parses digits in a base, with a point.
    pub fn parse(text: &str, base: u32) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        // A digit alone keeps its value even if the base is smaller; in longer numbers it counts as the largest.
        let alone = whole.len() + fraction.len() == 1;
        let digit = |c: char| {
            let value = c.to_digit(36).unwrap_or(0);
            if alone { value } else { value.min(base - 1) }
        };
        let mut value = BigInt::zero();
        for c in whole.chars() {
            value = value * base + digit(c);
        }
        let mut result = Self { value, scale: 0 };
        if fraction.is_empty() {
            return result;
        }
        let (mut top, mut bottom) = (BigInt::zero(), BigInt::one());
        for c in fraction.chars() {
            top = top * base + digit(c);
            bottom *= base;
        }
        let scale = fraction.len();
        result = result.rescaled(scale);
        result.value += top * power_of_ten(scale) / bottom;
        result
    }

    /// Returns the digits in a base, as bc prints them: without a zero before the point.
    pub fn text(&self, base: u32) -> String {
        if base == 10 {
            return self.decimal();
        }
        let sign = if self.value.sign() == Sign::Minus { "-" } else { "" };
        let magnitude = Self { value: self.value.abs(), scale: self.scale };
        let whole = magnitude.rescaled(0);
        let digit = |value: u32| {
            if base <= 16 {
                char::from_digit(value, 16).unwrap_or('?').to_ascii_uppercase().to_string()
            } else {
                format!(" {value:0width$}", width = (base - 1).to_string().len())
            }
        };
        let mut digits = Vec::new();
        let mut rest = whole.value.clone();
        while !rest.is_zero() {
            digits.push(digit((&rest % base).to_u32().unwrap_or(0)));
            rest /= base;
        }
        let mut text: String = digits.into_iter().rev().collect();
        if self.scale > 0 {
            // As many digits as tell the fraction as finely as its decimal ones do.
            let unit = power_of_ten(self.scale);
            let mut fraction = &magnitude.value - &whole.value * &unit;
            let mut reach = BigInt::one();
            text.push('.');
            while reach < unit {
                fraction *= base;
                let value = &fraction / &unit;
                fraction -= &value * &unit;
                text.push_str(&digit(value.to_u32().unwrap_or(0)));
                reach *= base;
            }
        }
        if text.is_empty() { "0".into() } else { format!("{sign}{text}") }
    }

    fn decimal(&self) -> String {
        if self.value.is_zero() {
            return "0".into();
        }
        let sign = if self.value.is_negative() { "-" } else { "" };
        let digits = self.value.magnitude().to_string();
        if self.scale == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = self.scale);
        let (whole, fraction) = padded.split_at(padded.len() - self.scale);
        format!("{sign}{whole}.{fraction}")
    }
}

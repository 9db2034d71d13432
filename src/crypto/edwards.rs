//! The curve of layer 2 keys, `-x² + y² = 1 + d·x²·y²` over [`Fr`]
//! (docs/protocol/01-primitives.md §8.1).
//!
//! Its group has order 8·s with a prime s, the modulus of [`Fs`]. Since -1 is a square and d is
//! not, the addition law used here holds for all pairs of points, including the neutral point.
//! Nothing runs in constant time.

use super::{Fr, fr, montgomery::Element};
use franklin_crypto::{
    alt_babyjubjub::fs::Fs,
    bellman::pairing::ff::{Field, PrimeField},
};
use std::{array, sync::LazyLock};

/// Number of 4-bit digits of a scalar below s, which has 251 bits.
const DIGITS: usize = 63;

struct Curve {
    d: Fr,
    twice_d: Element,
    /// `digit·16^place` times the generator, by place and digit.
    generator_multiples: Vec<[Addend; 16]>,
}

static CURVE: LazyLock<Curve> = LazyLock::new(|| {
    let constant = |hex| fr::from_hex(hex).unwrap_or_default();
    let d = constant("1aee90f15f2189693df072d799fd11fc039b2959ebb7c867d075ca8cf4d7eb8e");
    let mut twice_d = d;
    twice_d.double();
    let twice_d = Element::from_fr(&twice_d);

    let generator = Affine {
        x: constant("2ef3f9b423a2c8c74e9803958f6c320e854a1c1c06cd5cc8fd221dc052d76df7"),
        y: constant("05a01167ea785d3f784224644a68e4067532c815f5f6d57d984b5c0e9c6c94b7"),
    };
    let mut place = Point::from(&generator);
    let generator_multiples = (0..DIGITS)
        .map(|_| {
            let multiples = place.multiples(&twice_d);
            place = (0..4).fold(place, |point, _| point.double());
            multiples
        })
        .collect();
    Curve { d, twice_d, generator_multiples }
});

/// A point in affine coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Affine {
    pub(super) x: Fr,
    pub(super) y: Fr,
}

impl Affine {
    /// Unpacks y, little-endian, with the parity of x in the top bit. Returns `None` if y is not
    /// below r or is not the y of a point. As in the reference, x = 0 is accepted with either
    /// parity.
    pub(super) fn unpack(packed: &[u8; 32]) -> Option<Self> {
        let mut bytes = *packed;
        bytes.reverse();
        let x_is_odd = bytes[0] >> 7 == 1;
        bytes[0] &= 0x7f;
        let y = fr::from_bytes(&bytes).ok()?;

        // x² = (y² - 1) / (d·y² + 1), where the denominator is never zero.
        let mut numerator = y;
        numerator.square();
        let mut denominator = numerator;
        denominator.mul_assign(&CURVE.d);
        denominator.add_assign(&Fr::one());
        numerator.sub_assign(&Fr::one());
        numerator.mul_assign(&denominator.inverse()?);
        let mut x = Element::from_fr(&numerator).sqrt()?.to_fr();
        if is_odd(&x) != x_is_odd {
            x.negate();
        }
        Some(Self { x, y })
    }

    /// Packs the point into the bytes that [`Self::unpack`] reads.
    pub(super) fn pack(&self) -> [u8; 32] {
        let mut bytes = fr::to_bytes(&self.y);
        bytes[0] |= u8::from(is_odd(&self.x)) << 7;
        bytes.reverse();
        bytes
    }
}

fn is_odd(x: &Fr) -> bool {
    fr::to_bytes(x)[31] & 1 == 1
}

/// A point in extended coordinates: the affine ones are x/z and y/z, and `t = x·y/z`.
#[derive(Clone, Copy)]
pub(super) struct Point {
    x: Element,
    y: Element,
    t: Element,
    z: Element,
}

/// A point in the form in which it is added to others.
#[derive(Clone, Copy)]
struct Addend {
    y_plus_x: Element,
    y_minus_x: Element,
    /// `2d·t`.
    t: Element,
    /// `2z`.
    z: Element,
}

impl From<&Affine> for Point {
    fn from(point: &Affine) -> Self {
        let [x, y] = [point.x, point.y].map(|coordinate| Element::from_fr(&coordinate));
        Self { x, y, t: x.mul(&y), z: Element::from_fr(&Fr::one()) }
    }
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.x.mul(&other.z) == other.x.mul(&self.z) && self.y.mul(&other.z) == other.y.mul(&self.z)
    }
}

impl Point {
    fn neutral() -> Self {
        Self::from(&Affine { x: Fr::zero(), y: Fr::one() })
    }

    /// Returns the generator times a scalar.
    pub(super) fn generator_times(scalar: &Fs) -> Self {
        digits(scalar.into_repr().as_ref())
            .zip(&CURVE.generator_multiples)
            .fold(Self::neutral(), |sum, (digit, multiples)| sum.plus(&multiples[digit]))
    }

    /// Returns the point times a scalar.
    pub(super) fn times(&self, scalar: &Fs) -> Self {
        self.times_integer(scalar.into_repr().as_ref())
    }

    /// Returns true if the point is in the subgroup of order s.
    pub(super) fn is_in_subgroup(&self) -> bool {
        self.times_integer(Fs::char().as_ref()) == Self::neutral()
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        self.plus(&other.addend(&CURVE.twice_d))
    }

    pub(super) fn to_affine(self) -> Affine {
        // z is never zero.
        let inverse = self.z.to_fr().inverse().unwrap_or_default();
        let [x, y] = [self.x, self.y].map(|coordinate| {
            let mut coordinate = coordinate.to_fr();
            coordinate.mul_assign(&inverse);
            coordinate
        });
        Affine { x, y }
    }

    fn times_integer(&self, limbs: &[u64]) -> Self {
        let multiples = self.multiples(&CURVE.twice_d);
        digits(limbs).rev().fold(Self::neutral(), |sum, digit| {
            (0..4).fold(sum, |sum, _| sum.double()).plus(&multiples[digit])
        })
    }

    /// Returns the point times 0 to 15.
    fn multiples(&self, twice_d: &Element) -> [Addend; 16] {
        let addend = self.addend(twice_d);
        let mut multiple = Self::neutral();
        array::from_fn(|_| {
            let prepared = multiple.addend(twice_d);
            multiple = multiple.plus(&addend);
            prepared
        })
    }

    fn addend(&self, twice_d: &Element) -> Addend {
        Addend {
            y_plus_x: self.y.add(&self.x),
            y_minus_x: self.y.sub(&self.x),
            t: self.t.mul(twice_d),
            z: self.z.add(&self.z),
        }
    }

    fn plus(&self, other: &Addend) -> Self {
        let a = self.y.sub(&self.x).mul(&other.y_minus_x);
        let b = self.y.add(&self.x).mul(&other.y_plus_x);
        let c = self.t.mul(&other.t);
        let d = self.z.mul(&other.z);
        Self::of_factors(&b.sub(&a), &d.sub(&c), &d.add(&c), &b.add(&a))
    }

    fn double(&self) -> Self {
        let (a, b, z) = (self.x.square(), self.y.square(), self.z.square());
        let (sum, difference) = (b.add(&a), b.sub(&a));
        let e = self.x.add(&self.y).square().sub(&sum);
        let f = z.add(&z).sub(&difference);
        // F and H have the opposite of their usual signs. This negates all coordinates, which
        // leaves the point the same.
        Self::of_factors(&e, &f, &difference, &sum)
    }

    fn of_factors(e: &Element, f: &Element, g: &Element, h: &Element) -> Self {
        Self { x: e.mul(f), y: g.mul(h), t: e.mul(h), z: f.mul(g) }
    }
}

/// Returns the 4-bit digits of an integer below `2^252`, least significant first.
fn digits(limbs: &[u64]) -> impl DoubleEndedIterator<Item = usize> {
    (0..DIGITS).map(|i| (limbs[i / 16] >> (4 * (i % 16)) & 15) as usize)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_addition_law_is_complete() {
        let mut minus_one = Fr::one();
        minus_one.negate();
        assert!(Element::from_fr(&minus_one).sqrt().is_some());
        assert!(Element::from_fr(&CURVE.d).sqrt().is_none());
    }

    #[test]
    fn the_generator_spans_the_subgroup() {
        let generator = Point::generator_times(&Fs::one());
        assert!(generator != Point::neutral());
        assert!(generator.is_in_subgroup());
        assert!(Affine::unpack(&generator.to_affine().pack()) == Some(generator.to_affine()));
    }
}

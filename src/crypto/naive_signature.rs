//! The signature check as documented, step by step over franklin-crypto
//! (docs/protocol/01-primitives.md §8.3, docs/protocol/01-primitives.md §8.4).

use std::sync::LazyLock;

use franklin_crypto::{
    alt_babyjubjub::{
        AltJubjubBn256, FixedGenerators,
        fs::{Fs, FsRepr},
    },
    bellman::pairing::{
        bn256::Bn256,
        ff::{Field, PrimeField, PrimeFieldRepr},
    },
    jubjub::{JubjubParams, Unknown, edwards},
    rescue::{bn256::Bn256RescueParams, rescue_mimc},
};

use crate::{Fr, bits, fr, signature::MAX_MESSAGE_BYTES};

type Point = edwards::Point<Bn256, Unknown>;

static CURVE: LazyLock<AltJubjubBn256> = LazyLock::new(AltJubjubBn256::new);
static RESCUE: LazyLock<Bn256RescueParams> = LazyLock::new(Bn256RescueParams::new_checked_2_into_1);

/// Checks one signature as [`verify_batch`](crate::signature::verify_batch) does.
pub fn verify(pub_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<[u8; 20]> {
    let key = Point::read(&pub_key[..], &CURVE).ok()?;
    let r = Point::read(&signature[..32], &CURVE).ok()?;
    let mut s = FsRepr::default();
    s.read_le(&signature[32..]).ok()?;
    let s = Fs::from_repr(s).ok()?;
    for point in [&key, &r] {
        if point.mul(Fs::char(), &CURVE) != Point::zero() {
            return None;
        }
    }
    let challenge = challenge(&key, &r, message)?;
    let generator: Point = CURVE.generator(FixedGenerators::SpendingKeyGenerator).clone().into();
    let sum = key.mul(challenge, &CURVE).add(&r, &CURVE).add(&generator.mul(s, &CURVE).negate(), &CURVE);
    let (x, y) = key.into_xy();
    let hash = fr::to_bytes(&hash(&[x, y])[0]);
    (sum == Point::zero()).then(|| std::array::from_fn(|i| hash[12 + i]))
}

fn challenge(key: &Point, r: &Point, message: &[u8]) -> Option<Fs> {
    let mut padded = [0; MAX_MESSAGE_BYTES];
    padded.get_mut(..message.len())?.copy_from_slice(message);
    let message = hash(&bits::multipack(&bits::be_bits(&padded)))[0];
    let absorbed = [key.into_xy().0, r.into_xy().0, message].map(|value| {
        let mut bytes = fr::to_bytes(&value);
        bytes.reverse();
        bytes
    });
    let sponge = hash(&bits::multipack(&bits::be_bits(&absorbed.concat())));
    // The low 125 bits of each of two cells; those of the first cell are the lower half.
    let low_bits = |cell: &Fr| {
        let mut repr = FsRepr::default();
        repr.as_mut()[..2].copy_from_slice(&cell.into_repr().as_ref()[..2]);
        repr.as_mut()[1] &= (1 << 61) - 1;
        repr
    };
    let mut sum = low_bits(&sponge[1]);
    sum.shl(125);
    sum.add_nocarry(&low_bits(&sponge[0]));
    Fs::from_repr(sum).ok()
}

/// Returns the state after all elements are absorbed (docs/protocol/01-primitives.md §3.3).
fn hash(elements: &[Fr]) -> Vec<Fr> {
    let mut state = vec![Fr::zero(), Fr::zero(), fr::from_u64(elements.len() as u64)];
    for pair in elements.chunks(2) {
        state[0].add_assign(&pair[0]);
        state[1].add_assign(pair.get(1).unwrap_or(&Fr::one()));
        state = rescue_mimc::<Bn256>(&RESCUE, &state);
    }
    state
}

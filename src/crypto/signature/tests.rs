#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::test_vectors::{bytes, vectors};

fn array<const N: usize>(bytes: Vec<u8>) -> [u8; N] {
    bytes.try_into().unwrap()
}

fn from_hex<const N: usize>(text: &str) -> [u8; N] {
    array(hex::decode(text).unwrap())
}

#[test]
fn hash_of_a_message_matches_the_reference() {
    assert_eq!(
        rescue_hash_tx_msg(&[1, 2, 3, 4]),
        [
            249, 154, 208, 123, 96, 89, 132, 235, 231, 63, 56, 200, 153, 131, 27, 183, 128, 71, 26, 245, 208,
            120, 49, 246, 233, 72, 230, 84, 66, 150, 170, 27
        ]
    );
}

#[test]
fn keys_match_the_reference() {
    for case in vectors()["keys"].as_array().unwrap() {
        let mut secret: [u8; 32] = array(bytes(&case["private_key_le_hex"]));
        secret.reverse();
        let public = PrivateKey::from_bytes(&secret).unwrap().public_key();
        assert_eq!(hex::encode(public), case["pub_key_packed_hex"]);
        assert_eq!(pub_key_hash(&public).unwrap().to_vec(), bytes(&case["pub_key_hash"]));
        let Affine { x, y } = Affine::unpack(&public).unwrap();
        assert_eq!(
            [fr::to_hex(&x), fr::to_hex(&y)].map(serde_json::Value::from),
            [case["x"].clone(), case["y"].clone()]
        );
    }
}

#[test]
fn signatures_match_the_reference() {
    let mut swaps = 0;
    for case in vectors()["signatures"].as_array().unwrap() {
        let key = array(bytes(&case["pub_key_packed"]));
        let signature = array(bytes(&case["signature_packed"]));
        let message = bytes(&case["signed_bytes"]);
        assert_eq!(hex::encode(rescue_hash_tx_msg(&message)), case["msg_hash_le_bytes"]);

        let signer = verify(&key, &signature, &message);
        assert_eq!(signer.is_some(), case["verifies"].as_bool().unwrap());
        assert_eq!(signer.unwrap().to_vec(), bytes(&case["signer_pub_key_hash"]));
        let mutated = verify(&key, &signature, &bytes(&case["mutated_msg"]));
        assert_eq!(mutated.is_some(), case["mutated_msg_verifies"].as_bool().unwrap());
        let mutated = verify(&key, &array(bytes(&case["mutated_signature"])), &message);
        assert_eq!(mutated.is_some(), case["mutated_signature_verifies"].as_bool().unwrap());

        if let Some(orders) = case["orders"].as_array() {
            let orders = array(orders.iter().flat_map(|order| bytes(&order["bytes"])).collect());
            let hash = rescue_hash_orders(&orders);
            assert!(message.windows(31).any(|window| window == hash), "{}", case["kind"]);
            swaps += 1;
        }
    }
    assert_eq!(swaps, 4);
}

#[test]
fn documented_example_of_the_reference_verifies() {
    let key =
        PrivateKey::from_bytes(&from_hex("057afe7e950189b17eedfd749f5537a88eb3ed4981467636a115e5c3efcce0f4"))
            .unwrap();
    let public = key.public_key();
    assert_eq!(hex::encode(public), "0e1390d3e86881117979db2b37e40eaf46b6f8f38d2509ff3ecfaf229c717b9d");
    let hash = pub_key_hash(&public).unwrap();
    assert_eq!(hex::encode(hash), "63aa2a0efb97064e0e52a6adb63a42018bd6e72b");
    let message = hex::decode(concat!(
        "fa010000080d1f04204dba8e9e8bf90f5889fe4bdc0f37265dbb05e3066450dfcd4ee9ca4f2039d58883631f0460000003",
        "ff5bf0aea00346e82ec6fde00000000000000000ffffffffffffffff"
    ))
    .unwrap();
    let signature = key.sign(&message);
    assert_eq!(
        hex::encode(signature),
        concat!(
            "817c866e71a0b3e6d412ac56524557d368c11332db93554693787e89c9813310",
            "adeda68314fc833a4f73323eca00e2cc774e78db88921dc230db7dae691fe500"
        )
    );
    assert_eq!(verify(&public, &signature, &message), Some(hash));
}

#[test]
fn keys_from_seeds_sign_messages_of_up_to_92_bytes() {
    for seed in [&b""[..], b"seed", &[7; 100]] {
        let key = PrivateKey::from_seed(seed);
        let public = key.public_key();
        let message = [seed, b"message"].concat();
        assert_eq!(message.len() <= MAX_MESSAGE_BYTES, seed.len() < 86);
        if message.len() <= MAX_MESSAGE_BYTES {
            let signature = key.sign(&message);
            assert_eq!(verify(&public, &signature, &message), pub_key_hash(&public));
            assert_eq!(verify(&public, &signature, b"another"), None);
        } else {
            assert_eq!(verify(&public, &[0; 64], &message), None);
        }
    }
}

#[test]
fn debug_form_does_not_show_the_secret() {
    assert_eq!(format!("{:?}", PrivateKey::from_seed(b"seed")), "PrivateKey(…)");
}

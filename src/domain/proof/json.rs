//! JSON of the parts of proofs, for `#[serde(with = "…")]`.

/// Bytes as standard base64 with padding.
pub(super) mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A list of field elements.
pub(super) mod fr_list {
    use crate::crypto::{Fr, fr};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Element(#[serde(with = "fr::serde_fr")] Fr);

    pub(in super::super) fn serialize<S: Serializer>(list: &[Fr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(Element))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Fr>, D::Error> {
        Ok(Vec::<Element>::deserialize(deserializer)?.into_iter().map(|element| element.0).collect())
    }
}

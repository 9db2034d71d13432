//! The first block of a folder that follows a node, and its share of the blocks.

use std::fmt;
use std::str::FromStr;

/// The state with which an empty folder starts to follow a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFrom {
    /// The state after the last block whose execution layer 1 has confirmed.
    Verified,
    /// The state after that block; 0: the genesis.
    Block(u32),
}

impl FromStr for NodeFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "verified" => Ok(Self::Verified),
            number => number
                .parse()
                .map(Self::Block)
                .map_err(|_| "verified, or the number of a block; 0 is the genesis".to_owned()),
        }
    }
}

/// The blocks for which one of several servers makes jobs: share `k` of `n` are those whose number
/// leaves the rest `k - 1` when divided by `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 1 to `of`.
    number: u32,
    of: u32,
}

impl Share {
    /// The share of a server that works alone.
    pub const ALL: Self = Self { number: 1, of: 1 };

    /// Returns true if this server makes the job of a block, or of a range that begins with it.
    pub fn owns(self, block: u32) -> bool {
        block % self.of == self.number - 1
    }

    /// Returns true if other servers share the work.
    pub fn is_divided(self) -> bool {
        self.of > 1
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(number, of)| {
            let share = Self { number: number.parse().ok()?, of: of.parse().ok()? };
            (1..=share.of).contains(&share.number).then_some(share)
        });
        parsed.ok_or_else(|| "a share such as 1/3: the first of three servers".to_owned())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_block_belongs_to_one_share() {
        for of in 1..5 {
            let shares: Vec<Share> =
                (1..=of).map(|number| format!("{number}/{of}").parse().unwrap()).collect();
            for block in (0..20).chain([u32::MAX - 1, u32::MAX]) {
                assert_eq!(shares.iter().filter(|share| share.owns(block)).count(), 1, "{block} of {of}");
            }
        }
        let first: Share = "1/3".parse().unwrap();
        assert!(first.owns(3) && !first.owns(1) && first.is_divided());
        assert!(Share::ALL.owns(7) && !Share::ALL.is_divided());
        for text in ["", "1", "0/3", "4/3", "1/0", "0/0", "a/b", "1/3/2", "-1/3"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_start_is_a_word_or_a_number() {
        assert_eq!("verified".parse(), Ok(NodeFrom::Verified));
        assert_eq!("0".parse(), Ok(NodeFrom::Block(0)));
        assert_eq!("4294967295".parse(), Ok(NodeFrom::Block(u32::MAX)));
        assert!("4294967296".parse::<NodeFrom>().is_err() && "latest".parse::<NodeFrom>().is_err());
    }
}

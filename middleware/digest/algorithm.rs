//! The algorithms that are said and verified: RFC 9530, section 5.

use http::HeaderValue;
use sha2::{Digest as _, Sha256, Sha512};

use crate::header::base64;

/// An algorithm of digests that proves something.
///
/// MD5, SHA-1 and the sums that the registry has beside them do not, and are not here.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Algorithm {
    /// `sha-256`, the quicker where the processor has instructions for it.
    Sha256,
    /// `sha-512`.
    Sha512,
}

impl Algorithm {
    pub(super) const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name in the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    pub(super) fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == key)
    }

    /// The member of a digest field for `digest`.
    pub(super) fn field(self, digest: &[u8]) -> Option<HeaderValue> {
        let text = format!("{}=:{}:", self.name(), base64::encode(digest));
        HeaderValue::try_from(text).ok()
    }
}

/// A digest in the making.
#[derive(Clone, Debug)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all that was put in.
    pub(super) fn digest(self) -> Vec<u8> {
        match self {
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }

    pub(super) fn field(self) -> Option<HeaderValue> {
        let algorithm = self.algorithm();
        algorithm.field(&self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_rfc() {
        // RFC 9530, appendix B.1 and D: {"hello": "world"} and a line feed.
        let mut hashers = Algorithm::ALL.map(Hasher::new);
        for hasher in &mut hashers {
            hasher.update(b"{\"hello\": ");
            hasher.update(b"\"world\"}\n");
        }
        let [sha256, sha512] = hashers.map(|hasher| hasher.field().unwrap());
        assert_eq!(
            sha256,
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
        assert_eq!(
            sha512,
            "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCs\
             yRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"
        );
    }
}

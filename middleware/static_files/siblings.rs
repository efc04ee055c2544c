//! Files that stand beside others and are the same, coded.

use crate::header::accept_encoding::{AcceptEncoding, Coding};

/// The coding of a file that stands beside another and is the same, coded.
///
/// Given to [`StaticFiles::precompressed`](super::StaticFiles::precompressed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sibling {
    /// Brotli, `app.js.br` beside `app.js`.
    Brotli,
    /// gzip, `app.js.gz` beside `app.js`.
    Gzip,
    /// Zstandard, `app.js.zst` beside `app.js`.
    Zstd,
}

impl Sibling {
    /// All of them, the one that is smallest as a rule first.
    pub const ALL: &'static [Self] = &[Self::Brotli, Self::Zstd, Self::Gzip];

    /// What is appended to the name of the file.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// What is written in `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        self.coding().name()
    }

    const fn coding(self) -> Coding {
        match self {
            Self::Brotli => Coding::Brotli,
            Self::Gzip => Coding::Gzip,
            Self::Zstd => Coding::Zstd,
        }
    }
}

/// Which of the siblings `there`, in the server's order of preference, to send;
/// `None` for the file itself.
pub(super) fn choose(
    accepted: &AcceptEncoding,
    there: impl Iterator<Item = Sibling> + Clone,
) -> Option<Sibling> {
    let chosen = accepted.choose(there.clone().map(Sibling::coding));
    there.into_iter().find(|sibling| sibling.coding() == chosen)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::ACCEPT_ENCODING;

    use super::*;

    fn chosen(accept: &'static str, there: &[Sibling]) -> Option<Sibling> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, http::HeaderValue::from_static(accept));
        choose(&AcceptEncoding::of(&headers), there.iter().copied())
    }

    #[test]
    fn only_what_is_there_is_chosen() {
        let all = "br, zstd, gzip";
        assert_eq!(chosen(all, Sibling::ALL), Some(Sibling::Brotli));
        assert_eq!(chosen(all, &[Sibling::Gzip]), Some(Sibling::Gzip));
        assert_eq!(chosen(all, &[]), None);
    }

    #[test]
    fn weights_outweigh_preference_and_refusals_count() {
        let there = Sibling::ALL;
        assert_eq!(chosen("br;q=0.5, gzip", there), Some(Sibling::Gzip));
        assert_eq!(chosen("br;q=0, *", there), Some(Sibling::Zstd));
        assert_eq!(chosen("identity, br;q=0.9", there), None);
        assert_eq!(chosen("identity;q=0", there), None);
    }
}

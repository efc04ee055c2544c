//! `Accept-Encoding`: which content codings the client can decode, and how gladly.
//!
//! [RFC 9110, section 12.5.3]. What the grammar leaves open is decided so that a client
//! never gets what it may be unable to read:
//!
//! - An absent field allows any coding, an empty one none. Both get the plain bytes
//!   here: who does not ask may not be able to decode.
//! - `x-gzip` is `gzip` (section 8.4.1.3). Names, and the `q`, are of any case.
//! - An element whose weight breaks the grammar refuses its coding; one that breaks
//!   it for `identity` is skipped, since plain bytes must not be lost to a typo.
//! - A coding that is named twice has the lower of its weights.
//! - `*` is for the codings that are not named. It can refuse the plain bytes
//!   (`*;q=0`), but does not make them more welcome than a coding.
//!
//! [RFC 9110, section 12.5.3]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A content coding that somebody here can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Deflate,
    Gzip,
    /// No coding: the plain bytes.
    Identity,
    Zstd,
}

impl Coding {
    /// The name as it is written in `Content-Encoding`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Deflate => "deflate",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
            Self::Zstd => "zstd",
        }
    }

    #[inline]
    fn parse(name: &[u8]) -> Option<Self> {
        Self::of_lower_case(name).or_else(|| Self::of_any_case(name))
    }

    /// Names as nearly everybody writes them.
    #[inline]
    fn of_lower_case(name: &[u8]) -> Option<Self> {
        match name {
            b"br" => Some(Self::Brotli),
            b"deflate" => Some(Self::Deflate),
            b"gzip" => Some(Self::Gzip),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    #[cold]
    fn of_any_case(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, Coding); 6] = [
            ("br", Coding::Brotli),
            ("deflate", Coding::Deflate),
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("identity", Coding::Identity),
            ("zstd", Coding::Zstd),
        ];
        let found = NAMES
            .iter()
            .find(|(one, _)| name.eq_ignore_ascii_case(one.as_bytes()));
        found.map(|(_, coding)| *coding)
    }
}

/// What a client accepts, in thousandths. Parsed once, without allocating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptEncoding {
    brotli: Option<u16>,
    deflate: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    zstd: Option<u16>,
    /// `*`
    any: Option<u16>,
}

/// The weight of plain bytes that nobody spoke of: the least there is.
const LAST_RESORT: u16 = 1;

impl AcceptEncoding {
    /// Reads all lines of the field.
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self::of_lines(headers.get_all(ACCEPT_ENCODING))
    }

    /// Reads lines of the field that were taken before.
    #[inline]
    pub(crate) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut accepted = Self::default();
        for line in lines {
            for element in line.as_bytes().split(|c| *c == b',') {
                accepted.element(element.trim_ascii());
            }
        }
        accepted
    }

    /// How gladly the client takes `coding`: from 0, not at all, to 1000.
    ///
    /// Plain bytes of which the client says nothing are at 1, the last resort.
    #[inline]
    pub(crate) fn quality(&self, coding: Coding) -> u16 {
        match coding {
            Coding::Brotli => self.brotli.or(self.any).unwrap_or(0),
            Coding::Deflate => self.deflate.or(self.any).unwrap_or(0),
            Coding::Gzip => self.gzip.or(self.any).unwrap_or(0),
            Coding::Zstd => self.zstd.or(self.any).unwrap_or(0),
            Coding::Identity => match (self.identity, self.any) {
                (Some(weight), _) => weight,
                (None, Some(0)) => 0,
                (None, _) => LAST_RESORT,
            },
        }
    }

    /// The coding to send, of those `offered` in order of preference.
    ///
    /// The one that the client weighs highest, the first among equals, and
    /// [`Coding::Identity`] only if the client weighs it higher than all. It is also
    /// the answer if nothing is acceptable: section 12.5.3 leaves a server the choice
    /// between the plain bytes and 406, and a client that can do nothing with
    /// plain bytes can do nothing with a 406 either.
    #[inline]
    pub(crate) fn choose(&self, offered: impl IntoIterator<Item = Coding>) -> Coding {
        let mut best = (Coding::Identity, 0);
        for coding in offered {
            let quality = self.quality(coding);
            if quality > best.1 {
                best = (coding, quality);
            }
        }
        if self.quality(Coding::Identity) > best.1 {
            return Coding::Identity;
        }
        best.0
    }

    #[inline]
    fn element(&mut self, element: &[u8]) {
        match Coding::of_lower_case(element) {
            Some(coding) => self.weigh(coding, 1000),
            None => self.weighed_element(element),
        }
    }

    fn weighed_element(&mut self, element: &[u8]) {
        let (name, weight) = match element.iter().position(|c| *c == b';') {
            None => (element, Some(1000)),
            Some(at) => {
                let (name, parameter) = element.split_at(at);
                (name.trim_ascii_end(), weight(parameter))
            }
        };
        match Coding::parse(name) {
            Some(Coding::Identity) if weight.is_none() => {}
            Some(coding) => self.weigh(coding, weight.unwrap_or(0)),
            None if name == b"*" => lower(&mut self.any, weight.unwrap_or(0)),
            None => {}
        }
    }

    #[inline]
    fn weigh(&mut self, coding: Coding, weight: u16) {
        let slot = match coding {
            Coding::Brotli => &mut self.brotli,
            Coding::Deflate => &mut self.deflate,
            Coding::Gzip => &mut self.gzip,
            Coding::Identity => &mut self.identity,
            Coding::Zstd => &mut self.zstd,
        };
        lower(slot, weight);
    }
}

#[inline]
fn lower(slot: &mut Option<u16>, weight: u16) {
    *slot = Some(slot.map_or(weight, |before| before.min(weight)));
}

/// `OWS ";" OWS "q=" qvalue` in thousandths (section 12.4.2), from the `;` on.
fn weight(parameter: &[u8]) -> Option<u16> {
    let parameter = parameter.strip_prefix(b";")?.trim_ascii_start();
    let (whole, fraction) = match parameter {
        [b'q' | b'Q', b'=', whole @ (b'0' | b'1')] => (whole, &[][..]),
        [
            b'q' | b'Q',
            b'=',
            whole @ (b'0' | b'1'),
            b'.',
            fraction @ ..,
        ] => (whole, fraction),
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let thousandths = fraction
        .iter()
        .chain(b"000")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        b'0' => Some(thousandths),
        _ => (thousandths == 0).then_some(1000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Coding; 5] = [
        Coding::Brotli,
        Coding::Deflate,
        Coding::Gzip,
        Coding::Identity,
        Coding::Zstd,
    ];

    fn accept(lines: &[&str]) -> AcceptEncoding {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(ACCEPT_ENCODING, line);
        }
        AcceptEncoding::of(&headers)
    }

    fn choose(lines: &[&str]) -> Coding {
        accept(lines).choose([Coding::Brotli, Coding::Gzip])
    }

    #[test]
    fn the_server_prefers_among_equals() {
        assert_eq!(choose(&["gzip, br"]), Coding::Brotli);
        assert_eq!(choose(&["gzip;q=0.5, br;q=0.500"]), Coding::Brotli);
    }

    #[test]
    fn the_client_weighs() {
        assert_eq!(choose(&["br;q=0.9, gzip"]), Coding::Gzip);
        assert_eq!(choose(&["br;q=0.998, gzip;q=0.999"]), Coding::Gzip);
        assert_eq!(choose(&["gzip;q=0.5, identity"]), Coding::Identity);
        assert_eq!(choose(&["gzip, identity"]), Coding::Gzip);
        assert_eq!(choose(&["gzip;q=0.001"]), Coding::Gzip);
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        for zero in ["0", "0.", "0.0", "0.00", "0.000"] {
            assert_eq!(choose(&[&format!("gzip;q={zero}")]), Coding::Identity);
            assert_eq!(accept(&[&format!("*;q={zero}")]), accept(&["*;q=0"]));
        }
        assert_eq!(choose(&["gzip;q=0, *"]), Coding::Brotli);
    }

    #[test]
    fn a_star_stands_for_what_is_not_named() {
        assert_eq!(choose(&["*"]), Coding::Brotli);
        assert_eq!(choose(&["*;q=0.2, gzip;q=0.3"]), Coding::Gzip);
        assert_eq!(choose(&["*;q=0.3, br;q=0.2"]), Coding::Gzip);
        assert_eq!(accept(&["*;q=0"]).quality(Coding::Identity), 0);
        assert_eq!(
            accept(&["*;q=0, identity;q=0.1"]).quality(Coding::Identity),
            100
        );
    }

    #[test]
    fn nothing_asked_is_plain_bytes() {
        assert_eq!(choose(&[]), Coding::Identity);
        assert_eq!(choose(&[""]), Coding::Identity);
        assert_eq!(choose(&[" , ,"]), Coding::Identity);
        assert_eq!(choose(&["compress, sdch"]), Coding::Identity);
    }

    #[test]
    fn if_nothing_is_acceptable_it_is_plain_bytes() {
        assert_eq!(choose(&["identity;q=0"]), Coding::Identity);
        assert_eq!(choose(&["*;q=0"]), Coding::Identity);
        assert_eq!(choose(&["identity;q=0, gzip;q=0.001"]), Coding::Gzip);
    }

    #[test]
    fn lines_add_up_and_case_does_not_matter() {
        assert_eq!(choose(&["compress", "GZip;Q=1.000"]), Coding::Gzip);
        assert_eq!(choose(&["X-GZIP"]), Coding::Gzip);
        assert_eq!(choose(&["br;q=0.5", "gzip"]), Coding::Gzip);
    }

    #[test]
    fn white_space_is_optional() {
        assert_eq!(
            choose(&["\tbr ;\tq=0.1 ,gzip ; q=0.2"]),
            choose(&["br;q=0.1,gzip;q=0.2"])
        );
    }

    #[test]
    fn a_malformed_weight_refuses_a_coding_but_not_plain_bytes() {
        for bad in [
            "q=2",
            "q=1.1",
            "q=1.001",
            "q=0.0001",
            "q=0.1234",
            "q=-1",
            "q=.5",
            "q=",
            "q",
            "",
            "q =1",
            "q= 1",
            "q=1e0",
            "level=9",
            "q=0.5;q=1",
            "x=1;q=1",
            "q=00",
            "q=\"1\"",
        ] {
            let line = format!("gzip;{bad}, *;q=0.1, identity;{bad}");
            let accepted = accept(&[&line]);
            assert_eq!(accepted.quality(Coding::Gzip), 0, "{line}");
            assert_eq!(accepted.quality(Coding::Identity), LAST_RESORT, "{line}");
        }
    }

    #[test]
    fn of_two_weights_the_lower_counts() {
        assert_eq!(accept(&["gzip;q=0, gzip"]).quality(Coding::Gzip), 0);
        assert_eq!(accept(&["gzip", "x-gzip;q=0.5"]).quality(Coding::Gzip), 500);
    }

    #[test]
    fn names_are_whole() {
        for other in [
            "gzi", "gzipp", "x-gzi", "bro", "b", "zst", "gzip-9", "*/*", "**",
        ] {
            assert_eq!(accept(&[other]), AcceptEncoding::default(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(weights in proptest::array::uniform5(0_u16..=1000), upper: bool) {
            let elements = ALL.iter().zip(weights).map(|(coding, weight)| {
                format!("{} ; q={}.{:03}", coding.name(), weight / 1000, weight % 1000)
            });
            let mut line = elements.collect::<Vec<_>>().join(" ,");
            if upper {
                line.make_ascii_uppercase();
            }
            let accepted = accept(&[&line]);
            for (coding, weight) in ALL.into_iter().zip(weights) {
                prop_assert_eq!(accepted.quality(coding), weight);
            }
        }

        #[test]
        fn nothing_panics_and_what_is_chosen_is_accepted(
            lines in proptest::collection::vec("[ -~\t]{0,40}|([bgrzipx*-]{1,4}(;q=[01.]{0,5})?,?){0,6}", 0..3),
        ) {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            let accepted = accept(&lines);
            let chosen = accepted.choose(ALL);
            for coding in ALL {
                prop_assert!(accepted.quality(coding) <= 1000);
                prop_assert!(accepted.quality(coding) <= accepted.quality(chosen));
            }
        }
    }
}

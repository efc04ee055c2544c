//! The rules, each with a name, a sentence and where it is from.

use std::fmt;

macro_rules! rules {
    ($($id:ident: $text:literal, $source:literal;)*) => {
        /// A rule of the interface between a layer and what is around it.
        ///
        /// `B` rules are of bodies, `M` rules of messages. Prints itself with its sentence
        /// and where it is from.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!($text, " (", $source, ").")] $id,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// The name: `M5`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)* }
            }

            /// What it says, in a sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$id => $text,)* }
            }

            /// Where it is from: an RFC and its section, or the documentation of a trait.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$id => $source,)* }
            }
        }
    };
}

rules! {
    B1: "A size hint bounds the bytes that come", "http-body, Body::size_hint";
    B2: "No frame comes from a body that says it has ended", "http-body, Body::is_end_stream";
    B3: "Nothing comes after the trailers", "RFC 9110, 6.5";
    B4: "No frame comes after the end, and a body that failed is not polled again", "http-body, Body::poll_frame";
    B5: "Empty frames do not come in long runs", "RFC 9113, 10.5";
    B7: "As many bytes come as Content-Length says", "RFC 9110, 8.6";
    B8: "Trailers hold no field that is needed before the content", "RFC 9110, 6.5.1";
    M1: "A status or method without content has none", "RFC 9110, 6.4.1";
    M2: "Content-Length is one number, and is not where no content can be", "RFC 9110, 8.6";
    M3: "Fields of the connection are left to the gateway", "RFC 9110, 7.6.1";
    M4: "101 answers an offer to upgrade, and no other 1xx is an answer", "RFC 9110, 15.2";
    M5: "Partial content is asked for and says which part it is", "RFC 9110, 14 and 15.3.7";
    M6: "A status comes with the fields it requires", "RFC 9110, 15";
    M7: "Validators and dates are well formed", "RFC 9110, 5.6.7 and 8.8";
    M9: "A content coding is a coding, and not one that was refused", "RFC 9110, 8.4 and 12.5.3";
    M10: "304 answers a conditional GET or HEAD", "RFC 9110, 15.4.5";
    M11: "Cookies are well formed and keep what their prefix promises", "RFC 6265bis, 4.1";
    M12: "Cross-origin fields say what a browser accepts", "Fetch, 3.3";
    M13: "A field of one value has one line", "RFC 9110, 5.3";
    M14: "Cache-Control is well formed and does not contradict itself", "RFC 9111, 5.2";
    M17: "A status is between 100 and 599", "RFC 9110, 15";
    M18: "A field value does not begin or end with white space", "RFC 9110, 5.5";
    M20: "The target has the form of its method, and Host is a host", "RFC 9112, 3.2";
    M21: "Lists of tokens, media types and numbers are well formed", "RFC 9110, 5.6";
    M22: "An answer to HEAD has no content", "RFC 9110, 9.3.2";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.id(), self.text(), self.source())
    }
}

/// A set of rules, a bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules(u32);

impl Rules {
    pub(super) const fn none() -> Self {
        Self(0)
    }

    pub(super) const fn with(self, rule: Rule) -> Self {
        Self(self.0 | 1 << rule as u32)
    }

    pub(super) const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }
}

const _: () = assert!(Rule::ALL.len() <= 32, "a bit each");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_prints_itself() {
        let m22 = "M22: An answer to HEAD has no content (RFC 9110, 9.3.2)";
        assert_eq!(Rule::M22.to_string(), m22);
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = Rules::none().with(Rule::B1).with(Rule::M22);
        let has: Vec<_> = Rule::ALL.iter().filter(|r| set.has(**r)).collect();
        assert_eq!(has, [&Rule::B1, &Rule::M22]);
    }
}

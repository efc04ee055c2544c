//! What is believed of the fields of a trusted peer.

use http::header::FORWARDED;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};

use super::walk::{Trusted, Walk};
use super::{Fields, host};
use crate::attributes::{ClientAddr, Scheme};
use crate::header::forwarded::{Element, Node, address, elements, node, values};

const X_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What trusted proxies said of a request.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) client: Option<ClientAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<Authority>,
    /// Whether who asks is not known.
    pub(super) lost: bool,
    /// Whether something cannot be read of what proxies that are trusted have written.
    pub(super) unreadable: bool,
}

impl Said {
    /// What the fields say of a request whose peer is trusted.
    pub(super) fn by(
        fields: Fields,
        trusted: Trusted<'_>,
        headers: &HeaderMap,
        asks_host: bool,
    ) -> Self {
        let of = |walk: &Walk, proto: Option<&str>, host: Option<&str>| {
            let host = host.filter(|_| asks_host);
            let (scheme, authority) = (proto.map(scheme), host.map(host::parse));
            Self {
                client: walk.client,
                scheme: scheme.flatten(),
                unreadable: walk.unreadable || scheme == Some(None) || authority == Some(None),
                host: authority.flatten(),
                lost: walk.lost,
            }
        };
        match fields {
            Fields::Forwarded => {
                let mut last = None;
                let nodes = elements(headers, &FORWARDED).map(|element| {
                    last = element;
                    let client = last.as_ref()?.client.as_deref();
                    // One that does not say who has asked hides it.
                    client.map_or(Some(Node::Hidden), node)
                });
                let walk = Walk::along(nodes, trusted);
                let Element { host, proto, .. } = last.unwrap_or_default();
                of(&walk, proto.as_deref(), host.as_deref())
            }
            Fields::XForwarded => {
                let walk = Walk::along(values(headers, &X_FOR).map(address), trusted);
                let names = [X_PROTO, X_HOST];
                let [proto, host] = names.map(|name| member(headers, &name, walk.members));
                of(&walk, proto, host)
            }
        }
    }
}

/// What the proxy wrote that had to write the last of so many members of `X-Forwarded-For`, or who has written over what others wrote; an empty
/// text if it cannot be told which that is, or is none.
fn member<'a>(headers: &'a HeaderMap, name: &HeaderName, members: usize) -> Option<&'a str> {
    let all = || values(headers, name);
    let is_one = all().nth(1).is_none();
    let first = all().next()?;
    let member = if is_one {
        first
    } else {
        all().nth(members.max(1) - 1).unwrap_or_default()
    };
    Some(std::str::from_utf8(member).unwrap_or_default())
}

fn scheme(proto: &str) -> Option<Scheme> {
    let all = [Scheme::Http, Scheme::Https];
    let mut all = all.into_iter();
    all.find(|scheme| proto.eq_ignore_ascii_case(scheme.as_str()))
}

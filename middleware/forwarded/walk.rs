//! Whom a proxy may be, and the walk from the last of them to the client.

use std::fmt;

use crate::attributes::{Attributes, ClientAddr, Connection};
use crate::header::forwarded::Node;
use crate::networks::Networks;

/// How many members are read; a chain of proxies has a few, and one that is longer goes round in a circle.
const MOST: usize = 64;

/// Who is a proxy that is trusted.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    Networks {
        networks: Networks,
        /// Whether a peer on a Unix socket is one.
        unix: bool,
    },
    /// Whoever is among the last so many.
    Number(u8),
}

/// The same, once the peer is known to be one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trusted<'t> {
    Networks(&'t Networks),
    /// So many, the peer among them.
    Number(u8),
}

impl Trust {
    /// Nothing if the peer of a request is not trusted.
    pub(super) fn of(&self, attributes: Option<&Attributes>) -> Option<Trusted<'_>> {
        let connection = attributes.and_then(Attributes::connection);
        // Then a proxy has spoken already that is no peer of ours any more.
        let named = connection.is_some_and(Connection::is_named);
        match self {
            Self::Networks { networks, unix } => {
                let trusted = match attributes.and_then(Attributes::client) {
                    Some(peer) => networks.contain(peer.ip),
                    None => *unix && connection.is_some() && !named,
                };
                trusted.then_some(Trusted::Networks(networks))
            }
            Self::Number(number) => {
                let number = number.saturating_sub(named.into());
                (number > 0).then_some(Trusted::Number(number))
            }
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Networks { networks, unix } => {
                networks.fmt(f)?;
                f.write_str(match unix {
                    true if networks.is_empty() => "unix",
                    true => ",unix",
                    false => "",
                })
            }
            Self::Number(1) => f.write_str("1 proxy"),
            Self::Number(number) => write!(f, "{number} proxies"),
        }
    }
}

/// How a walk has ended.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Walk {
    /// The last address that was named by somebody who is trusted.
    pub(super) client: Option<ClientAddr>,
    /// How many members were looked at. The last of them is what the outermost proxy wrote that is trusted.
    pub(super) members: usize,
    /// Whether that one does not name anybody, or it was the last that is read: the client is not the one who asks.
    pub(super) lost: bool,
    /// Whether it cannot be read.
    pub(super) unreadable: bool,
}

impl Walk {
    /// Along the nodes of a field, the last one first.
    pub(super) fn along(nodes: impl Iterator<Item = Option<Node>>, trusted: Trusted<'_>) -> Self {
        let mut walk = Self::default();
        for node in nodes.take(MOST) {
            walk.members += 1;
            let Some(Node::Address(client)) = node else {
                walk.lost = true;
                walk.unreadable = node.is_none();
                return walk;
            };
            walk.client = Some(client);
            let goes_on = match trusted {
                Trusted::Networks(networks) => networks.contain(client.ip),
                Trusted::Number(number) => walk.members < number.into(),
            };
            if !goes_on {
                return walk;
            }
        }
        walk.lost = walk.members == MOST;
        walk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(trusted: Trusted<'_>, nodes: &[&str]) -> Walk {
        let nodes = nodes.iter().rev();
        Walk::along(
            nodes.map(|text| crate::header::forwarded::address(text.as_bytes())),
            trusted,
        )
    }

    fn ended(client: Option<&str>, members: usize) -> Walk {
        Walk {
            client: client.map(|ip| ClientAddr::new(ip.parse().unwrap(), None)),
            members,
            ..Walk::default()
        }
    }

    #[test]
    fn the_first_who_is_not_trusted_is_the_client() {
        let networks: Networks = "10.0.0.0/8,::1".parse().unwrap();
        let trusted = Trusted::Networks(&networks);
        assert_eq!(walk(trusted, &[]), ended(None, 0));
        assert_eq!(walk(trusted, &["192.0.2.1"]), ended(Some("192.0.2.1"), 1));
        let chain = ["6.6.6.6", "192.0.2.1", "10.0.0.2", "::ffff:10.0.0.1"];
        assert_eq!(walk(trusted, &chain), ended(Some("192.0.2.1"), 3));
        // Who is trusted may ask as well.
        assert_eq!(
            walk(trusted, &["10.0.0.2", "::1"]),
            ended(Some("10.0.0.2"), 2)
        );
    }

    #[test]
    fn of_a_number_it_is_the_one_at_that_number_or_the_last_there_is() {
        let chain = ["6.6.6.6", "192.0.2.1", "10.0.0.1"];
        for (number, client) in [
            (1, "10.0.0.1"),
            (2, "192.0.2.1"),
            (3, "6.6.6.6"),
            (9, "6.6.6.6"),
        ] {
            let members = usize::from(number).min(3);
            assert_eq!(
                walk(Trusted::Number(number), &chain),
                ended(Some(client), members)
            );
        }
        assert_eq!(walk(Trusted::Number(2), &[]), ended(None, 0));
    }

    #[test]
    fn what_is_no_address_ends_it() {
        for (text, unreadable) in [
            ("unknown", false),
            ("_x", false),
            ("", true),
            ("unix:", true),
        ] {
            for number in [2, 3] {
                let lost = Walk {
                    lost: true,
                    unreadable,
                    ..ended(Some("10.0.0.1"), 2)
                };
                assert_eq!(
                    walk(Trusted::Number(number), &["6.6.6.6", text, "10.0.0.1"]),
                    lost
                );
            }
            let lost = Walk {
                lost: true,
                unreadable,
                ..ended(None, 1)
            };
            assert_eq!(walk(Trusted::Number(1), &["6.6.6.6", text]), lost);
            // To its left nobody looks.
            assert_eq!(
                walk(Trusted::Number(1), &[text, "10.0.0.1"]),
                ended(Some("10.0.0.1"), 1)
            );
        }
    }

    #[test]
    fn a_chain_that_goes_round_has_an_end() {
        let all: Networks = "0.0.0.0/0".parse().unwrap();
        let long = ["10.0.0.1"; 1000];
        assert!(!walk(Trusted::Networks(&all), &long[..MOST - 1]).lost);
        let walk = walk(Trusted::Networks(&all), &long);
        assert_eq!((walk.members, walk.lost), (MOST, true));
    }
}

//! Which front servers are believed.

use std::net::SocketAddr;

use tracing::error;

use super::super::address::Protocol;
use crate::middleware::networks::Networks;

/// Who may connect, and is believed in all that it says of clients.
///
/// A front server says who the client is and how it speaks, so that whoever can connect can be anybody. There is no half
/// of it: who is not believed is not served.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::gateway) enum Peers {
    /// Those on this machine.
    #[default]
    Local,
    /// Those in these networks.
    In(Networks),
}

/// Where a FastCGI program is told which front servers there are.
const WEB_SERVERS: &str = "FCGI_WEB_SERVER_ADDRS";

impl Peers {
    /// Those that are named; where FastCGI is spoken, else those of the environment (section 3.2).
    pub(in crate::gateway) fn of(protocol: Protocol, named: Option<&Networks>) -> Self {
        if let Some(named) = named {
            return Self::In(named.clone());
        }
        match std::env::var(WEB_SERVERS) {
            Ok(listed) if protocol == Protocol::FastCgi => Self::listed(&listed),
            _ => Self::Local,
        }
    }

    fn listed(listed: &str) -> Self {
        Self::In(listed.parse().unwrap_or_else(|_| {
            error!(
                listed,
                "{WEB_SERVERS} lists no addresses; nobody is believed"
            );
            Networks::default()
        }))
    }

    /// Whether a peer is believed; one on a Unix socket has no address, and the permissions of the file say who may connect.
    pub(in crate::gateway) fn contain(&self, peer: Option<SocketAddr>) -> bool {
        let Some(peer) = peer else {
            return true;
        };
        match self {
            Self::Local => peer.ip().to_canonical().is_loopback(),
            Self::In(networks) => networks.contain(peer.ip()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_believed_unless_others_are_named() {
        let contain = |peers: &Peers, peer: &str| peers.contain(Some(peer.parse().unwrap()));
        let local = Peers::default();
        for peer in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(contain(&local, peer), "{peer}");
        }
        assert!(!contain(&local, "192.0.2.1:1"));
        assert!(local.contain(None));
        let named = Peers::In("192.0.2.0/24".parse().unwrap());
        assert!(contain(&named, "192.0.2.1:1"));
        assert!(!contain(&named, "127.0.0.1:1"));
        let listed = Peers::listed("192.0.2.7, 192.0.2.8");
        assert!(contain(&listed, "192.0.2.8:1"));
        assert!(!contain(&listed, "127.0.0.1:1"));
        assert!(!contain(&Peers::listed("localhost"), "127.0.0.1:1"));
    }
}

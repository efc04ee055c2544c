//! Certificates of clients.

use std::fs;

use gopuram::gateway::{Authorities, Tls};
use gopuram_tests::Log;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::support::{Ca, Dir, Issued, ask, dial, get, speaking, teller};

/// How many certificates the application is told of, or that the client was sent away.
async fn told(tls: &Tls, config: ClientConfig) -> Result<String, String> {
    let mut io = dial(teller(), tls, config, "a.example")
        .await
        .map_err(|error| error.to_string())?;
    let answer = ask(&mut io, &get("a.example")).await;
    let answer = answer.map_err(|error| error.to_string())?;
    Ok(answer.rsplit(' ').next().unwrap().to_owned())
}

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

struct Parties {
    ca: Ca,
    server: Issued,
    ours: Ca,
    friend: Issued,
    stranger: Issued,
}

impl Parties {
    fn new() -> Self {
        let (ca, ours) = (Ca::new("ca"), Ca::new("clients"));
        Self {
            server: ca.server(&["a.example"]),
            friend: ours.client("friend"),
            stranger: Ca::new("others").client("stranger"),
            ca,
            ours,
        }
    }

    async fn told(
        &self,
        tls: &Tls,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Issued>,
    ) -> Result<String, String> {
        told(tls, speaking(&self.ca, versions, own, &[])).await
    }
}

#[tokio::test]
async fn by_default_nobody_is_asked() {
    let all = Parties::new();
    let tls = all.server.tls();
    for versions in VERSIONS {
        for own in [None, Some(&all.friend), Some(&all.stranger)] {
            assert_eq!(all.told(&tls, versions, own).await.unwrap(), "0");
        }
    }
}

#[tokio::test]
async fn who_is_asked_may_have_none_but_not_a_bad_one() {
    let all = Parties::new();
    let tls = all.server.tls().client_optional(all.ours.authorities());
    for versions in VERSIONS {
        assert_eq!(all.told(&tls, versions, None).await.unwrap(), "0");
        let friend = all.told(&tls, versions, Some(&all.friend)).await;
        assert_eq!(friend.unwrap(), "1");
        let failed = all.told(&tls, versions, Some(&all.stranger)).await;
        let failed = failed.unwrap_err();
        assert!(failed.contains("UnknownCA"), "{failed}");
    }
    assert_eq!(tls.stats().client_certificate, 2);
}

#[tokio::test]
async fn who_must_have_one_is_sent_away_without() {
    let all = Parties::new();
    let tls = all.server.tls().client_required(all.ours.authorities());
    for versions in VERSIONS {
        let friend = all.told(&tls, versions, Some(&all.friend)).await;
        assert_eq!(friend.unwrap(), "1");
        for own in [None, Some(&all.stranger), Some(&all.server)] {
            assert!(all.told(&tls, versions, own).await.is_err());
        }
    }
    assert_eq!(tls.stats().client_certificate, 6);
    assert_eq!(tls.stats().completed, 2);
}

#[tokio::test]
async fn an_expired_client_is_not_served() {
    let all = Parties::new();
    let tls = all.server.tls().client_optional(all.ours.authorities());
    let expired = all.ours.expired("late");
    assert!(all.told(&tls, VERSIONS[1], Some(&expired)).await.is_err());
    assert_eq!(tls.stats().client_certificate, 1);
}

#[tokio::test]
async fn who_was_revoked_is_sent_away_since_the_reload() {
    let all = Parties::new();
    let (first, second) = (all.ours.numbered(1), all.ours.numbered(2));
    let dir = Dir::new();
    let list = dir.path("revoked.pem");
    fs::write(&list, all.ours.revokes(&[1], 2999)).unwrap();
    let authorities = all.ours.authorities().revoked(&list).unwrap();
    let tls = all.server.tls().client_required(authorities);
    for versions in VERSIONS {
        let failed = all.told(&tls, versions, Some(&first)).await.unwrap_err();
        assert!(failed.contains("CertificateRevoked"), "{failed}");
        let served = all.told(&tls, versions, Some(&second)).await;
        assert_eq!(served.unwrap(), "1");
    }
    fs::write(&list, all.ours.revokes(&[1, 2], 2999)).unwrap();
    tls.reload().unwrap();
    assert!(all.told(&tls, VERSIONS[1], Some(&second)).await.is_err());
    fs::write(&list, "nothing").unwrap();
    assert!(tls.reload().is_err());
    assert!(all.told(&tls, VERSIONS[1], Some(&second)).await.is_err());
}

/// Text in PEM, but no list: half of one, as when it is read while it is written.
fn half(list: &str) -> String {
    let lines: Vec<_> = list.lines().collect();
    let (head, body) = lines.split_first().unwrap();
    format!("{head}\n{}\n-----END X509 CRL-----\n", body[0])
}

#[tokio::test]
async fn a_list_that_is_none_is_told_when_it_is_given() {
    let all = Parties::new();
    let good = all.ours.revokes(&[1], 2999);
    let both = format!("{good}{}", half(&good));
    let error = all.ours.authorities().revoked_pem(&both).unwrap_err();
    let told = "list 2 of revoked certificates in the PEM given cannot be used";
    assert!(error.to_string().contains(told), "{error}");
    let dir = Dir::new();
    let file = dir.path("revoked.pem");
    fs::write(&file, &both).unwrap();
    let error = all.ours.authorities().revoked(&file).unwrap_err();
    assert!(error.to_string().contains("revoked.pem"), "{error}");

    // And on a reload all stays as it was.
    fs::write(&file, &good).unwrap();
    let authorities = all.ours.authorities().revoked(&file).unwrap();
    let tls = all.server.tls().client_required(authorities);
    let (revoked, other) = (all.ours.numbered(1), all.ours.numbered(2));
    fs::write(&file, &both).unwrap();
    let (log, logged) = Log::new(tracing::Level::WARN);
    let _guard = tracing::subscriber::set_default(log);
    tls.reload().unwrap_err();
    let said = logged();
    assert!(said.contains("stay as they were") && said.contains("revoked.pem"));
    assert!(all.told(&tls, VERSIONS[1], Some(&revoked)).await.is_err());
    assert!(all.told(&tls, VERSIONS[1], Some(&other)).await.is_ok());
}

#[test]
fn a_list_that_is_too_old_is_told_of() {
    let all = Parties::new();
    let (log, logged) = Log::new(tracing::Level::WARN);
    let _guard = tracing::subscriber::set_default(log);
    let authorities = all.ours.authorities();
    let given = authorities.revoked_pem(all.ours.revokes(&[], 2999));
    given.unwrap();
    assert_eq!(logged(), "");
    let old = all.ours.revokes(&[], 2021);
    all.ours.authorities().revoked_pem(old).unwrap();
    assert!(logged().contains("too old"), "{}", logged());
}

#[tokio::test]
async fn a_list_for_which_clients_are_refused_since_it_is_too_old_is_told_of() {
    let all = Parties::new();
    let old = all.ours.revokes(&[], 2021);
    let authorities = all.ours.authorities().revoked_pem(old).unwrap();
    let tls = all.server.tls().client_required(authorities);
    let (log, logged) = Log::new(tracing::Level::WARN);
    let _guard = tracing::subscriber::set_default(log);
    for _ in 0..3 {
        let friend = all.told(&tls, VERSIONS[1], Some(&all.friend)).await;
        assert!(friend.is_err());
    }
    let said = logged();
    assert_eq!(said.matches("has become too old").count(), 1, "{said}");
}

#[test]
fn lists_are_given_once() {
    let all = Parties::new();
    let some = all
        .ours
        .authorities()
        .revoked_pem(all.ours.revokes(&[1], 2999));
    let more = some.unwrap().revoked_pem(all.ours.revokes(&[2], 2999));
    assert!(more.unwrap_err().to_string().contains("one file"));
}

#[tokio::test]
async fn who_may_have_been_revoked_is_sent_away() {
    let all = Parties::new();
    for list in [
        // Of another authority, and one that is too old.
        all.ca.revokes(&[], 2999),
        all.ours.revokes(&[], 2021),
    ] {
        let authorities = all.ours.authorities().revoked_pem(list).unwrap();
        let tls = all.server.tls().client_required(authorities);
        let friend = all.told(&tls, VERSIONS[1], Some(&all.friend)).await;
        assert!(friend.is_err());
        assert_eq!(tls.stats().client_certificate, 1);
    }
    let error = all.ours.authorities().revoked_pem(all.ours.pem());
    assert!(error.unwrap_err().to_string().contains("no list"));
    let error = Authorities::pem(all.ours.pem()).unwrap().revoked("/none");
    assert!(error.unwrap_err().to_string().contains("no such file"));
}

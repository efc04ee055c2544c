//! What can be wrong with certificates and keys, and how it is told.

use std::fs;
use std::process::Command;

use gopuram::gateway::{Authorities, Certificate, Tls};

use super::support::{Ca, Dir};
use super::tools::part;

fn message(result: Result<impl Sized, gopuram::Error>) -> String {
    let error = result.err().unwrap();
    assert!(error.is_tls() && !error.is_bind());
    error.to_string()
}

#[test]
fn a_mistake_names_its_file() {
    let ca = Ca::new("ca");
    let dir = Dir::new();
    let (a, b) = (ca.server(&["a.example"]), ca.server(&["a.example"]));
    a.write(&dir);
    let (cert, key) = (dir.path("cert.pem"), dir.path("key.pem"));
    fs::write(dir.path("other.pem"), &b.key).unwrap();
    fs::write(dir.path("empty.pem"), "nothing\n").unwrap();
    fs::write(
        dir.path("broken.pem"),
        a.chain.replace("-----END", "----END"),
    )
    .unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(dir.path("garbage.pem"), garbage).unwrap();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(dir.path("locked.pem"), locked).unwrap();

    assert!(Tls::pem_files(&cert, &key).is_ok());
    for (chain, private, problem) in [
        (
            "none.pem",
            "key.pem",
            "cannot read `DIR/none.pem`: there is no such file",
        ),
        (
            "cert.pem",
            "none.pem",
            "cannot read `DIR/none.pem`: there is no such file",
        ),
        (
            "empty.pem",
            "key.pem",
            "there is no certificate in `DIR/empty.pem`",
        ),
        (
            "key.pem",
            "key.pem",
            "there is no certificate in `DIR/key.pem`",
        ),
        (
            "cert.pem",
            "cert.pem",
            "there is no private key in `DIR/cert.pem`",
        ),
        ("broken.pem", "key.pem", "`DIR/broken.pem` is not PEM"),
        (
            "garbage.pem",
            "key.pem",
            "the certificate in `DIR/garbage.pem` cannot be used: BadEncoding",
        ),
        (
            "cert.pem",
            "locked.pem",
            "the private key in `DIR/locked.pem` is encrypted; `openssl pkey` decrypts it",
        ),
        (
            "cert.pem",
            "other.pem",
            "the private key in `DIR/other.pem` does not belong to the first certificate in `DIR/cert.pem`",
        ),
    ] {
        let said = message(Tls::pem_files(dir.path(chain), dir.path(private)));
        let dir = dir.as_ref().display().to_string();
        assert_eq!(said, problem.replace("DIR", &dir));
    }
    let said = message(Authorities::pem_file(&key));
    assert!(said.starts_with("there is no certificate in `"), "{said}");
    let said = message(Authorities::pem(garbage));
    assert_eq!(
        said,
        "a certificate in the PEM given cannot be used: BadEncoding"
    );
    let said = message(Certificate::pem(&a.chain, &b.key));
    assert!(said.contains("does not belong"), "{said}");
}

#[test]
fn a_host_is_a_name() {
    let issued = Ca::new("ca").server(&["a.example"]);
    for wrong in ["", "192.0.2.1", "*", "a.*.example", "a.example:443"] {
        let said = message(issued.tls().host(wrong, issued.certificate()));
        assert!(
            said.starts_with(&format!("`{wrong}` is not a name")),
            "{said}"
        );
    }
}

#[test]
fn one_that_has_expired_is_used() {
    let expired = Ca::new("ca").expired("a.example");
    assert!(Tls::pem(&expired.chain, &expired.key).is_ok());
}

#[test]
fn no_key_is_shown() {
    let dir = Dir::new();
    let issued = Ca::new("ca").server(&["a.example"]);
    issued.write(&dir);
    let secret = issued.key.lines().nth(1).unwrap();
    let shown = format!("{:?} {:#?}", issued.tls(), dir.tls());
    assert!(
        shown.contains("key.pem") && !shown.contains(secret),
        "{shown}"
    );
}

#[test]
fn keys_come_in_three_forms() {
    if !part("openssl") {
        return;
    }
    let dir = Dir::new();
    let openssl = |args| openssl(&dir, args);
    for (make, convert) in [
        (
            "genrsa -out key.pem 2048",
            "pkey -in key.pem -traditional -out old.pem",
        ),
        (
            "ecparam -name prime256v1 -genkey -out old.pem",
            "pkey -in old.pem -out key.pem",
        ),
    ] {
        openssl(make);
        openssl(convert);
        openssl("req -x509 -key key.pem -subj /CN=a -days 2 -out cert.pem");
        let old = fs::read_to_string(dir.path("old.pem")).unwrap();
        assert!(old.contains("BEGIN RSA PRIVATE KEY") || old.contains("BEGIN EC PRIVATE KEY"));
        for key in ["key.pem", "old.pem"] {
            let tls = Tls::pem_files(dir.path("cert.pem"), dir.path(key));
            assert!(tls.is_ok(), "{make}: {tls:?}");
        }
    }
    openssl("genpkey -algorithm ed25519 -out key.pem");
    openssl("req -x509 -key key.pem -subj /CN=a -days 2 -out cert.pem");
    assert!(Tls::pem_files(dir.path("cert.pem"), dir.path("key.pem")).is_ok());
}

#[test]
fn why_one_cannot_be_used_is_told() {
    if !part("openssl") {
        return;
    }
    let dir = Dir::new();
    let said = |make: &[&str]| {
        for args in make {
            openssl(&dir, args);
        }
        message(Tls::pem_files(dir.path("cert.pem"), dir.path("key.pem")))
    };
    let first = said(&[
        "ecparam -name prime256v1 -genkey -noout -out key.pem",
        "req -new -key key.pem -subj /CN=a -out request.pem",
        "x509 -req -in request.pem -signkey key.pem -days 2 -out cert.pem",
    ]);
    assert!(
        first.contains("cannot be used: UnsupportedCertVersion; it is of X.509 version 1"),
        "{first}"
    );
    let critical = said(&[
        "req -x509 -key key.pem -subj /CN=a -addext 1.2.3.4=critical,ASN1:UTF8String:x -out cert.pem",
    ]);
    assert!(
        critical.ends_with("cert.pem` cannot be used: UnsupportedCriticalExtension"),
        "{critical}"
    );
    let short = said(&[
        "genrsa -out key.pem 1024",
        "req -x509 -key key.pem -subj /CN=a -days 2 -out cert.pem",
    ]);
    assert!(
        short.contains("the private key in ") && short.contains("RSA of 2048 bits or more"),
        "{short}"
    );
    let key = said(&[
        "genrsa -out new.pem 2048",
        "req -x509 -key new.pem -subj /CN=a -days 2 -out cert.pem",
        "pkey -in new.pem -outform der -out key.pem",
    ]);
    assert!(
        key.contains("there is no private key in ") && key.contains("`openssl pkey -inform der`"),
        "{key}"
    );
    let chain = said(&[
        "x509 -in cert.pem -outform der -out cert.der",
        "x509 -in cert.der -inform der -outform der -out cert.pem",
    ]);
    assert!(
        chain.contains("there is no certificate in ")
            && chain.contains("`openssl x509 -inform der`"),
        "{chain}"
    );
}

fn openssl(dir: &Dir, args: &str) {
    let done = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args}: {done:?}");
}

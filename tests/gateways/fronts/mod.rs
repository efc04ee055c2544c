//! Real front servers before one application: the same is asked through each of them, by each protocol that they speak.
//!
//! Their configurations are those in `examples/fronts`. What goes another way than it should is in [`DIFFERENCES`], each with what in the front
//! server makes it so; a difference that is gone fails as well.

mod asked;
mod real;

use asked::ASKED;
use real::Front;

/// What front servers do in their own ways: who, what is asked, why.
const DIFFERENCES: &[(&[&str], &str, &str)] = &[
    (
        &[
            "apache_cgi",
            "apache_fastcgi",
            "apache_http",
            "apache_scgi",
            "apache_uwsgi",
        ],
        "lines of one field",
        "joins lines of `Cookie` by a comma, as those of any field",
    ),
    (
        &["apache_cgi", "apache_fastcgi", "apache_scgi"],
        "HEAD",
        "does not tell the length of what it does not send",
    ),
    (
        &["apache_scgi", "apache_uwsgi"],
        "a chunked body",
        "answers 411 itself: the protocol has no body of unknown length, and it does not buffer",
    ),
    (
        &[
            "apache_fastcgi",
            "apache_http",
            "apache_scgi",
            "apache_uwsgi",
        ],
        "the end of who waits",
        "does not look at its client while the application says nothing",
    ),
    (
        &[
            "lighttpd_fastcgi",
            "lighttpd_http",
            "lighttpd_scgi",
            "lighttpd_uwsgi",
        ],
        "the end of who waits",
        "does not look at its client while the application says nothing",
    ),
    (
        &[
            "lighttpd_cgi",
            "lighttpd_fastcgi",
            "lighttpd_http",
            "lighttpd_scgi",
            "lighttpd_uwsgi",
        ],
        "fields",
        "drops fields without a value",
    ),
    (
        &[
            "lighttpd_cgi",
            "lighttpd_fastcgi",
            "lighttpd_http",
            "lighttpd_scgi",
            "lighttpd_uwsgi",
        ],
        "a method that is not known",
        "answers 501 itself",
    ),
    (
        &[
            "lighttpd_cgi",
            "lighttpd_fastcgi",
            "lighttpd_scgi",
            "lighttpd_uwsgi",
        ],
        "names with underscores",
        "passes both spellings as one variable, and nobody behind it can tell them apart",
    ),
    (
        &["apache_cgi", "lighttpd_cgi"],
        "an answer that breaks off",
        "the end of the output is all that CGI has",
    ),
    (
        &["apache_http", "nginx_http"],
        "httpoxy",
        "a field like any other over HTTP; it is its variable that is dropped",
    ),
    (
        &["nginx_http"],
        "who the client is",
        "over HTTP the client is the proxy, and on a Unix socket nobody",
    ),
];

/// What differs by the version, or by who is faster.
const UNSETTLED: &[(&[&str], &str, &str)] = &[
    (
        &["nginx_fastcgi", "nginx_scgi", "nginx_uwsgi"],
        "the host and its port",
        "Debian's parameter files make `HTTP_HOST` of `$host`, which has no port",
    ),
    (
        &["apache_uwsgi", "lighttpd_scgi", "lighttpd_uwsgi"],
        "an answer that breaks off",
        "may take a reset connection for one that ended",
    ),
];

/// Asks all through one of them.
async fn ask(name: &str) {
    let Some(front) = Front::start(name).await else {
        return;
    };
    let mut wrong = Vec::new();
    for (what, check) in ASKED {
        let is_in = |list: &[(&[&str], &str, &str)]| {
            let mut list = list.iter();
            list.any(|(who, at, _)| who.contains(&name) && at == what)
        };
        if is_in(UNSETTLED) {
            continue;
        }
        match (check(&front).await, is_in(DIFFERENCES)) {
            (Ok(()), false) | (Err(_), true) => {}
            (Ok(()), true) => wrong.push(format!("{what}: as it should be, though listed")),
            (Err(problem), false) => wrong.push(format!("{what}: {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{name}\n{}", wrong.join("\n"));
}

macro_rules! fronts {
    ($($name:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            ask(stringify!($name)).await;
        })*
    };
}

fronts! {
    apache_cgi,
    apache_fastcgi,
    apache_http,
    apache_scgi,
    apache_uwsgi,
    haproxy_fastcgi,
    lighttpd_cgi,
    lighttpd_fastcgi,
    lighttpd_http,
    lighttpd_scgi,
    lighttpd_uwsgi,
    nginx_fastcgi,
    nginx_http,
    nginx_scgi,
    nginx_uwsgi,
}

//! Who sees the page of `metrics` behind nginx, over HTTP and over FastCGI, by what a file allows.

use std::path::PathBuf;

use gopuram::config::Config;
use gopuram::middleware::Router;

use super::nginx::{Front, NGINX};
use super::prometheus::{promtool, reads};
use super::support::{get, part, part_by};

const SITE: &str = r#"
listen = ["unix:http.sock?mode=666", "fastcgi:unix:fastcgi.sock?mode=666"]

[[layer]]
name = "metrics"
at = "/metrics"
allow = ["203.0.113.0/24", "::ffff:198.51.100.0/120"]
"#;

/// A location for each way in which nginx tells who its client is, or does not.
fn locations(dir: &str) -> String {
    let http = |name: &str, told: &str| {
        format!("location /{name} {{ proxy_pass http://unix:{dir}/http.sock:/metrics; {told} }}\n")
    };
    let fastcgi = |name: &str, client: &str| {
        format!(
            "location /{name} {{
                fastcgi_pass unix:{dir}/fastcgi.sock;
                fastcgi_param REQUEST_METHOD $request_method;
                fastcgi_param REQUEST_URI /metrics;
                fastcgi_param SERVER_PROTOCOL $server_protocol;
                fastcgi_param REMOTE_ADDR {client};
            }}\n"
        )
    };
    [
        http("silent", ""),
        http(
            "told",
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        ),
        http("real", "proxy_set_header X-Real-IP 203.0.113.9;"),
        fastcgi("here", "127.0.0.1"),
        fastcgi("allowed", "203.0.113.9"),
        fastcgi("mapped", "198.51.100.7"),
        fastcgi("far", "192.0.2.1"),
    ]
    .concat()
}

#[tokio::test]
async fn the_page_is_for_whom_the_front_names_and_the_file_allows() {
    if !part_by(NGINX, "-v") {
        return;
    }
    let dir = std::env::temp_dir().join(format!("gopuram-metrics-{}", std::process::id()));
    let sockets = PathBuf::from(format!("{}-sockets", dir.display()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::create_dir_all(&sockets).unwrap();
    let config = Config::parse(SITE, &sockets).unwrap_or_else(|wrong| panic!("{wrong}"));
    let app = Router::new().get("/metrics", async |_| "not for you");
    let server = config.serve(app).listen().await.unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    let front = Front::of(dir, &locations(&sockets.display().to_string()));

    let forged = ["x-forwarded-for: 203.0.113.9"];
    for (location, fields, is_shown) in [
        // What a front passes on without a word comes from this machine, as far as can be told.
        ("/silent", &[][..], true),
        ("/silent", &forged[..], false),
        ("/told", &[], false),
        ("/told", &forged, false),
        ("/real", &[], false),
        ("/here", &[], true),
        ("/allowed", &[], true),
        ("/mapped", &[], true),
        ("/far", &[], false),
        // Over FastCGI the front is believed, and not its client.
        ("/far", &forged, false),
        ("/allowed", &["x-forwarded-for: 192.0.2.1"], true),
    ] {
        let res = front.ask(get(location, fields)).await;
        res.assert_status(200);
        let page = res.text();
        let is_page = page.starts_with("# HELP http_server_requests");
        assert_eq!(is_page, is_shown, "{location} {fields:?}: {page}");
        assert!(is_page || page == "not for you", "{page}");
    }
    let page = front.ask(get("/allowed", &[])).await.text();
    let told = "http_server_requests_total{http_request_method=\"GET\",http_route=\"/metrics\",http_response_status_code=\"200\"} 6\n";
    assert!(page.contains(told), "{page}");
    if part("promtool") {
        assert_eq!(reads(promtool(), &page), "");
    }

    drop(front);
    handle.stop();
    serving.await.unwrap().unwrap();
    std::fs::remove_dir_all(sockets).unwrap();
}

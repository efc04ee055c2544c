//! M: an application under a prefix.

use std::convert::Infallible;

use gopuram::Body;
use gopuram::middleware::Router;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::router::Endpoint;
use http::{Request, Response};
use proptest::prelude::*;
use tower::ServiceExt as _;
use tower::util::service_fn;

/// Says its prefix and what it sees, with a bar between them.
async fn seen(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let prefix = Attributes::of(&req).map_or("", |a| a.mount().prefix());
    let text = format!("{prefix}|{}", req.uri());
    Ok(Response::new(Body::from(text)))
}

/// `seen`, mounted at these prefixes from the outside in, if all are prefixes.
fn mounted(prefixes: &[String]) -> Option<Router> {
    let mut app = Router::new().mount("/", service_fn(seen));
    for prefix in prefixes.iter().rev() {
        let mut outer = Router::new();
        outer.try_mount(prefix, Endpoint::service(app)).ok()?;
        app = outer;
    }
    Some(app)
}

/// What is answered to a target; `None` if the mount was not reached.
fn get(app: Router, target: &str) -> Option<(String, String)> {
    let req = Request::get(target).body(Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let res = runtime.block_on(app.oneshot(req)).unwrap();
    if res.status() != 200 {
        return None;
    }
    let text = res.into_body().try_into_bytes().unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let (prefix, rest) = text.split_once('|').unwrap();
    Some((prefix.to_owned(), rest.to_owned()))
}

proptest! {
    #[test]
    fn m1_prefix_and_rest_are_the_path_as_it_was_received(
        prefixes in prop::collection::vec("(/[a-c]|/%2f|/\\{x\\}){1,2}", 1..4),
        rest in "[a-c%./~]{0,8}",
        encode: bool,
    ) {
        // A percent sign alone is no encoding, and is left alone as well.
        let mut path = prefixes.concat().replace("{x}", "c%20");
        if encode {
            path = path.replace('a', "%61");
        }
        let target = format!("{path}/{rest}");
        // A pattern that has a name twice in it is none.
        let Some(app) = mounted(&prefixes) else { return Ok(()) };
        let found = get(app, &target);
        prop_assert_eq!(found, Some((path, format!("/{rest}"))));
    }

    #[test]
    fn m2_a_prefix_is_empty_or_starts_with_a_slash_and_does_not_end_with_one(
        prefix in "[/ab]{0,5}",
        rest in "[/ab]{0,5}",
    ) {
        let Some(app) = mounted(std::slice::from_ref(&prefix)) else { return Ok(()) };
        for target in [format!("/{rest}"), format!("{prefix}/{rest}")] {
            let Some((said, seen)) = (if target.starts_with('/') { get(app.clone(), &target) } else { None }) else {
                continue;
            };
            let is_prefix = said.is_empty() || said.starts_with('/') && !said.ends_with('/');
            prop_assert!(is_prefix, "{:?} of {:?}", said, prefix);
            prop_assert_eq!(said + &seen, target);
        }
    }

    #[test]
    fn m2_whatever_a_layer_says_it_enters(prefix in "/?[/ab]{0,5}", inner in "/[ab]") {
        let mut attributes = Attributes::default();
        attributes.enter_mount(&inner);
        attributes.enter_mount(&prefix);
        let said = attributes.mount().prefix();
        prop_assert!(said.starts_with('/') && !said.ends_with('/'), "{}", said);
    }

    #[test]
    fn m3_a_mount_in_a_mount_adds_to_the_prefix_and_leaves_the_query(
        depth in 1..5_usize,
        query in "(\\?[a-c=&/%?]{0,6})?",
    ) {
        let prefixes: Vec<_> = (0..depth).map(|n| format!("/m{n}")).collect();
        let path = prefixes.concat();
        let found = get(mounted(&prefixes).unwrap(), &format!("{path}/x{query}"));
        prop_assert_eq!(found, Some((path, format!("/x{query}"))));
    }
}

#[test]
fn m1_encodings_in_the_prefix_and_the_rest_stay() {
    let app = mounted(&["/caf\u{e9}".to_owned()]).unwrap();
    let found = get(app, "/caf%c3%a9//a/../%2f%41");
    let expected = ("/caf%c3%a9".to_owned(), "//a/../%2f%41".to_owned());
    assert_eq!(found, Some(expected));
}

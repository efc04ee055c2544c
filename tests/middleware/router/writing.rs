//! Routes as they are written: conflicts, names, lists.

use gopuram::middleware::Router;
use gopuram::middleware::router::{Endpoint, Error, Lookup};
use http::Method;

async fn ok<T>(_: T) {}

fn endpoint() -> Endpoint {
    Endpoint::handler(ok)
}

/// What is said when `pattern` is added to a router with all kinds of routes.
fn added(pattern: &str) -> Result<(), String> {
    let mut router = Router::new()
        .get("/users/{id}", ok)
        .get("/f/{x}.gz", ok)
        .get("/f/{*x}", ok)
        .get("/caf\u{e9}", ok)
        .mount("/static", Router::new());
    let added = router.try_route(Some(Method::GET), pattern, endpoint());
    added.map_err(|error| error.to_string())
}

#[test]
fn patterns_conflict_if_they_match_the_same() {
    for (pattern, old) in [
        ("/users/{name}", "/users/{id}"),
        ("/f/{*y}", "/f/{*x}"),
        ("/f/{y}.gz", "/f/{x}.gz"),
        ("/caf%c3%a9", "/caf\u{e9}"),
    ] {
        let error = format!("route `GET {pattern}` matches the same requests as `GET {old}`");
        assert_eq!(added(pattern), Err(error));
    }
}

#[test]
fn patterns_that_overlap_do_not_conflict() {
    for pattern in [
        "/users/me",
        "/users/{id}/",
        "/users/{*all}",
        "/{x}/me",
        "/f/{x}",
        "/f/a{x}",
        "/f/a{x}.gz",
        "/static",
        "/static/",
        "/static/{x}",
        "/static/{*x}",
    ] {
        assert_eq!(added(pattern), Ok(()));
    }
}

#[test]
fn what_is_no_pattern_says_why() {
    assert_eq!(
        added("/a/{*b}/c").unwrap_err(),
        "pattern `/a/{*b}/c`: `{*..}` is the end of a pattern"
    );
}

#[test]
#[should_panic(expected = "route `GET /{b}` matches the same requests as `GET /{a}`")]
fn a_conflict_that_is_written_panics() {
    drop(Router::new().get("/{a}", ok).get("/{b}", ok));
}

#[test]
#[should_panic(expected = "there is no route to name `static`")]
fn only_a_route_can_be_named() {
    let mounted = Router::new().mount("/static", Router::new());
    drop(mounted.named("static"));
}

#[test]
fn a_router_that_is_not_taken_leaves_things_as_they_were() {
    let mut router = Router::new().get("/a/{x}", ok).get("/b", ok).named("b");
    let before = router.routes().to_string();
    for inner in [
        Router::new().get("/new", ok).get("/{y}", ok),
        Router::new().get("/new", ok).get("/other", ok).named("b"),
        Router::new()
            .get("/new", ok)
            .get("/{x}/{x2}/{z}", ok)
            .host("a.test", |r| r.get("/", ok)),
    ] {
        let error = if inner.routes().len() == 3 {
            router.try_host("b.test", inner).unwrap_err()
        } else {
            router.try_nest("/a", inner).unwrap_err()
        };
        assert_eq!(router.routes().to_string(), before, "{error}");
    }
}

#[test]
fn parameters_of_other_routers_are_not_taken_for_text() {
    for pattern in ["/users/:id", "/*rest", "/a/*"] {
        let error = Router::new().try_route(None, pattern, endpoint());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a parameter is `{name}`"), "{error}");
    }
    let router = Router::new().get("/a:b/::c/**", ok);
    let found = router.lookup(&Method::GET, "/a:b/:c/*");
    assert!(matches!(found, Lookup::Found(_)));
}

#[test]
fn every_mistake_has_its_words() {
    let mut router = Router::new().get("/a", ok).named("a");
    let error = router
        .try_nest("/x", Router::new().get("/b", ok).named("a"))
        .unwrap_err();
    assert_eq!(error.to_string(), "the name `a` of `/x/b` is that of `/a`");
    let inner = Router::new().host("i.test", |r| r.get("/", ok));
    let error = router.try_host("*.o.test", inner).unwrap_err();
    assert_eq!(
        error.to_string(),
        "host `i.test` is inside of host `*.o.test`"
    );
    let error = router.try_host("a:80", Router::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "host `a:80` is not a name or `*.` and a name, without a port"
    );
    let error = router
        .try_nest("/x/{id}", Router::new().get("/{id}", ok))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "pattern `/x/{id}/{id}`: two parameters have one name"
    );
    router.try_mount("/m", endpoint()).unwrap();
    let error = router.try_mount("/m", endpoint()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route `* /m/{*}` matches the same requests as `* /m/{*}`"
    );
    router.try_fallback(endpoint()).unwrap();
    assert!(matches!(
        router.try_fallback(endpoint()),
        Err(Error::Conflict { .. })
    ));
    let on_host = |router: &mut Router| router.try_host("h.test", Router::new().get("/", ok));
    on_host(&mut router).unwrap();
    let error = on_host(&mut router).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route `GET h.test/` matches the same requests as `GET h.test/`"
    );
}

#[test]
fn a_clone_goes_its_own_way() {
    let one = Router::new().get("/a", ok);
    let two = one.clone().get("/b", ok);
    assert_eq!((one.routes().len(), two.routes().len()), (1, 2));
}

#[test]
fn routes_are_listed_as_a_table() {
    let router = Router::new()
        .get("/users/{id}", ok)
        .named("user")
        .delete("/users/{id}", ok)
        .mount("/static", Router::new())
        .host("*.test", |r| r.post("/", ok))
        .fallback(ok);
    assert_eq!(
        router.routes().to_string(),
        "POST    *.test/\n\
         GET     /users/{id}  user\n\
         DELETE  /users/{id}\n\
         *       /static/{*}  (mount)\n\
         *       /{*}         (fallback)\n"
    );
}

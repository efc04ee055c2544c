//! Which methods there are: the value of `Allow` (RFC 9110, section 10.2.1).

use http::{HeaderValue, Method};

/// The methods of some routes, and those that the router answers: a value for `Allow`.
#[derive(Clone, Debug)]
pub(super) struct Allow {
    methods: Vec<Method>,
    value: HeaderValue,
}

impl Default for Allow {
    fn default() -> Self {
        Self {
            methods: vec![Method::OPTIONS],
            value: HeaderValue::from_static("OPTIONS"),
        }
    }
}

impl Allow {
    /// The methods, sorted.
    pub(super) const fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Adds a method, and `HEAD` with `GET`.
    pub(super) fn add(&mut self, method: &Method) {
        if self.methods.contains(method) {
            return;
        }
        self.methods.push(method.clone());
        if *method == Method::GET {
            self.add(&Method::HEAD);
        }
        self.methods
            .sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        // A method is a token, which a field value may be.
        if let Ok(value) = HeaderValue::try_from(names.join(", ")) {
            self.value = value;
        }
    }
}

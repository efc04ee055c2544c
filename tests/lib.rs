//! Behaviour on the wire: everything is in the tests.

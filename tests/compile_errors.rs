//! What the compiler says of stacks that are wrong, in words.

/// Compiles `compile_errors/*.rs`, each against its `.stderr`.
///
/// After a change on purpose: `TRYBUILD=overwrite cargo test -p gopuram-tests --test compile_errors`, and read
/// what a user will read.
#[test]
fn wrong_stacks_are_refused_in_words() {
    trybuild::TestCases::new().compile_fail("compile_errors/*.rs");
}

//! The application of the tests as a program that front servers start.

mod conformance;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), gopuram::Error> {
    gopuram::serve(conformance::app()).await
}

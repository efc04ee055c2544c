//! The application as a CGI program.

mod app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), gopuram::Error> {
    gopuram::serve(app::app()).await
}

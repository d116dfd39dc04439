//! The callback handler as a Lambda `bootstrap`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    everstep_research::callback_bootstrap().await
}

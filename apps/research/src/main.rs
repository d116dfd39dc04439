//! The Lambda `bootstrap`: one binary, the function is chosen by `_HANDLER`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    everstep_research::bootstrap().await
}

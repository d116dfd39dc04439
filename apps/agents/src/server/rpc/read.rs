use a2a::{A2AError, JsonRpcId, JsonRpcRequest, JsonRpcResponse, error_code};
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Reads a JSON body of at most `bytes_max` bytes. Another content type is refused, because browsers send forms and plain
/// text across origins without asking, and an agent on loopback must not be driven by a web page.
pub(in crate::server) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Response> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    if !matches!(
        content_type.as_deref(),
        Some("application/json" | "application/a2a+json")
    ) {
        let failure = A2AError::content_type_not_supported();
        return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &failure));
    }
    to_bytes(body, bytes_max).await.map_err(|_| {
        let text = format!("Request body is larger than {bytes_max} bytes or broke off");
        let failure = A2AError::new(error_code::INVALID_REQUEST, text);
        refusal(StatusCode::PAYLOAD_TOO_LARGE, &failure)
    })
}

fn refusal(status: StatusCode, failure: &A2AError) -> Response {
    let body = JsonRpcResponse::error(JsonRpcId::Null, failure.to_jsonrpc_error());
    (status, Json(body)).into_response()
}

/// The id of a request, even of one that is wrong otherwise.
pub(in crate::server) fn id_of(body: &[u8]) -> JsonRpcId {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| value.get("id").cloned())
        .and_then(|id| serde_json::from_value(id).ok())
        .unwrap_or(JsonRpcId::Null)
}

/// One JSON-RPC 2.0 request; batches are not part of A2A.
pub(super) fn request(body: &[u8]) -> Result<JsonRpcRequest, A2AError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|reason| A2AError::parse_error(reason.to_string()))?;
    let request: JsonRpcRequest = serde_json::from_value(value)
        .map_err(|reason| A2AError::invalid_request(reason.to_string()))?;
    if request.jsonrpc != "2.0" {
        return Err(A2AError::invalid_request("jsonrpc must be \"2.0\""));
    }
    Ok(request)
}

/// No version means 0.3, which this agent does not speak.
pub(super) fn version(headers: &HeaderMap) -> Result<(), A2AError> {
    let version = headers
        .get(a2a::SVC_PARAM_VERSION)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|version| !version.is_empty())
        .unwrap_or("0.3");
    if version == a2a::VERSION || version.starts_with("1.0.") {
        Ok(())
    } else {
        Err(A2AError::version_not_supported(version))
    }
}

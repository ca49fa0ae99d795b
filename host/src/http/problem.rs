//! Error answers as defined by RFC 9457, each with a code that programs can match on.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `kind` says which problem it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub type_: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The status code.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    pub status: u16,
    /// What was wrong, in a line for people.
    #[schema(example = "there is nothing at /v2")]
    pub detail: String,
    /// What was wrong, in a word for programs.
    #[schema(example = "not_found")]
    pub kind: String,
}

impl Problem {
    /// `kind` is in snake case; `detail` is one line that says what was wrong and, where it helps, what to do.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            type_: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            kind: kind.to_owned(),
        }
    }

    /// 400 `bad_request`: the path, the query or the body does not say what it should.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 404 `not_found`.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 405 `method_not_allowed`.
    #[must_use]
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 403 `cross_origin`: another page asks.
    #[must_use]
    pub fn cross_origin(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_origin", detail)
    }

    /// 408 `time_out`: the request took too long to arrive or to be answered.
    #[must_use]
    pub fn time_out(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "time_out", detail)
    }

    /// 413 `body_too_large`.
    #[must_use]
    pub fn body_too_large(bytes_max: u64) -> Self {
        let detail =
            format!("a request's body may have {bytes_max} bytes at most: send less at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// 415 `unsupported_media_type`: the body is not said to be JSON.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "the body has to be JSON: send Content-Type: application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// 421 `wrong_host`: this server is not reached under that name.
    #[must_use]
    pub fn wrong_host(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", detail)
    }

    /// 429 `too_many_requests`; the answer should bear `Retry-After` too.
    #[must_use]
    pub fn too_many_requests(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
    }

    /// 500 `internal`: the fault is this program's.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503 `busy`: what others wait for, or what the same client waits for, comes first.
    #[must_use]
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = HeaderValue::from_static(PROBLEM_JSON);
        (status, [(CONTENT_TYPE, content_type)], axum::Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_what_the_standard_says_and_a_kind() {
        let problem = Problem::not_found("there is no block 7");
        let response = problem.clone().into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");

        let text = serde_json::to_string(&problem).expect("it is JSON");
        let expected = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no block 7","kind":"not_found"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Problem>(&text).expect("it is a problem"), problem);
    }
}

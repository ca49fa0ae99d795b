//! Metrics as an answer.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// Counters and gauges in the text format of OpenMetrics, as Prometheus scrapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMetrics(pub String);

impl IntoResponse for OpenMetrics {
    fn into_response(self) -> Response {
        let content_type =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        ([(CONTENT_TYPE, content_type)], self.0).into_response()
    }
}

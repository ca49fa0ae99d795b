//! Turns a registry of metrics into an HTTP answer in the format that Prometheus reads.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

const OPEN_METRICS: &str = "application/openmetrics-text";

/// Counters and gauges in the OpenMetrics text format, which Prometheus reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMetrics(pub String);

impl OpenMetrics {
    /// Makes the answer for a client that sent these headers. A client that does not ask for
    /// OpenMetrics gets the older text format of Prometheus, which every tool can read.
    #[must_use]
    pub fn for_reader(self, headers: &HeaderMap) -> Response {
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.any(|value| value.contains(OPEN_METRICS)) {
            return self.into_response();
        }
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        ([(CONTENT_TYPE, content_type)], older(&self.0)).into_response()
    }
}

impl IntoResponse for OpenMetrics {
    fn into_response(self) -> Response {
        let content_type =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        ([(CONTENT_TYPE, content_type)], self.0).into_response()
    }
}

/// In the older format a counter is declared under the same name as its samples, and there are
/// neither units nor a marker for the end.
fn older(text: &str) -> String {
    let counters = text.lines().filter_map(|line| {
        line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter"))
    });
    let counters: Vec<&str> = counters.collect();
    let mut older = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|keyword| {
            let (name, rest) = line.strip_prefix(keyword)?.split_once(' ')?;
            counters.contains(&name).then(|| format!("{keyword}{name}_total {rest}"))
        });
        older.push_str(described.as_deref().unwrap_or(line));
        older.push('\n');
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP a_bytes Bytes.
# TYPE a_bytes counter
# UNIT a_bytes bytes
a_bytes_total 1
# HELP b Things.
# TYPE b gauge
b{kind=\"# EOF\"} 2
# EOF
";

    #[test]
    fn only_who_asks_for_open_metrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";
        for (accept, expected) in
            [(None, "text/plain"), (Some("*/*"), "text/plain"), (Some(prometheus), OPEN_METRICS)]
        {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            let answer = OpenMetrics(TEXT.to_owned()).for_reader(&headers);
            let content_type = answer.headers()[CONTENT_TYPE].to_str().expect("a text");
            assert_eq!(content_type.split(';').next(), Some(expected));
        }
    }

    #[test]
    fn the_older_format_names_counters_by_their_samples() {
        let expected = "\
# HELP a_bytes_total Bytes.
# TYPE a_bytes_total counter
a_bytes_total 1
# HELP b Things.
# TYPE b gauge
b{kind=\"# EOF\"} 2
";
        assert_eq!(older(TEXT), expected);
    }
}

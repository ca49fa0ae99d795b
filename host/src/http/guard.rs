//! Refuses requests that do not name this server in their `Host` header, and requests that a page
//! of another site made. This keeps a hostile page, or a DNS name that points here, from using a
//! visitor's browser against the server.
//!
//! It does not decide which user may do what; that belongs to whoever serves the routes.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
    HOST, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::uri::Scheme;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};

use crate::http::authority::{Authority, Host, Origin};
use crate::http::problem::Problem;
use crate::http::site::Site;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The headers that tell a browser how to treat every answer: it uses only scripts and styles from
/// this server, shows the page in no frame, and lets no other site read it.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The origin of another site's page that may read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reader(HeaderValue);

/// The page that made a request, as far as the browser says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Source {
    pub(crate) reader: Option<Reader>,
    pub(crate) is_own_page: bool,
}

/// Returns the host that a request names, if it is one of this server's; `None` for a probe that names none of them.
///
/// # Errors
/// 421 if the request names no host, several hosts, or a host that is not this server's; 400 if its
/// target is not a path.
pub(crate) fn check_host(site: &Site, parts: &Parts) -> Result<Option<Authority>, Problem> {
    match named_host(site, parts) {
        Ok(host) => Ok(Some(host)),
        Err(_) if is_probe(site, parts) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn named_host(site: &Site, parts: &Parts) -> Result<Authority, Problem> {
    let target = parts.uri.authority();
    let text = match target {
        // HTTP/1.0 knows no Host, and a whole address in the request line says it as well.
        Some(target) if parts.version == Version::HTTP_10 && !parts.headers.contains_key(HOST) => {
            Some(target.as_str())
        }
        Some(_) | None => only(&parts.headers, &HOST),
    };
    let Some(text) = text else {
        return Err(Problem::wrong_host("a request names its host once, in Host"));
    };
    let host = Authority::parse(text)
        .filter(|host| site.serves(host))
        .ok_or_else(|| Problem::wrong_host("this server is not reached under the name in Host"))?;
    if let Some(target) = target
        && Authority::parse(target.as_str()).as_ref() != Some(&host)
    {
        return Err(Problem::wrong_host("the host in the request line is not the one in Host"));
    }
    if parts.uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP) {
        return Err(Problem::wrong_host("this server speaks http alone"));
    }
    if !parts.uri.path().starts_with('/') {
        return Err(Problem::bad_request("the request line has no path"));
    }
    Ok(host)
}

/// Whether a program asks whether the server works, and names no host, or any address instead of a name.
fn is_probe(site: &Site, parts: &Parts) -> bool {
    let is_address =
        |text: &str| Authority::parse(text).is_some_and(|named| matches!(named.host, Host::Ip(_)));
    let is_look = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let has_no_name = match only(&parts.headers, &HOST) {
        Some(text) => text.is_empty() || is_address(text),
        None => !parts.headers.contains_key(HOST),
    };
    let has_plain_target = match (parts.uri.scheme(), parts.uri.authority()) {
        (None, None) => true,
        (Some(scheme), Some(target)) => *scheme == Scheme::HTTP && is_address(target.as_str()),
        (None, Some(_)) | (Some(_), None) => false,
    };
    is_look && site.is_probed_at(parts.uri.path()) && has_no_name && has_plain_target
}

/// Lets a request pass if no page made it, if a page of this server made it, or if the page is
/// allowed to read.
///
/// # Errors
/// 403 if any other page made it, unless a person followed a link.
pub(crate) fn check_source(
    site: &Site,
    parts: &Parts,
    host: Option<&Authority>,
) -> Result<Source, Problem> {
    let headers = &parts.headers;
    let fetch_site = only(headers, &SEC_FETCH_SITE);
    // Pages cannot write this header themselves. It is checked first because, behind a proxy, the
    // server's own pages may be served under an origin that is listed only for reading.
    let mut source = Source { reader: None, is_own_page: fetch_site == Some("same-origin") };
    if headers.contains_key(ORIGIN) {
        let origin = only(headers, &ORIGIN).and_then(|text| text.parse::<Origin>().ok());
        match origin {
            Some(origin) if site.lets_read(&origin) => {
                source.reader = Some(Reader(headers[ORIGIN].clone()));
                return Ok(source);
            }
            Some(origin) if host.is_some_and(|host| origin.is_of(host)) => {
                source.is_own_page = true;
            }
            _ => return Err(Problem::cross_origin("pages of that origin may not ask this server")),
        }
    }
    let from_elsewhere =
        headers.contains_key(SEC_FETCH_SITE) && !matches!(fetch_site, Some("same-origin" | "none"));
    if from_elsewhere && !is_navigation(parts) {
        return Err(Problem::cross_origin("pages of others may not ask this server"));
    }
    Ok(source)
}

/// The answer to a preflight request, with which a browser asks whether a page may send more than a
/// form could.
pub(crate) fn preflight(parts: &Parts) -> Option<Response> {
    let asks = parts.method == Method::OPTIONS
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let headers = [
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
            (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    })
}

/// Adds the headers that tell a browser how to treat the answer.
pub(crate) fn seal(site: &Site, reader: Option<Reader>, response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if site.has_readers() {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(Reader(origin)) = reader {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// Whether a person follows a link or reloads a page. The answer is then shown to that person, and
/// the page that contains the link cannot read it.
fn is_navigation(parts: &Parts) -> bool {
    let headers = &parts.headers;
    parts.method == Method::GET
        && !headers.contains_key(ORIGIN)
        && matches!(only(headers, &SEC_FETCH_SITE), Some("same-site" | "cross-site"))
        && only(headers, &SEC_FETCH_MODE) == Some("navigate")
        && only(headers, &SEC_FETCH_DEST) == Some("document")
}

/// The value of a header as text, if the header is present exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

//! The path of one request: the checks that it passes before the router sees it, and the headers
//! that every answer gets.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Uri};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::http::bodies::{AnswerBody, BodyError, RequestBody};
use crate::http::client::ClientAddress;
use crate::http::connections::Place;
use crate::http::extract::OwnPage;
use crate::http::guard::{self, Source};
use crate::http::limits::Limits;
use crate::http::live::{FarEnd, Probing};
use crate::http::problem::Problem;
use crate::http::rate::RateLimiter;
use crate::http::site::Site;

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) site: Site,
    pub(crate) limits: Limits,
    rates: Mutex<RateLimiter>,
    router: Router,
}

impl Service {
    pub(crate) fn new(site: Site, limits: Limits, router: Router) -> Self {
        let router = router.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
        Self { site, limits, rates: Mutex::new(RateLimiter::new(&limits)), router }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// When the connection was closed in the meantime to make room for another, so that no answer
    /// can be sent.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        from: SocketAddr,
        place: Arc<Place>,
        far_end: Arc<FarEnd>,
    ) -> Result<Response<AnswerBody>, BodyError> {
        if request.body().is_end_stream() && !place.begin() {
            return Err(BodyError::Closed);
        }
        let (mut parts, body) = request.into_parts();
        // HAProxy probes by OPTIONS, unless it is told otherwise, and wants to hear whether the server works.
        if parts.method == Method::OPTIONS && guard::check_host(&self.site, &parts) == Ok(None) {
            parts.method = Method::GET;
        }
        let client = ClientAddress::of_request(from.ip(), &parts.headers);
        let mut source = Source::default();
        let connected = ClientAddress::new(from.ip());
        let refused = self
            .refuse(&parts, &body, [connected, client], &mut source)
            .or_else(|| (!place.serve(client, Instant::now())).then(too_many_at_once));
        let mut response = if let Some(refused) = refused {
            refused
        } else {
            let body = RequestBody::new(body, self.limits.body_bytes_max, Arc::clone(&place));
            let mut request = Request::from_parts(parts, Body::new(body));
            request.extensions_mut().insert(ConnectInfo(from));
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(OwnPage(source.is_own_page));
            self.route(request).await
        };
        let probing = Probing::of(response.headers_mut());
        guard::seal(&self.site, source.reader, &mut response);
        Ok(response.map(|body| AnswerBody::new(body, place, far_end, probing)))
    }

    /// Gives the answer to a request that the router must not see. It also records which page made
    /// the request, whatever the answer is.
    fn refuse(
        &self,
        parts: &Parts,
        body: &Incoming,
        [connected, client]: [ClientAddress; 2],
        source: &mut Source,
    ) -> Option<Response> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // The client first: what it may not ask must not count against all others behind the same proxy.
        let mut taken = rates.take(client, now);
        if taken.is_ok() && client != connected {
            taken = rates.take(connected, now);
        }
        drop(rates);
        let checked = guard::check_host(&self.site, parts)
            .and_then(|host| guard::check_source(&self.site, parts, host.as_ref()));
        match checked {
            Ok(checked) => *source = checked,
            Err(problem) => return Some(problem.into_response()),
        }
        if let Err(wait) = taken {
            return Some(too_many_requests(wait));
        }
        if body.size_hint().lower() > self.limits.body_bytes_max {
            return Some(Problem::body_too_large(self.limits.body_bytes_max).into_response());
        }
        guard::preflight(parts).filter(|_| source.reader.is_some())
    }

    async fn route(&self, request: Request<Body>) -> Response {
        let answer = catch_panic(self.router.clone().oneshot(request));
        match timeout(self.limits.request_wait, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => {
                tracing::error!(panic = panic_text(panic.as_ref()), "a request ended in a panic");
                Problem::internal("this request met a fault of the program's").into_response()
            }
            Err(_) => {
                let seconds = self.limits.request_wait.as_secs_f64();
                let detail = format!("the request was not here and answered within {seconds} s");
                Problem::time_out(detail).into_response()
            }
        }
    }
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn unknown_method(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}", uri.path()))
}

fn too_many_at_once() -> Response {
    let detail =
        "as many requests from one address or network are under way as may be: wait for an answer";
    refused_for(1, detail)
}

fn too_many_requests(wait: Duration) -> Response {
    // `Retry-After` counts whole seconds, and 0 would mean no wait at all.
    let seconds = wait.as_secs() + 1;
    let detail = format!(
        "more requests than this server takes from one address or network: wait {seconds} s"
    );
    refused_for(seconds, &detail)
}

fn refused_for(seconds: u64, detail: &str) -> Response {
    let retry_after = [(RETRY_AFTER, HeaderValue::from(seconds))];
    (retry_after, Problem::too_many_requests(detail)).into_response()
}

/// The outcome of a future, or what it panicked with. After a panic the future is not polled again.
async fn catch_panic(
    future: impl Future<Output = Result<Response, Infallible>>,
) -> Result<Result<Response, Infallible>, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

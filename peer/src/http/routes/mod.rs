//! All routes, and which of them require the token.

mod archive;
mod health;
mod laboratory;
mod live;
mod login;
mod orders;
mod questions;
mod submit;
mod walk;

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use host::http::OwnPage;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::Context;
use super::openapi::Description;
use super::problem::Refused;
use super::{metrics, openapi, page};

/// The whole API, with its description as a page for people, which alone is not described.
pub(super) fn router(context: Context) -> Router {
    let (router, description) = described(&context).split_for_parts();
    let description = serde_json::to_value(description).expect("all keys are texts");
    let (json, page) = (
        Bytes::from(description.to_string()),
        page::of(
            &description,
            context.url(),
            context.actions().role.into(),
            context.actions().election.admission.registrars().is_empty(),
        ),
    );
    let measured = context.metrics().clone();
    router
        .layer(Extension(Description(json)))
        .with_state(context)
        .route("/", get(move || page::serve(page.clone())))
        .route("/style.css", get(page::serve_style))
        .layer(middleware::from_fn_with_state(measured, metrics::measure))
}

/// The routes that the description tells of.
pub(super) fn described(context: &Context) -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(openapi::base(context.access().cookie_name()))
        .routes(routes!(questions::ballot))
        .routes(routes!(questions::status))
        .routes(routes!(questions::chain))
        .routes(routes!(questions::block))
        .routes(routes!(questions::transaction))
        .routes(routes!(questions::pool))
        .routes(routes!(questions::voter))
        .routes(routes!(questions::results))
        .routes(routes!(questions::final_results))
        .routes(routes!(questions::evidence))
        .routes(routes!(questions::receipt))
        .routes(routes!(archive::archive))
        .routes(routes!(submit::submit))
        .routes(routes!(live::events))
        .routes(routes!(live::metrics))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(questions::peers))
        .routes(routes!(login::login))
        .routes(routes!(openapi::serve))
        .merge(with_token(context))
}

/// The routes that change something.
fn with_token(context: &Context) -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(orders::vote))
        .routes(routes!(orders::add_peer))
        .routes(routes!(orders::mine))
        .routes(routes!(orders::sync))
        .routes(routes!(orders::leave))
        .routes(routes!(laboratory::partition))
        .routes(routes!(laboratory::bad_block))
        .routes(routes!(laboratory::race))
        .routes(routes!(laboratory::sign_twice))
        .routes(routes!(login::new_login))
        .route_layer(middleware::from_fn_with_state(context.clone(), require_token))
}

/// Before anything of the request's body is read.
async fn require_token(
    State(context): State<Context>,
    own_page: OwnPage,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    context.access().check(request.headers(), own_page, Instant::now())?;
    Ok(next.run(request).await)
}

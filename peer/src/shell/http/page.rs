//! The API's description as a page for people: what can be asked, with what, and what comes back.

use axum::body::Bytes;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value};

const STYLE: &str = include_str!("page.css");

/// The page for a description.
pub(super) fn of(description: &Value) -> Bytes {
    let info = &description["info"];
    let title = format!("{} API", text(&info["title"]));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    h1 { (title) }
                    p { (text(&info["description"])) }
                    p { "For programs: " a href="/v1/openapi.json" { "/v1/openapi.json" } " (OpenAPI 3.1)." }
                }
                main {
                    @for (path, methods) in entries(&description["paths"]) {
                        @for (method, operation) in entries(methods) { (section(method, path, operation)) }
                    }
                    h1 { "Bodies" }
                    @for (name, schema) in entries(&description["components"]["schemas"]) { (body(name, schema)) }
                }
            }
        }
    };
    page.into_string().into()
}

fn section(method: &str, path: &str, operation: &Value) -> Markup {
    let is_link = method == "get" && !path.contains('{');
    // An empty scheme says that nothing has to be shown.
    let schemes = operation["security"].as_array();
    let takes_token =
        schemes.is_some_and(|schemes| schemes.iter().all(|scheme| entries(scheme).count() > 0));
    html! {
        section {
            h2 {
                span.method { (method.to_uppercase()) } " "
                @if is_link { a href=(path) { (path) } } @else { (path) }
                @if takes_token { " " span.token { "token" } }
            }
            p { (text(&operation["summary"])) }
            p { (text(&operation["description"])) }
            dl {
                @for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    dt { (text(&parameter["name"])) @if parameter["required"] != true { " (optional)" } }
                    dd { (text(&parameter["description"])) }
                }
            }
            @for (_, content) in entries(&operation["requestBody"]["content"]) {
                p { "takes " (kind(&content["schema"])) }
            }
            @for (status, response) in entries(&operation["responses"]).filter(|(status, _)| status.starts_with('2')) {
                @for (media, content) in entries(&response["content"]) {
                    p { (status) ", " (media) ": " (kind(&content["schema"])) }
                }
            }
        }
    }
}

fn body(name: &str, schema: &Value) -> Markup {
    html! {
        section id=(name) {
            h2 { (name) }
            p { (text(&schema["description"])) }
            dl {
                @for (name, property) in entries(&schema["properties"]) {
                    dt { (name) ": " (kind(property)) }
                    dd { (text(&property["description"])) }
                }
            }
        }
    }
}

/// What a schema is, in a word or two; a link where it has a name.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href={ "#" (name) } { (name) } };
    }
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array());
    let choices: Vec<_> = choices.flatten().filter(|choice| choice["type"] != "null").collect();
    match (&schema["type"], choices.as_slice()) {
        (Value::String(name), _) if name == "array" => {
            html! { "list of " (kind(&schema["items"])) }
        }
        (Value::String(name), _) => html! { (name) },
        (Value::Array(names), _) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            html! { (names.join(" or ")) }
        }
        (_, []) => html! { "bytes" },
        (_, choices) => html! {
            @for (place, choice) in choices.iter().enumerate() {
                @if place > 0 { " or " }
                (kind(choice))
            }
        },
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(key, value)| (key.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) async fn serve(page: Bytes) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (headers, page)
}

pub(super) async fn serve_style() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
    (headers, STYLE)
}

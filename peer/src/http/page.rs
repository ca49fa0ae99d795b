//! Renders the API's description as a page for people: what can be requested, with which
//! parameters, and what comes back.

use axum::body::Bytes;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value};

use crate::schema::{OPEN_BANNER, Role};

const STYLE: &str = include_str!("page.css");

/// Renders the page for the description of an API that is reached at `url`. It depends on the
/// peer's role, and on whether anybody may register in the election.
pub(super) fn of(description: &Value, url: &str, role: Role, is_open: bool) -> Bytes {
    let info = &description["info"];
    let title = format!("{} API", text(&info["title"]));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="style.css";
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(banner) = role.banner() { p.banner { (banner) } }
                    @if is_open { p.banner { (OPEN_BANNER) } }
                    p { (marked(text(&info["description"]))) }
                    p { "For programs: " a href="v1/openapi.json" { "/v1/openapi.json" } " (OpenAPI 3.1)." }
                }
                main {
                    @for tag in items(&description["tags"]) { (group(tag, description, url)) }
                    h2 { "Bodies" }
                    @for (name, schema) in entries(&description["components"]["schemas"]) { (body(name, schema)) }
                }
            }
        }
    };
    page.into_string().into()
}

/// Renders all operations of a tag.
fn group(tag: &Value, description: &Value, url: &str) -> Markup {
    html! {
        h2 { (text(&tag["name"])) }
        p { (text(&tag["description"])) "." }
        @for (path, methods) in entries(&description["paths"]) {
            @for (method, operation) in entries(methods).filter(|(_, it)| it["tags"][0] == tag["name"]) {
                (section(method, path, operation, &example(method, path, operation, description, url)))
            }
        }
    }
}

/// A command that the reader can type in a shell.
fn example(method: &str, path: &str, operation: &Value, description: &Value, url: &str) -> String {
    let mut line = "curl".to_owned();
    if takes_token(operation) {
        line += " -H \"Authorization: Bearer $(cat DATA_DIR/api.token)\"";
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let properties =
        named(body).map(|name| &description["components"]["schemas"][name]["properties"]);
    if let Some(properties) = properties {
        // In OpenAPI 3.1 a property can give its example in two ways.
        let example = |it: &Value| {
            let single = Some(&it["example"]).filter(|example| !example.is_null());
            single.unwrap_or(&it["examples"][0]).clone()
        };
        let examples = entries(properties).map(|(name, it)| (name.to_owned(), example(it)));
        let body = Value::Object(examples.collect());
        line += &format!(" --json '{body}'");
    } else if method == "post" {
        line += " -X POST";
    }
    // The parts in braces are for the reader to fill in.
    let parts = path.split(['{', '}']).enumerate();
    let parts = parts.map(|(place, part)| match place % 2 {
        0 => part.to_owned(),
        _ => part.to_uppercase(),
    });
    format!("{line} {url}{}", parts.collect::<String>())
}

fn section(method: &str, path: &str, operation: &Value, example: &str) -> Markup {
    let is_link = method == "get" && !path.contains('{');
    html! {
        section {
            h3 {
                span.method { (method.to_uppercase()) } " "
                @if is_link { a href=(from_page(path)) { (path) } } @else { (path) }
                @if takes_token(operation) { " " span.token { "token" } }
            }
            p { (marked(text(&operation["summary"]))) }
            p { (marked(text(&operation["description"]))) }
            dl {
                @for parameter in items(&operation["parameters"]) {
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
            pre { (example) }
        }
    }
}

/// A path as the page links it: from where the page is, since a proxy may have put all of the API under a path.
fn from_page(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn body(name: &str, schema: &Value) -> Markup {
    html! {
        section id=(name) {
            h3 { (name) }
            p { (marked(text(&schema["description"]))) }
            dl {
                @for (name, property) in entries(&schema["properties"]) {
                    dt { (name) ": " (kind(property)) }
                    dd { (marked(text(&property["description"]))) }
                }
            }
        }
    }
}

/// Describes a schema in a word or two, with a link if it has a name.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = named(schema) {
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

/// The name of a schema that is described elsewhere in the document.
fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

fn takes_token(operation: &Value) -> bool {
    // An empty scheme means that no credentials are required.
    let schemes = operation["security"].as_array();
    schemes.is_some_and(|schemes| schemes.iter().all(|scheme| entries(scheme).count() > 0))
}

/// Renders a text in which backticks enclose code.
fn marked(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
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

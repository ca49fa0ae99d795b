//! Questions, which anybody may ask, since the chain is public.

use std::time::Instant;

use axum::extract::State;
use axum::http::HeaderMap;
use host::http::{Json, OwnPage, Path, Problem, Query};
use protocol::units::{BlockHash, Height, TransactionId, VoterId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode, OrConflict, OrNotFound, Worded};
use crate::http::problem::Refused;
use crate::schema;
use node::{BlockSelector, CHAIN_LIMIT_MAX, POOL_LIMIT_MAX};

/// Blocks in one listing unless told.
const CHAIN_LIMIT_DEFAULT: u32 = 20;
/// Transactions in one listing unless told.
const POOL_LIMIT_DEFAULT: u32 = 100;

type Answered<T> = Result<Json<T>, Refused>;

/// The questions and their options, and all else that defines the election.
#[utoipa::path(get, path = "/v1/ballot", tag = "election",
    responses((status = 200, body = schema::Ballot, description = "The ballot"), Common))]
pub(super) async fn ballot(State(context): State<Context>) -> Answered<schema::Ballot> {
    Ok(Json(context.actions().ballot()))
}

/// The count on the best chain.
#[utoipa::path(get, path = "/v1/results", tag = "election",
    responses((status = 200, body = schema::Results, description = "The count"), Common, FromNode))]
pub(super) async fn results(State(context): State<Context>) -> Answered<schema::Results> {
    Ok(Json(context.actions().results().await?))
}

/// The count at the final block alone, which can't change any more.
///
/// Once the election's result is final, it is that. While nothing is final it is refused, always so in an untimed
/// election.
#[utoipa::path(get, path = "/v1/results/final", tag = "election",
    responses((status = 200, body = schema::FinalResults, description = "The count"), Common, FromNode, OrNotFound, OrConflict))]
pub(super) async fn final_results(
    State(context): State<Context>,
) -> Answered<schema::FinalResults> {
    Ok(Json(context.actions().final_results().await?))
}

/// What proves that validators broke the rules: two votes of which no honest one signs both.
///
/// Each of them, in a file of its own, is what `peer check-evidence` takes.
#[utoipa::path(get, path = "/v1/evidence", tag = "election",
    responses((status = 200, body = schema::EvidenceList, description = "All that is known"), Common, FromNode))]
pub(super) async fn evidence(State(context): State<Context>) -> Answered<schema::EvidenceList> {
    Ok(Json(context.actions().evidence().await?))
}

/// What the best chain and the pool say of a voter.
///
/// A voter that nobody has heard of is answered too, without a registration or a vote.
#[utoipa::path(get, path = "/v1/voters/{id}", tag = "election",
    params(("id" = String, Path, pattern = "^[0-9A-Fa-f]{64}$", description = "A VoterId: 64 hexadecimal digits")),
    responses((status = 200, body = schema::Voter, description = "The voter"), Common, FromNode, Worded))]
pub(super) async fn voter(
    State(context): State<Context>,
    Path(id): Path<VoterId>,
) -> Answered<schema::Voter> {
    Ok(Json(context.actions().voter(id).await?))
}

/// The proof that a block of the best chain holds a voter's vote.
///
/// Keep it: `peer verify-receipt` checks it against an archive or another peer's chain.
#[utoipa::path(get, path = "/v1/receipts/{id}", tag = "election",
    params(("id" = String, Path, pattern = "^[0-9A-Fa-f]{64}$", description = "A VoterId: 64 hexadecimal digits")),
    responses((status = 200, body = schema::Receipt, description = "The proof"), Common, FromNode, Worded, OrNotFound))]
pub(super) async fn receipt(
    State(context): State<Context>,
    Path(id): Path<VoterId>,
) -> Answered<schema::Receipt> {
    Ok(Json(schema::Receipt::from(&context.actions().receipt(id).await?)))
}

/// Where a listing of blocks begins, and how long it may be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChainQuery {
    /// The height to go down from; the tip's unless told.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    from: Option<u64>,
    /// Most blocks; 20 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Blocks of the best chain, the newest first.
#[utoipa::path(get, path = "/v1/chain", tag = "chain", params(ChainQuery),
    responses((status = 200, body = schema::Chain, description = "Some blocks"), Common, FromNode, Worded))]
pub(super) async fn chain(
    State(context): State<Context>,
    Query(query): Query<ChainQuery>,
) -> Answered<schema::Chain> {
    let limit = limit(query.limit, CHAIN_LIMIT_DEFAULT, CHAIN_LIMIT_MAX)?;
    Ok(Json(context.actions().chain(query.from.map(Height), limit).await?))
}

/// A block and its transactions, by its height on the best chain, or by its hash on any branch.
#[utoipa::path(get, path = "/v1/blocks/{block}", tag = "chain",
    params(("block" = String, Path, pattern = "^(0|[1-9][0-9]{0,18}|[0-9A-Fa-f]{64})$", description = "A height, or a hash of 64 hexadecimal digits", example = "0")),
    responses((status = 200, body = schema::Block, description = "The block"), Common, FromNode, Worded, OrNotFound))]
pub(super) async fn block(
    State(context): State<Context>,
    Path(text): Path<String>,
) -> Answered<schema::Block> {
    let by_hash = || text.parse::<BlockHash>().ok().map(BlockSelector::Hash);
    // One text for each height: no sign, no zeros in front.
    let height = text.parse().ok().filter(|height: &u64| height.to_string() == text);
    let by_height = || height.map(|height| BlockSelector::Height(Height(height)));
    let wrong = || Problem::bad_request("a block is named by its height, or its hash of 64 digits");
    let selector = by_hash().or_else(by_height).ok_or_else(wrong)?;
    Ok(Json(context.actions().block(selector).await?))
}

/// A transaction of the pool or of the best chain, and the proof that a block holds it.
#[utoipa::path(get, path = "/v1/transactions/{id}", tag = "chain",
    params(("id" = String, Path, pattern = "^[0-9A-Fa-f]{64}$", description = "A TransactionId: 64 hexadecimal digits")),
    responses((status = 200, body = schema::TransactionFound, description = "The transaction"), Common, FromNode, Worded, OrNotFound))]
pub(super) async fn transaction(
    State(context): State<Context>,
    Path(id): Path<TransactionId>,
) -> Answered<schema::TransactionFound> {
    Ok(Json(context.actions().transaction(id).await?))
}

/// Where a listing of the pool begins, and how long it may be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PoolQuery {
    /// The `next` of the page before; the oldest transactions come first unless told.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    after: Option<u64>,
    /// Most transactions; 100 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Transactions that are valid and in no block of the best chain yet.
#[utoipa::path(get, path = "/v1/pool", tag = "chain", params(PoolQuery),
    responses((status = 200, body = schema::PoolPage, description = "Some transactions"), Common, FromNode, Worded))]
pub(super) async fn pool(
    State(context): State<Context>,
    Query(query): Query<PoolQuery>,
) -> Answered<schema::PoolPage> {
    let limit = limit(query.limit, POOL_LIMIT_DEFAULT, POOL_LIMIT_MAX)?;
    Ok(Json(context.actions().pool(query.after, limit).await?))
}

/// The neighbours.
#[utoipa::path(get, path = "/v1/peers", tag = "peer",
    responses((status = 200, body = schema::Peers, description = "The neighbours"), Common, FromNode))]
pub(super) async fn peers(State(context): State<Context>) -> Answered<schema::Peers> {
    Ok(Json(context.actions().peers().await?))
}

/// The peer's tip, pool, neighbours and tracker.
///
/// With the token, also whose votes it casts, what became of them, and where it keeps the chain.
#[utoipa::path(get, path = "/v1/status", tag = "peer",
    responses((status = 200, body = schema::Status, description = "The state"), Common, FromNode),
    security((), ("token" = []), ("session" = [])))]
pub(super) async fn status(
    State(context): State<Context>,
    own_page: OwnPage,
    headers: HeaderMap,
) -> Answered<schema::Status> {
    let mut status = context.actions().status().await?;
    if context.access().check(&headers, own_page, Instant::now()).is_err() {
        (status.voter, status.data_dir, status.own_vote) = (None, None, None);
    }
    Ok(Json(status))
}

/// How many entries a listing may have.
fn limit(asked: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match asked.unwrap_or(default) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        limit => Err(Problem::bad_request(format!("limit is {limit}: write 1 to {max}"))),
    }
}

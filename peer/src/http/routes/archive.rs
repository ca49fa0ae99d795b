//! Sends the chain as an archive. It is sent while it is read, so that memory does not grow with
//! the chain.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_util::stream;
use host::http::{ClientAddress, Permit, Problem};
use protocol::units::{BlockHash, Height};
use utoipa::ToSchema;

use crate::actions::ActionError;
use crate::auditor::ArchiveEncoder;
use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode};
use crate::http::problem::Refused;
use node::BlockSelector;

const FILE_NAME: HeaderValue =
    HeaderValue::from_static("attachment; filename=\"election.ostrakon\"");

/// Any bytes.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it only describes what a file looks like")]
pub(super) struct Octets(Vec<u8>);

/// Why an archive breaks off: the answer ends early, which its reader notices.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error("the best chain changed to another branch below block {height}")]
    Reorganised { height: Height },
}

/// An archive on its way.
struct Sending {
    context: Context,
    _permit: Permit,
    encoder: ArchiveEncoder,
    next: Height,
    last: Height,
    has_ended: bool,
}

/// The best chain as one file, for `peer audit` and `peer import`.
///
/// It goes up to the tip of the moment when it begins. Should the chain change to another branch meanwhile, the file
/// breaks off: it has no end then, and is to be fetched again.
#[utoipa::path(get, path = "/v1/archive", tag = "chain",
    responses((status = 200, description = "The archive", content_type = "application/octet-stream", body = inline(Octets),
        headers(("content-disposition" = String, description = "The file's name"))), Common, FromNode))]
pub(super) async fn archive(
    State(context): State<Context>,
    client: ClientAddress,
) -> Result<impl IntoResponse, Refused> {
    let permit = context.archive_permit(client);
    let permit = permit.map_err(|error| Problem::busy(format!("archives: {error}")))?;
    let last = Height(context.actions().results().await?.tip.height);
    let (encoder, head) = ArchiveEncoder::begin(&context.actions().election);
    let next = Height(1);
    let sending = Sending { context, _permit: permit, encoder, next, last, has_ended: false };
    let rest = stream::try_unfold(sending, |mut sending| async {
        let piece = sending.piece().await.inspect_err(|error| {
            tracing::warn!(%error, "an archive breaks off");
        })?;
        Ok::<_, BrokenOff>(piece.map(|piece| (Bytes::from(piece), sending)))
    });
    let head = stream::once(async { Ok(Bytes::from(head)) });
    let octets = HeaderValue::from_static("application/octet-stream");
    let headers = [(CONTENT_TYPE, octets), (CONTENT_DISPOSITION, FILE_NAME)];
    Ok((headers, Body::from_stream(stream::StreamExt::chain(head, rest))))
}

impl Sending {
    /// The next record; `None` after the last.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        if self.has_ended {
            return Ok(None);
        }
        if self.next > self.last {
            self.has_ended = true;
            return Ok(Some(self.encoder.end()));
        }
        let height = self.next;
        let block = self.context.actions().raw_block(BlockSelector::Height(height)).await?;
        let previous: BlockHash = self.encoder.tip();
        if block.header.previous != previous {
            return Err(BrokenOff::Reorganised { height });
        }
        self.next = height.next();
        Ok(Some(self.encoder.block(&block)))
    }
}

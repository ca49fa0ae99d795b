//! Sends the chain as an archive. It is sent while it is read, so that memory does not grow with
//! the chain.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_util::stream;
use host::http::{ClientAddress, Permit, Problem};
use protocol::block::Header;
use protocol::finality::{BlockReference, Certificate};
use protocol::units::Height;
use utoipa::ToSchema;

use crate::actions::ActionError;
use crate::auditor::ArchiveEncoder;
use crate::http::context::Context;
use crate::http::openapi::{Common, FromNode};
use crate::http::problem::Refused;
use crate::http::routes::walk::{Walk, WalkError};

const FILE_NAME: HeaderValue =
    HeaderValue::from_static("attachment; filename=\"election.ostrakon\"");

/// Any bytes.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it only describes what a file looks like")]
pub(super) struct Octets(Vec<u8>);

/// Why an archive breaks off: the answer ends early, which its reader notices.
type BrokenOff = WalkError<ActionError>;

/// An archive on its way.
struct Sending {
    context: Context,
    _permit: Permit,
    encoder: ArchiveEncoder,
    walk: Walk,
    /// What this peer knows to be final.
    certificates: Vec<Certificate>,
    has_ended: bool,
}

/// The best chain as one file, for `peer audit` and `peer import`.
///
/// It goes up to the height of the tip when it begins. Should the chain change to another branch meanwhile, the file
/// goes on along that one, or along the one that it began with, and is one chain all the same. If that one is gone, the
/// file breaks off: it has no end then, and is to be fetched again.
#[utoipa::path(get, path = "/v1/archive", tag = "chain",
    responses((status = 200, description = "The archive", content_type = "application/octet-stream", body = inline(Octets),
        headers(("content-disposition" = String, description = "The file's name"))), Common, FromNode))]
pub(super) async fn archive(
    State(context): State<Context>,
    client: ClientAddress,
) -> Result<impl IntoResponse, Refused> {
    let permit = context.archive_permit(client);
    let permit = permit.map_err(|error| Problem::busy(format!("archives: {error}")))?;
    let tip = context.actions().results().await?.tip;
    let election = &context.actions().election;
    let walk = Walk::new(Header::genesis(election).hash(), (Height(tip.height), tip.hash));
    let (encoder, head) = ArchiveEncoder::begin(election);
    let certificates = context.actions().certificates().await?;
    let sending =
        Sending { context, _permit: permit, encoder, walk, certificates, has_ended: false };
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
    /// The next block and its certificate, or the end; `None` after that.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        if self.has_ended {
            return Ok(None);
        }
        let Self { context, walk, encoder, certificates, has_ended, .. } = self;
        let actions = context.actions();
        let block = walk.next(|selector| actions.raw_block(selector)).await?;
        *has_ended = block.is_none();
        Ok(Some(match block {
            Some(block) => {
                let mut records = encoder.block(&block);
                let at = BlockReference { height: block.header.height, hash: block.header.hash() };
                let certificate = certificates.iter().find(|certificate| certificate.block == at);
                records.extend(certificate.into_iter().flat_map(|each| encoder.certificate(each)));
                records
            }
            None => encoder.end(),
        }))
    }
}

//! Vectors of timed elections: what validators sign, and the certificate.

use protocol::block::Header;
use protocol::datagram::RunNumber;
use protocol::election::Election;
use protocol::finality::{
    BlockReference, Certificate, Commit, Prepare, Presence, commit_digest, prepare_digest,
    presence_digest,
};
use protocol::keys::VoterKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator};
use protocol::units::{BlockHash, ElectionId, Height, UnixMillis};

use crate::chain;
use crate::layout::{Layout, Vector};

const VALIDATOR_SECRETS: [[u8; 32]; 4] = [[0x31; 32], [0x32; 32], [0x33; 32], [0x34; 32]];

fn validator_key(place: usize) -> VoterKey {
    VoterKey::from_secret_bytes(&VALIDATOR_SECRETS[place]).expect("a secret key")
}

/// The open election with times and four validators.
fn validated() -> Election {
    let names = ["North", "East", "South", "West"];
    let validators = names
        .into_iter()
        .enumerate()
        .map(|(place, name)| Validator { name: name.into(), key: validator_key(place).public() });
    let roster = Roster { validators: validators.collect(), quorum: 3, crash_faults_only: false };
    timed(FinalityRule::Roster(roster))
}

fn timed(finality: FinalityRule) -> Election {
    let times = Times {
        opens: UnixMillis(1_793_527_200_000),
        closes: UnixMillis(1_793_530_800_000),
        finality,
    };
    Election { block_interval_s: Some(10), times: Some(times), ..chain::election() }
}

pub(crate) fn referred(layout: Layout, name: &str, block: BlockReference) -> Layout {
    layout
        .u64(&format!("{name}.height"), block.height.0)
        .bytes(&format!("{name}.hash"), &block.hash.0)
}

/// What the validators of that election signed.
pub(crate) struct Signed {
    election: ElectionId,
    pub(crate) prepare: Prepare,
    /// For another block of the same height, which no honest validator signs too.
    pub(crate) other_prepare: Prepare,
    pub(crate) commit: Commit,
    pub(crate) presence: Presence,
    pub(crate) certificate: Certificate,
}

impl Signed {
    pub(crate) fn new() -> Self {
        let election = validated().election_id();
        let genesis = Header::genesis(&validated()).hash();
        let source = BlockReference { height: Height(0), hash: genesis };
        let target = BlockReference { height: Height(1), hash: BlockHash([0x41; 32]) };
        let other = BlockReference { height: Height(1), hash: BlockHash([0x42; 32]) };
        let key = validator_key(2);
        let commit =
            |place: u16| Commit::sign(&election, place, target, &validator_key(usize::from(place)));
        let signatures = [0, 2, 3].map(|place| (place, commit(place).signature)).to_vec();
        let (run, time) = (RunNumber([1, 2, 3, 4, 5, 6, 7, 8]), UnixMillis(1_793_527_200_123));
        Self {
            prepare: Prepare::sign(&election, 2, (target, source), &key),
            other_prepare: Prepare::sign(&election, 2, (other, source), &key),
            commit: commit(2),
            presence: Presence::sign(&election, 2, run, time, &key),
            certificate: Certificate { block: target, signatures },
            election,
        }
    }
}

pub(crate) fn certificate_layout(certificate: &Certificate) -> Layout {
    let layout = referred(Layout::new(), "block", certificate.block)
        .length("signatures", certificate.signatures.len());
    let signatures = certificate.signatures.iter().enumerate();
    signatures.fold(layout, |layout, (place, (validator, signature))| {
        layout
            .u16(&format!("signatures[{place}].validator"), *validator)
            .bytes(&format!("signatures[{place}].signature"), &signature.0)
    })
}

pub(crate) fn vectors() -> Vec<Vector> {
    let signed = Signed::new();
    let depth = timed(FinalityRule::Depth { confirmations: 6 });
    let tagged = |tag: &'static str| {
        let name = format!("tag {tag:?}");
        Layout::new().bytes(&name, tag.as_bytes()).bytes("election", &signed.election.0)
    };
    let (prepare, commit, presence) = (&signed.prepare, &signed.commit, &signed.presence);
    let prepare_signed = referred(tagged("ostrakon/prepare/1"), "target", prepare.target);
    let prepare_signed = referred(prepare_signed, "source", prepare.source);
    let commit_signed = referred(tagged("ostrakon/commit/1"), "block", commit.block);
    let presence_signed =
        tagged("ostrakon/presence/1").bytes("run", &presence.run.0).u64("time", presence.time.0);
    let signed_by = |vector: Vector, digest: [u8; 32], signature: &[u8]| {
        vector
            .derive("digest", hex::encode(digest))
            .derive("secret", hex::encode(VALIDATOR_SECRETS[2]))
            .derive("signature", hex::encode(signature))
    };
    let certificate = certificate_layout(&signed.certificate);
    vec![
        chain::election_vector("election with depth", depth),
        chain::election_vector("election with validators", validated()),
        signed_by(
            Vector::new("prepare signed", prepare_signed),
            prepare_digest(&signed.election, &prepare.target, &prepare.source),
            &prepare.signature.0,
        ),
        signed_by(
            Vector::new("commit signed", commit_signed),
            commit_digest(&signed.election, &commit.block),
            &commit.signature.0,
        ),
        signed_by(
            Vector::new("presence signed", presence_signed),
            presence_digest(&signed.election, presence.run, presence.time),
            &presence.signature.0,
        ),
        Vector::new("certificate", certificate),
    ]
}

/// What stands behind the questions of an election with a block interval.
pub(crate) fn timing_layout(layout: Layout, election: &Election) -> Layout {
    let Some(interval) = election.block_interval_s else { return layout };
    let layout = layout.u32("block_interval_s", interval);
    let Some(times) = &election.times else { return layout.u8("times is there", 0) };
    let layout = layout
        .u8("times is there", 1)
        .u64("times.opens", times.opens.0)
        .u64("times.closes", times.closes.0);
    match &times.finality {
        FinalityRule::Depth { confirmations } => {
            layout.variant("times.finality", 0, "Depth").u32("times.confirmations", *confirmations)
        }
        FinalityRule::Roster(roster) => {
            let layout = layout
                .variant("times.finality", 1, "Roster")
                .length("times.validators", roster.validators.len());
            let validators = roster.validators.iter().enumerate();
            validators
                .fold(layout, |layout, (place, validator)| {
                    layout
                        .text(&format!("times.validators[{place}].name"), &validator.name)
                        .bytes(&format!("times.validators[{place}].key"), &validator.key.0)
                })
                .u8("times.quorum", roster.quorum)
                .u8("times.crash_faults_only", roster.crash_faults_only.into())
        }
    }
}

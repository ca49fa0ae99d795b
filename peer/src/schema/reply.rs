//! All answers in one type, so that a single function can show any of them as JSON or as text.

use serde::Serialize;

use super::{
    AuditReport, Ballot, Block, BlockOrdered, Calibration, Chain, Comparison, EvidenceList,
    EvidenceProof, Experiment, Exported, FinalResults, Imported, KeyShown, Left, Login, NewSigner,
    Peers, Posted, ReceiptStanding, ReceiptWritten, Registered, Results, ShowReport, SignReport,
    Signed, Status, Submitted, SyncOrdered, Voted, Voter,
};

/// The answer to a command of the prompt or the command line; as JSON, an object that begins with the command's name.
#[derive(Debug, Serialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Reply {
    Ballot(Ballot),
    Register(Registered),
    Vote(Voted),
    Results(Box<Results>),
    #[serde(rename = "results")]
    FinalResults(Box<FinalResults>),
    Chain(Chain),
    Block(Block),
    MyVote(Voter),
    #[serde(rename = "myvote")]
    Receipt(ReceiptWritten),
    #[serde(rename = "registrar post")]
    Posted(Box<Posted>),
    Peers(Peers),
    Evidence(EvidenceList),
    Status(Box<Status>),
    Mine(BlockOrdered),
    Sync(SyncOrdered),
    Lab(Experiment),
    Submit(Submitted),
    Help {
        commands: Vec<CommandHelp>,
    },
    Leave(Left),
    Login(Login),
    Key(KeyShown),
    #[serde(rename = "sign")]
    Signed(Signed),
    Audit(Box<AuditReport>),
    #[serde(rename = "audit against")]
    Comparison(Box<Comparison>),
    #[serde(rename = "export")]
    Exported(Exported),
    #[serde(rename = "import")]
    Imported(Imported),
    #[serde(rename = "verify-receipt")]
    ReceiptStanding(Box<ReceiptStanding>),
    Calibrate(Calibration),
    #[serde(rename = "check-evidence")]
    EvidenceProof(Box<EvidenceProof>),
    #[serde(rename = "registrar init")]
    NewRegistrar(NewSigner),
    #[serde(rename = "validator init")]
    NewValidator(NewSigner),
    #[serde(rename = "registrar admit")]
    Admitted(Box<SignReport>),
    #[serde(rename = "registrar withdraw")]
    Withdrawn(Box<SignReport>),
    #[serde(rename = "registrar show")]
    SignedFile(ShowReport),
}

/// One command of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct CommandHelp {
    #[serde(rename = "command")]
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) about: &'static str,
}

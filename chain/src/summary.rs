//! What a block does to the count. A branch needs to know nothing else about a block, so a body can leave the memory
//! once its summary was applied, and a chain can be restored from summaries, which the disk gives far sooner than the
//! votes.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use protocol::block::Block;
use protocol::transaction::{HashedTransaction, Transaction, TransactionKind};
use protocol::units::{IdPrefix, VoterId};

/// What a block does to the count: its summary, a pure function of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct BlockEffects {
    /// The transactions in the block's order: what each does, for whom, and under what id.
    pub transactions: Vec<TransactionSummary>,
    /// For each option that the block's votes chose, the number of votes, in ascending order of
    /// questions and options.
    pub chosen: Vec<OptionVotes>,
    /// For each question that some of the votes left blank, their number.
    pub blank: Vec<BlankVotes>,
    /// For each registrar that signed some of the block's transactions, how many, in ascending
    /// order.
    pub signed: Vec<RegistrarSignings>,
}

/// What a branch has to know about a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TransactionSummary {
    /// What the transaction does.
    pub kind: TransactionKind,
    /// The voter whom the transaction concerns.
    pub voter: VoterId,
    /// The beginning of the transaction's id.
    pub id_prefix: IdPrefix,
}

/// Votes for one option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct OptionVotes {
    /// The question, from 0 in the ballot's order.
    pub question: u16,
    /// The option, from 0 in the question's order.
    pub option: u16,
    /// Number of votes.
    pub votes: u32,
}

/// The votes that chose no option of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct BlankVotes {
    /// The question, from 0 in the ballot's order.
    pub question: u16,
    /// Number of votes.
    pub votes: u32,
}

/// The admissions and withdrawals that one registrar signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RegistrarSignings {
    /// The registrar's position in the ballot, from 0.
    pub registrar: u16,
    /// Number of admissions.
    pub admissions: u32,
    /// Number of withdrawals.
    pub withdrawals: u32,
}

impl BlockEffects {
    /// Summarises a block.
    #[must_use]
    pub fn of(block: &Block) -> Self {
        let mut chosen = BTreeMap::<(u16, u16), u32>::new();
        let mut blank = BTreeMap::<u16, u32>::new();
        for transaction in &block.transactions {
            let Transaction::Vote { vote, .. } = transaction.transaction() else { continue };
            for (question, options) in (0u16..).zip(&vote.choices) {
                if options.is_empty() {
                    *blank.entry(question).or_default() += 1;
                }
                for option in options {
                    *chosen.entry((question, *option)).or_default() += 1;
                }
            }
        }
        let chosen = chosen.into_iter();
        let blank = blank.into_iter();
        Self {
            transactions: block
                .transactions
                .iter()
                .map(|transaction| TransactionSummary::of(transaction))
                .collect(),
            chosen: chosen
                .map(|((question, option), votes)| OptionVotes { question, option, votes })
                .collect(),
            blank: blank.map(|(question, votes)| BlankVotes { question, votes }).collect(),
            signed: signed(block),
        }
    }

    /// Number of transactions of a kind.
    #[must_use]
    pub fn count(&self, kind: TransactionKind) -> u32 {
        let count = self.transactions.iter().filter(|each| each.kind == kind).count();
        u32::try_from(count).expect("a body of 1 MiB holds fewer")
    }
}

fn signed(block: &Block) -> Vec<RegistrarSignings> {
    let mut counts = BTreeMap::<u16, (u32, u32)>::new();
    for transaction in &block.transactions {
        let Some(signatures) = transaction.transaction().registrar_signatures() else { continue };
        for place in signatures.registrar_indexes() {
            let registrar = u16::try_from(place).expect("at most 16");
            let (admissions, withdrawals) = counts.entry(registrar).or_default();
            match transaction.kind() {
                TransactionKind::Withdrawal => *withdrawals += 1,
                TransactionKind::Registration | TransactionKind::Vote => *admissions += 1,
            }
        }
    }
    let counts = counts.into_iter();
    counts
        .map(|(registrar, (admissions, withdrawals))| RegistrarSignings {
            registrar,
            admissions,
            withdrawals,
        })
        .collect()
}

impl TransactionSummary {
    /// Summarises a transaction.
    #[must_use]
    pub fn of(transaction: &HashedTransaction) -> Self {
        Self {
            kind: transaction.kind(),
            voter: transaction.voter(),
            id_prefix: transaction.id().prefix(),
        }
    }
}

//! Ostrakon's data and bytes: elections, keys and signatures, transactions, blocks, datagrams, tokens and receipts.
//!
//! Everything that crosses the network, is stored on disk or is signed is defined here, with its one encoding.
//! `docs/PROTOCOL.md` describes the same bytes for implementations in other languages. The rules that need to know a
//! chain are in the crate `chain`.
//!
//! This crate never touches a clock, a socket, a thread, a file or a source of randomness: a page in a browser has to
//! be able to follow it byte for byte.
//!
//! # A signed vote
//!
//! ```
//! use protocol::admission::AdmissionRule;
//! use protocol::keys::VoterKey;
//! use protocol::transaction::{Transaction, Vote};
//! use protocol::units::{ElectionId, UnixMillis};
//!
//! let election = ElectionId([1; 32]);
//! let key = VoterKey::from_secret_bytes(&[7; 32])?;
//! let vote = Vote {
//!     voter: key.public().voter(),
//!     choices: vec![vec![0]], // the first option of the only question
//!     nonce: [0; 8],
//!     cast_at: UnixMillis(1_700_000_000_000),
//! };
//! let vote = Transaction::vote(&election, &key, vote);
//!
//! let rule = AdmissionRule::Open { registration_bits: 0, max_voters: None };
//! assert_eq!(vote.check_signatures(&vote.id(&election), &rule), Ok(()));
//!
//! // The same bytes are worth nothing in another election.
//! let elsewhere = vote.id(&ElectionId([2; 32]));
//! assert!(vote.check_signatures(&elsewhere, &rule).is_err());
//! # Ok::<(), protocol::keys::SecretKeyError>(())
//! ```
//!
//! # A datagram
//!
//! ```
//! use protocol::datagram::{Datagram, ElectionPrefix, Envelope};
//! use protocol::token::Token;
//!
//! let sent = Envelope {
//!     election: ElectionPrefix([1; 8]),
//!     receiver_token: Token::NONE,
//!     sender_token: Token([2; 8]),
//!     datagram: Datagram::Poke { nonce: 3, status: None },
//! };
//! let bytes = sent.encode();
//! assert_eq!(Envelope::decode(&bytes), Ok(sent));
//!
//! // What does not decode to the last byte is not a datagram.
//! assert!(Envelope::decode(&bytes[1..]).is_err());
//! ```

#![warn(missing_docs)]

pub mod address;
pub mod admission;
pub mod ballot_file;
pub mod block;
pub mod codec;
pub mod datagram;
pub mod election;
pub mod finality;
pub mod key_text;
pub mod keys;
pub mod merkle;
pub mod nonce_search;
pub mod peer_name;
pub mod proof_of_work;
pub mod receipt;
pub mod roster;
pub mod scope;
pub mod text;
pub mod token;
pub mod transaction;
pub mod units;

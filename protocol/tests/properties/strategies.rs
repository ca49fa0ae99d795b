//! Any value of each type that has an encoding.

use std::net::{IpAddr, SocketAddr};

use proptest::array::{uniform8, uniform16, uniform32};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::admission::{AdmissionRule, Registrar, RegistrarSignatures, VOTERS_MAX};
use protocol::block::Header;
use protocol::datagram::{
    ACKNOWLEDGED_MAX, AnnouncedBody, BehindRouter, ChainRequest, Datagram, ElectionPrefix,
    Envelope, INNER_ADDRESSES_MAX, INNER_OF_PEER_MAX, LEFT_MAX, PeerStatus, RegisterAck, RunNumber,
};
use protocol::election::{CREATED_MAX, Election, Question};
use protocol::finality::{
    BlockReference, Certificate, Commit, Evidence, FinalityVote, Prepare, Presence,
};
use protocol::keys::{PublicKey, Signature, VoterKey};
use protocol::roster::{
    CONFIRMATIONS_MAX, FinalityRule, Roster, Times, VALIDATORS_MAX, Validator, quorum_min,
};
use protocol::token::Token;
use protocol::transaction::{Admission, Transaction, Vote};
use protocol::units::{
    BlockHash, Difficulty, ElectionId, Height, MerkleRoot, UnixMillis, VoterId, Work,
};

fn bytes_32() -> impl Strategy<Value = [u8; 32]> {
    uniform32(any::<u8>())
}

fn signature() -> impl Strategy<Value = Signature> {
    (bytes_32(), bytes_32(), any::<u8>()).prop_map(|(r, s, recovery)| {
        let mut bytes = [0; 65];
        bytes[..32].copy_from_slice(&r);
        bytes[32..64].copy_from_slice(&s);
        bytes[64] = recovery;
        Signature(bytes)
    })
}

fn public_key() -> impl Strategy<Value = PublicKey> {
    (any::<u8>(), bytes_32()).prop_map(|(sign, x)| {
        let mut bytes = [sign; 33];
        bytes[1..].copy_from_slice(&x);
        PublicKey(bytes)
    })
}

fn block_hash() -> impl Strategy<Value = BlockHash> {
    bytes_32().prop_map(BlockHash)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        uniform16(any::<u8>()).prop_map(IpAddr::from)
    ];
    (ip, any::<u16>()).prop_map(SocketAddr::from)
}

pub(crate) fn transaction() -> BoxedStrategy<Transaction> {
    let admission = prop_oneof![
        (any::<u64>(), signature())
            .prop_map(|(stamp, signature)| Admission::Open { stamp, signature }),
        registrar_signatures().prop_map(|signatures| Admission::Signed { signatures }),
    ];
    let choices = vec(vec(any::<u16>(), 0..4), 0..4);
    let vote = (bytes_32(), choices, uniform8(any::<u8>()), any::<u64>()).prop_map(
        |(voter, choices, nonce, cast_at)| Vote {
            voter: VoterId(voter),
            choices,
            nonce,
            cast_at: UnixMillis(cast_at),
        },
    );
    prop_oneof![
        (public_key(), admission).prop_map(|(voter_key, admission)| {
            Transaction::Registration { voter_key, admission }
        }),
        (vote, signature()).prop_map(|(vote, signature)| Transaction::Vote { vote, signature }),
        (bytes_32(), registrar_signatures()).prop_map(|(voter, signatures)| {
            Transaction::Withdrawal { voter: VoterId(voter), signatures }
        }),
    ]
    .boxed()
}

fn registrar_signatures() -> impl Strategy<Value = RegistrarSignatures> {
    (uniform8(any::<u8>()), any::<u16>(), vec(signature(), 0..4)).prop_map(
        |(election, registrars, signatures)| RegistrarSignatures {
            election,
            registrars,
            signatures,
        },
    )
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    (bytes_32(), bytes_32(), any::<(u64, u64, u64)>(), 1..=u64::MAX).prop_map(
        |(previous, root, (height, time, nonce), attempts)| Header {
            previous: BlockHash(previous),
            merkle_root: MerkleRoot(root),
            height: Height(height),
            time: UnixMillis(time),
            difficulty: Difficulty::new(attempts).expect("the range starts at 1"),
            nonce,
        },
    )
}

fn block_reference() -> impl Strategy<Value = BlockReference> {
    (any::<u64>(), block_hash())
        .prop_map(|(height, hash)| BlockReference { height: Height(height), hash })
}

fn status() -> impl Strategy<Value = Option<PeerStatus>> {
    let status = (any::<u64>(), block_hash(), any::<u128>(), any::<u64>()).prop_map(
        |(height, tip, work, clock)| PeerStatus {
            height: Height(height),
            tip,
            work: Work(work),
            clock: UnixMillis(clock),
        },
    );
    option::of(status)
}

/// Any datagram; most fit into an envelope, and all have an encoding.
pub(crate) fn datagram() -> impl Strategy<Value = Datagram> {
    prop_oneof![joining(), gossip(), requests(), pieces(), finality()]
}

fn behind_router() -> impl Strategy<Value = BehindRouter> {
    (address(), vec(address(), 0..=INNER_OF_PEER_MAX))
        .prop_map(|(outer, inner)| BehindRouter { outer, inner })
}

fn joining() -> BoxedStrategy<Datagram> {
    let addresses = || vec(address(), 0..20);
    let ack = (address(), bytes_32(), any::<u32>(), any::<u32>(), addresses()).prop_map(
        |(seen_as, election, ballot_bytes, heartbeat_ms, peers)| RegisterAck {
            seen_as,
            election: ElectionId(election),
            ballot_bytes,
            heartbeat_ms,
            peers,
        },
    );
    prop_oneof![
        Just(Datagram::RegisterPeer),
        ack.prop_map(Datagram::RegisterAck),
        (addresses(), vec(address(), 0..=LEFT_MAX))
            .prop_map(|(live, left)| Datagram::UpdatePeers { live, left }),
        any::<u32>().prop_map(|offset| Datagram::RequestBallot { offset }),
        (any::<u32>(), vec(any::<u8>(), 0..64))
            .prop_map(|(offset, bytes)| Datagram::BallotOptions { offset, bytes }),
        Just(Datagram::LeavePeer),
        Just(Datagram::LeaveAck),
        Just(Datagram::Retry),
        vec(any::<[u8; 8]>(), 0..=ACKNOWLEDGED_MAX)
            .prop_map(|ids| Datagram::TransactionsAck { ids }),
        vec(behind_router(), 0..=INNER_ADDRESSES_MAX / INNER_OF_PEER_MAX)
            .prop_map(|peers| Datagram::InnerAddresses { peers }),
        (any::<[u8; 8]>(), "[ -~\u{e9}]{0,16}")
            .prop_map(|(run, name)| Datagram::Name { run: RunNumber(run), name }),
    ]
    .boxed()
}

fn gossip() -> BoxedStrategy<Datagram> {
    let body = prop_oneof![
        vec(transaction(), 0..4).prop_map(AnnouncedBody::Transactions),
        vec(uniform8(any::<u8>()), 0..8).prop_map(AnnouncedBody::ShortIds),
        Just(AnnouncedBody::Omitted),
    ];
    prop_oneof![
        (any::<u64>(), status()).prop_map(|(nonce, status)| Datagram::Poke { nonce, status }),
        (any::<u64>(), status()).prop_map(|(nonce, status)| Datagram::PokeAck { nonce, status }),
        vec(transaction(), 0..4).prop_map(Datagram::NewTransactions),
        (header(), body).prop_map(|(header, body)| Datagram::NewBlock { header, body }),
    ]
    .boxed()
}

fn requests() -> BoxedStrategy<Datagram> {
    let wanted = prop_oneof![
        (vec(block_hash(), 0..4), any::<u32>(), any::<u32>())
            .prop_map(|(locator, first, count)| ChainRequest::Headers { locator, first, count }),
        (block_hash(), any::<u32>(), any::<u32>())
            .prop_map(|(hash, first, count)| ChainRequest::Block { hash, first, count }),
        (block_hash(), vec(any::<u16>(), 0..9))
            .prop_map(|(block, places)| ChainRequest::Transactions { block, places }),
        any::<u64>().prop_map(|from| ChainRequest::Certificates { from: Height(from) }),
    ];
    (any::<u32>(), wanted)
        .prop_map(|(request, wanted)| Datagram::RequestChain { request, wanted })
        .boxed()
}

fn pieces() -> BoxedStrategy<Datagram> {
    let numbers = any::<(u32, u32, u32)>;
    let signatures = vec((any::<u16>(), signature()), 0..4);
    let certificate = (block_reference(), signatures)
        .prop_map(|(block, signatures)| Certificate { block, signatures });
    prop_oneof![
        (numbers(), vec(header(), 0..4)).prop_map(|((request, piece, pieces), headers)| {
            Datagram::ChainHeaders { request, piece, pieces, headers }
        }),
        (numbers(), vec(any::<u8>(), 0..64)).prop_map(|((request, piece, pieces), bytes)| {
            Datagram::ChainBlock { request, piece, pieces, bytes }
        }),
        (numbers(), vec(transaction(), 0..4)).prop_map(
            |((request, piece, pieces), transactions)| {
                Datagram::ChainTransactions { request, piece, pieces, transactions }
            }
        ),
        (numbers(), vec(certificate, 0..4)).prop_map(|((request, piece, pieces), certificates)| {
            Datagram::ChainCertificates { request, piece, pieces, certificates }
        }),
    ]
    .boxed()
}

fn prepare() -> impl Strategy<Value = Prepare> {
    (any::<u16>(), block_reference(), block_reference(), signature()).prop_map(
        |(validator, target, source, signature)| Prepare { validator, target, source, signature },
    )
}

fn commit() -> impl Strategy<Value = Commit> {
    (any::<u16>(), block_reference(), signature())
        .prop_map(|(validator, block, signature)| Commit { validator, block, signature })
}

fn finality_vote() -> impl Strategy<Value = FinalityVote> {
    prop_oneof![prepare().prop_map(FinalityVote::Prepare), commit().prop_map(FinalityVote::Commit)]
}

fn finality() -> BoxedStrategy<Datagram> {
    let presence = (any::<u16>(), any::<[u8; 8]>(), any::<u64>(), signature()).prop_map(
        |(validator, run, time, signature)| Presence {
            validator,
            run: RunNumber(run),
            time: UnixMillis(time),
            signature,
        },
    );
    prop_oneof![
        prepare().prop_map(Datagram::Prepare),
        commit().prop_map(Datagram::Commit),
        presence.prop_map(Datagram::Presence),
        (finality_vote(), finality_vote())
            .prop_map(|(first, second)| Datagram::Evidence(Evidence { first, second })),
    ]
    .boxed()
}

pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    let tokens = (uniform8(any::<u8>()), uniform8(any::<u8>()), uniform8(any::<u8>()));
    (tokens, datagram()).prop_map(|((election, receiver, sender), datagram)| Envelope {
        election: ElectionPrefix(election),
        receiver_token: Token(receiver),
        sender_token: Token(sender),
        datagram,
    })
}

/// Texts of the characters that are most likely to go wrong in a file.
fn text() -> impl Strategy<Value = String> {
    let character = prop::sample::select(vec!['a', 'Z', '"', '\'', '\\', '#', '=', ']', 'ß', '🏺']);
    vec(character, 1..12).prop_map(String::from_iter)
}

fn admission_rule() -> impl Strategy<Value = AdmissionRule> {
    let registrars = vec(text(), 1..=16).prop_map(|names| {
        let registrar = |(number, name): (usize, &String)| {
            let secret = [u8::try_from(number + 1).expect("a few registrars"); 32];
            let key = VoterKey::from_secret_bytes(&secret).expect("a secret key").public();
            Registrar { name: format!("{name}{number}"), key }
        };
        names.iter().enumerate().map(registrar).collect::<Vec<_>>()
    });
    prop_oneof![
        (0..=32u8, option::of(1..=VOTERS_MAX)).prop_map(|(registration_bits, max_voters)| {
            AdmissionRule::Open { registration_bits, max_voters }
        }),
        (registrars, any::<u8>()).prop_map(|(registrars, some)| {
            let most = u8::try_from(registrars.len()).expect("at most 16");
            AdmissionRule::Registrars { registrars, threshold: 1 + some % most }
        }),
    ]
}

fn finality_rule() -> impl Strategy<Value = FinalityRule> {
    let roster = (vec(text(), 1..=VALIDATORS_MAX), any::<(u8, bool)>());
    prop_oneof![
        (1..=CONFIRMATIONS_MAX).prop_map(|confirmations| FinalityRule::Depth { confirmations }),
        roster.prop_map(|(names, (some, crash_faults_only))| {
            let validator = |(number, name): (usize, &String)| {
                let secret = [u8::try_from(number + 101).expect("a few validators"); 32];
                let key = VoterKey::from_secret_bytes(&secret).expect("a secret key").public();
                Validator { name: format!("{name}{number}"), key }
            };
            let validators: Vec<_> = names.iter().enumerate().map(validator).collect();
            let least = quorum_min(validators.len(), crash_faults_only);
            let room = validators.len() - least + 1;
            let quorum = u8::try_from(least + usize::from(some) % room).expect("a few validators");
            FinalityRule::Roster(Roster { validators, quorum, crash_faults_only })
        }),
    ]
}

/// A block interval, and times that keep to it and to `created`.
fn timing(created: u64) -> impl Strategy<Value = (Option<u32>, Option<Times>)> {
    let times = (0..1_000_000_000u64, 1..1_000_000_000u64, finality_rule());
    (option::of((2..=3_600u32, option::of(times)))).prop_map(move |interval| {
        let Some((interval, times)) = interval else { return (None, None) };
        let times = times.map(|(until_opens, open, finality)| {
            let opens = created + until_opens;
            let closes = opens + 12_000 * u64::from(interval) + open;
            Times { opens: UnixMillis(opens), closes: UnixMillis(closes), finality }
        });
        (Some(interval), times)
    })
}

fn created_and_timing() -> impl Strategy<Value = (u64, (Option<u32>, Option<Times>))> {
    let early = 0..=CREATED_MAX.0 - 3_000_000_000;
    prop_oneof![
        early.prop_flat_map(|created| (Just(created), timing(created))),
        (0..=CREATED_MAX.0).prop_map(|created| (created, (None, None))),
    ]
}

/// Any election that passes its check.
pub(crate) fn election() -> impl Strategy<Value = Election> {
    let question = (text(), vec(text(), 1..6), any::<u16>(), any::<u16>());
    let limits = (0..=48u8, admission_rule(), 2_048..=1_048_576u32);
    let head = (uniform16(any::<u8>()), text(), created_and_timing());
    (head, limits, vec(question, 1..5)).prop_map(|((id, title, begun), limits, questions)| {
        let (created, (block_interval_s, times)) = begun;
        let numbered = |number: usize, text: &str| format!("{text}{number}");
        let questions = questions.into_iter().enumerate().map(|(index, question)| {
            let (title, options, min, max) = question;
            let most = u16::try_from(options.len()).expect("a few options");
            let choices_max = 1 + max % most;
            Question {
                title: numbered(index, &title),
                options: options.iter().enumerate().map(|(at, name)| numbered(at, name)).collect(),
                choices_min: min % (choices_max + 1),
                choices_max,
            }
        });
        Election {
            id,
            title,
            created: UnixMillis(created),
            difficulty_bits: limits.0,
            admission: limits.1,
            block_bytes_max: limits.2,
            questions: questions.collect(),
            block_interval_s,
            times,
        }
    })
}

/// What a network or an attacker makes of bytes: cut, flipped, longer, spliced.
pub(crate) fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let flips = vec((any::<prop::sample::Index>(), 0..8u8), 0..4);
    let numbers = option::of((
        any::<prop::sample::Index>(),
        prop_oneof![Just([0xff; 8]), Just([0; 8]), uniform8(any::<u8>())],
    ));
    let cut = option::of(any::<prop::sample::Index>());
    let tail = prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..40)];
    (flips, numbers, cut, tail).prop_map(move |(flips, numbers, cut, tail)| {
        let mut bytes = bytes.clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some((at, number)) = numbers {
            let at = at.index(bytes.len());
            for (byte, new) in bytes[at..].iter_mut().zip(number) {
                *byte = new;
            }
        }
        if let Some(at) = cut {
            bytes.truncate(at.index(bytes.len()));
        }
        bytes.extend(tail);
        bytes
    })
}

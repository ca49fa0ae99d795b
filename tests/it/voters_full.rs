//! An election that has all its voters: the prompt, the API and the audit say so in the same words.

use std::sync::Arc;

use peer::{ArchiveReader, ArchiveWriter};
use protocol::admission::AdmissionRule;
use protocol::codec;
use protocol::transaction::{HashedTransaction, Transaction};
use sim::forge;

use crate::harness::http::HttpConnection;
use crate::harness::{
    Network, PATIENCE, Voter, agree, error_kind, meet_all, new_election, offline,
};

#[test]
fn an_election_that_has_all_its_voters_takes_nobody_else() {
    let mut election = new_election(12);
    election.admission = AdmissionRule::Open { registration_bits: 8, max_voters: Some(2) };
    let mut network = Network::with_tracker(election.clone());
    for _ in 0..3 {
        network.join(&[]);
    }
    meet_all(&mut network.peers, PATIENCE);
    network.peers[0].vote("Ada");
    let last = Voter::new(&election, 1);
    network.peers[1].submit(&last.registration());
    network.peers[1].submit(&last.vote(1));
    agree(&mut network.peers, 2, PATIENCE);

    let late = Voter::new(&election, 2);
    for peer in &mut network.peers {
        let answer = peer.ask(&format!("submit {}", late.registration()));
        assert_eq!(error_kind(&answer), "voters_full", "{answer}");
        let body = format!("{{\"transactions\": [\"{}\"]}}", late.registration());
        let mut connection = HttpConnection::open(peer.api);
        let answer = connection.ask("POST", "/v1/transactions", &[], body.as_bytes()).json();
        assert_eq!(answer["outcomes"][0]["accepted"], false, "{answer}");
        assert_eq!(answer["outcomes"][0]["error"]["kind"], "voters_full", "{answer}");
    }
    let answer = network.peers[2].ask("vote Hedy");
    assert_eq!(error_kind(&answer), "voters_full", "its own voter comes too late: {answer}");
    let tip = agree(&mut network.peers, 2, PATIENCE);

    // Whoever has those two is a voter still, and a block with a third breaks the rule.
    let mut peer = network.peers.remove(2);
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    let (good, bad) = ("good.archive", "bad.archive");
    let beside = network.directory.path().to_owned();
    offline::export(&beside.join(good), &peer.data_directory);
    let mut reader = ArchiveReader::open(&beside.join(good)).expect("an archive");
    let mut writer = ArchiveWriter::create(&beside.join(bad), &election, false).expect("begun");
    let mut parent = None;
    while let Some(block) = reader.next_block().expect("it is whole") {
        writer.append(&block).expect("written");
        parent = Some(block.header);
    }
    let parent = parent.expect("there are blocks");
    let bytes = hex::decode(late.registration()).expect("digits");
    let one_more: Transaction = codec::decode(&bytes).expect("a transaction");
    let one_more = Arc::new(HashedTransaction::new(one_more, &election.election_id()));
    let third = forge::block(&parent, vec![one_more], parent.time);
    writer.append(&third).expect("written");
    writer.finish().expect("finished");
    assert_eq!(offline::audit(&beside.join(good))["registrations"], 2);
    let (code, report) = offline::run_task(&beside, &["audit", bad]);
    assert_eq!((code, &report["failure"]["rule"]), (Some(1), &"voters_full".into()), "{report}");
    assert_eq!(report["failure"]["height"], tip.height + 1, "{report}");
}

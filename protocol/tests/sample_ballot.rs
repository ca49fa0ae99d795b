//! The sample election at the root of the repository.

use protocol::admission::AdmissionRule;
use protocol::ballot_file;

fn sample() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot.toml");
    std::fs::read_to_string(path).expect("the repository has a ballot.toml")
}

#[test]
fn the_sample_reads_and_writes_back() {
    let election = ballot_file::parse(&sample()).expect("the sample is good");
    assert_eq!(ballot_file::parse(&ballot_file::write(&election)), Ok(election));
}

#[test]
fn the_sample_suits_the_documents() {
    let election = ballot_file::parse(&sample()).expect("the sample is good");
    let [chair, evenings] = &election.questions[..] else { panic!("two questions") };
    for name in ["Ada", "Grace", "Hedy"] {
        assert!(chair.options.iter().any(|option| option == name), "{name}");
    }
    assert_ne!(chair.options[1], "Ada", "`vote 2` and `vote Ada` have to differ");
    assert_eq!((chair.choices_min, chair.choices_max), (1, 1));
    assert_eq!((evenings.choices_min, evenings.choices_max), (0, 2));
    assert_eq!(election.difficulty_bits, 24);
    let open = AdmissionRule::Open { registration_bits: 16, max_voters: None };
    assert_eq!(election.admission, open);
    assert_eq!(election.block_bytes_max, 262_144);
}

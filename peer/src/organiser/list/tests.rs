//! Lists as organisers keep them, and what is refused of them without repeating it.

use super::*;
use chain::fixtures::key;

fn read_text(text: &str) -> Result<KeyList, String> {
    let list =
        read_from(text.as_bytes(), RecordKind::Admissions, None, Most::ALLOWED).expect("memory");
    list.map_err(|error| error.to_string())
}

fn digits(voter: u8) -> String {
    key(voter).public().to_string()
}

#[test]
fn keys_are_found_whatever_stands_around_them() {
    let (a, b) = (digits(1), digits(2));
    for text in [
        format!("voter_key\n{a}\n{b}\n"),
        format!("\u{feff}name,KEY,id\r\n\"Miller, A\",  {} ,7\r\nB,{b}\r\n\r\n", a.to_uppercase()),
        format!("name;voter_key\nZo\u{eb};{a}\n;{b}"),
        format!("name\tvoter_key\tkey\nA\t{a}\tno\nB\t{b}\tno\n"),
    ] {
        let list = read_text(&text).expect(&text);
        let voters: Vec<_> = list.voters.into_values().flatten().collect();
        assert_eq!(voters.len(), 2, "{text}");
        assert!(voters.contains(&key(1).public()) && voters.contains(&key(2).public()));
    }
}

#[test]
fn slips_are_told_by_their_lines_and_nothing_of_them_is_repeated() {
    let text = format!(
        "id,voter_key\n1,{}\n2,\n3,Miller\n4,02{}\n5,05{}\n1,{}\n6\n",
        digits(1),
        "f".repeat(64),
        "1".repeat(64),
        digits(2)
    );
    let error = read_text(&text).expect_err("six slips");
    assert_eq!(
        error,
        "6 lines have to be mended, and nothing was signed:\
         \n  line 3: there is no key\
         \n  line 4: 6 characters stand where 66 hexadecimal digits should\
         \n  line 5: the digits are no public key of secp256k1: one may be wrong\
         \n  line 6: the digits are no public key of secp256k1: one may be wrong\
         \n  line 7: line 2 has the same id with another key: that would be two votes\
         \n  line 8: there is no key"
    );
    let many = format!("key\n{}", "x\n".repeat(12));
    let error = read_text(&many).expect_err("twelve slips");
    assert!(error.starts_with("12 lines") && error.ends_with("\n  and 2 more"), "{error}");
}

#[test]
fn a_key_that_stands_twice_is_one_voter() {
    let text = format!("id,key\n1,{0}\n1,{0}\n,{0}\n,{1}\n", digits(1), digits(2));
    let list = read_text(&text).expect("no slip");
    assert_eq!((list.voters.len(), list.twice_count), (2, 2));
    let voter = key(1).public().voter();
    assert_eq!(list.twice, [(voter, [2, 3]), (voter, [2, 4])]);
    let shared = format!("id,key\n1,{0}\n2,{0}\n", digits(1));
    let error = read_text(&shared).expect_err("a slip");
    assert!(error.contains("line 3: line 2 has the same key with another id"), "{error}");
}

#[test]
fn a_key_of_two_members_is_found_behind_a_line_without_an_id() {
    let text = format!("id,key\n,{0}\n1,{0}\n2,{0}\n", digits(1));
    let error = read_text(&text).expect_err("members 1 and 2 share a key");
    assert!(error.contains("a line has to be mended"), "{error}");
    assert!(error.contains("line 4: line 3 has the same key with another id"), "{error}");
}

#[test]
fn a_line_that_contradicts_two_others_is_told_of_both() {
    let text = format!("id,key\n1,{0}\n2,{1}\n1,{1}\n", digits(1), digits(2));
    let error = read_text(&text).expect_err("two slips in a line");
    assert_eq!(
        error,
        "a line has to be mended, and nothing was signed:\
         \n  line 4: line 2 has the same id with another key: that would be two votes\
         \n  line 4: line 3 has the same key with another id: that would be one vote for both"
    );
    // What stands in a line with a slip counts for the lines after it.
    let text = format!("id,key\n1,{0}\n1,{1}\n2,{1}\n1,{0}\n", digits(1), digits(2));
    let error = read_text(&text).expect_err("slips");
    for part in [
        "line 3: line 2 has the same id with another key",
        "line 4: line 3 has the same key with another id",
        "line 5: line 3 has the same id with another key",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

/// Whatever stands in which order: a line is told exactly if one before it has the same id with another key or the same
/// key with another id, and then the first of those is named.
#[test]
fn every_contradiction_is_found_in_every_order() {
    const LINES: u32 = 4;
    const CELLS: [(&str, u8); 6] = [("", 1), ("", 2), ("1", 1), ("1", 2), ("2", 1), ("2", 2)];
    let keys = [digits(1), digits(2)];
    for number in 0..CELLS.len().pow(LINES) {
        let place = |line: u32| number / CELLS.len().pow(line) % CELLS.len();
        let lines: Vec<_> = (0..LINES).map(|line| CELLS[place(line)]).collect();
        let row = |(id, key): &(&str, u8)| format!("{id},{}\n", keys[usize::from(*key) - 1]);
        let text = format!("id,key\n{}", lines.iter().map(row).collect::<String>());
        let mut expected = Vec::new();
        for (index, (id, key)) in lines.iter().enumerate() {
            let before = |contradicts: &dyn Fn(&str, u8) -> bool| {
                let first = lines[..index].iter().position(|(id, key)| contradicts(id, *key));
                first.filter(|_| !id.is_empty()).map(|place| place as u64 + 2)
            };
            let line = index as u64 + 2;
            let same_id = before(&|other, of| other == *id && of != *key);
            let same_key = before(&|other, of| of == *key && !other.is_empty() && other != *id);
            let reasons = [
                same_id.map(|first| SlipReason::OneIdTwoKeys { first }),
                same_key.map(|first| SlipReason::OneKeyTwoIds { first }),
            ];
            expected.extend(reasons.into_iter().flatten().map(|reason| Slip { line, reason }));
        }
        let list = read_from(text.as_bytes(), RecordKind::Admissions, None, Most::ALLOWED)
            .expect("memory");
        let found = match list {
            Ok(_) => Vec::new(),
            Err(ListError::Slips { slips, .. }) => slips,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn no_voter_is_lost_behind_a_quotation_mark() {
    let (a, b, c) = (digits(1), digits(2), digits(3));
    for text in [
        format!("key,name\n{a},\"Bob\n{b},Al\n{c},Cy\n"),
        format!("key,name\n{a},\"Bob\n{b},\"Al\"\n{c},Cy\n"),
        format!("key,name\n{a},Bob\n{b},Al\n{c},\"Cy\n"),
    ] {
        let error = read_text(&text).expect_err("a slip");
        assert!(error.contains("a field goes on over several lines"), "{error}");
    }
}

#[test]
fn a_member_is_withdrawn_with_all_keys() {
    let text = format!("id,key\n1,{}\n1,{}\n", digits(1), digits(2));
    let list =
        read_from(text.as_bytes(), RecordKind::Withdrawals, None, Most::ALLOWED).expect("memory");
    assert_eq!(list.expect("two keys").voters.len(), 2);
}

#[test]
fn a_table_without_its_columns_is_refused() {
    for (text, part) in [
        (String::new(), "it is empty"),
        (digits(1), "no column is called `voter_key` or `key`"),
        ("voter\n".to_owned(), "no column is called `voter_key` or `key`"),
        ("key,key\n".to_owned(), "two columns are called `key`"),
        ("key\n".to_owned(), "it names no voter"),
    ] {
        let error = read_text(&text).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
    let read = read_from("key\n".as_bytes(), RecordKind::Admissions, Some("member"), Most::ALLOWED);
    let error = read.expect("memory").expect_err("no such column").to_string();
    assert!(error.contains("`member`, as --id-column says"), "{error}");
}

#[test]
fn voters_can_be_withdrawn_without_their_keys() {
    let voter = key(1).public().voter();
    let text = format!("voter\n{voter}\n");
    let list =
        read_from(text.as_bytes(), RecordKind::Withdrawals, None, Most::ALLOWED).expect("memory");
    assert_eq!(list.expect("a voter").voters, BTreeMap::from([(voter, None)]));
}

#[test]
fn a_list_is_as_long_as_it_may_be_and_no_longer() {
    for end in ["", "\n", "\n\n\n"] {
        let text = format!("key,name\n{},Ada{end}", digits(1));
        let length = text.len() as u64;
        let read = |bytes| {
            let most = Most { bytes, ..Most::ALLOWED };
            read_from(text.as_bytes(), RecordKind::Admissions, None, most).expect("memory")
        };
        assert_eq!(read(length).expect("it fits").voters.len(), 1, "{text:?}");
        let error = read(length - 1).expect_err("it is too long");
        assert!(matches!(error, ListError::TooLong), "{text:?}: {error}");
    }
}

#[test]
fn a_list_has_as_many_voters_as_it_may_and_no_more() {
    assert_eq!(Most::ALLOWED.voters, 10_000_000);
    // One that stands there twice is one voter.
    let [one, two, three] = [1, 2, 3].map(digits);
    let text = format!("key\n{one}\n{two}\n{two}\n{three}\n");
    let read = |voters| {
        let most = Most { voters, ..Most::ALLOWED };
        read_from(text.as_bytes(), RecordKind::Admissions, None, most).expect("memory")
    };
    assert_eq!(read(3).expect("it fits").voters.len(), 3);
    let error = read(2).expect_err("there are too many");
    assert!(matches!(error, ListError::TooManyVoters), "{error}");
}

//! Lists as organisers keep them, and what is refused of them without repeating it.

use super::*;
use chain::fixtures::key;

fn read_text(text: &str) -> Result<KeyList, String> {
    read_bytes(text.as_bytes(), Ids::Usual)
}

fn read_without_ids(text: &str) -> Result<KeyList, String> {
    read_bytes(text.as_bytes(), Ids::Nowhere)
}

fn read_bytes(bytes: &[u8], ids: Ids<'_>) -> Result<KeyList, String> {
    let list = read_from(bytes, RecordKind::Admissions, ids, Most::ALLOWED).expect("memory");
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
        let list = read_without_ids(&text).expect(&text);
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
         \n  line 4: 6 characters stand where a key should, which begins with ostkey1 or has 66 hexadecimal digits\
         \n  line 5: the key is no public key of secp256k1: one of its digits may be wrong\
         \n  line 6: the key is no public key of secp256k1: one of its digits may be wrong\
         \n  line 7: line 2 has the same id with another key: that would be two votes\
         \n  line 8: there is no key"
    );
    let many = format!("key\n{}", "x\n".repeat(12));
    let error = read_text(&many).expect_err("twelve slips");
    assert!(error.starts_with("12 lines") && error.ends_with("\n  and 2 more"), "{error}");
}

#[test]
fn keys_are_read_with_their_checksum_and_those_in_hex_are_counted() {
    let text = |voter: u8| key(voter).public().text();
    let (a, b, c) = (text(1), text(2).to_uppercase(), digits(3));
    let list = read_text(&format!("id,voter_key\n1, {a}\u{a0}\n2,{b}\n3,{c}\n")).expect("keys");
    assert_eq!((list.voters.len(), list.keys_in_hex), (3, 1));
    let told = |key: &str| read_text(&format!("key\n{key}\n")).expect_err(key);
    let slip = format!("{}b{}", &a[..16], &a[17..]);
    let expected = format!(
        "a line has to be mended, and nothing was signed:\
         \n  line 2: the key's letter 17 (`b`) may be wrong: `{}` would fit",
        &a[16..17]
    );
    assert_eq!(told(&slip), expected);
    assert!(told(&a[1..]).contains("the key has 65 letters instead of 66: copy it again"));
    assert!(told(&a.replace("ostkey1", "OSTKEY1")).contains("is a capital among others"));
    let error = read_text(&format!("1,{a}\n")).expect_err("no header");
    assert!(error.contains("its first line holds a key"), "{error}");
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
        let list = read_from(text.as_bytes(), RecordKind::Admissions, Ids::Usual, Most::ALLOWED)
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
        let error = read_without_ids(&text).expect_err("a slip");
        assert!(error.contains("a field goes on over several lines"), "{error}");
    }
}

#[test]
fn a_member_is_withdrawn_with_all_keys() {
    let text = format!("id,key\n1,{}\n1,{}\n", digits(1), digits(2));
    let list = read_from(text.as_bytes(), RecordKind::Withdrawals, Ids::Usual, Most::ALLOWED)
        .expect("memory");
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
        (" \n\n".to_owned(), "it is empty"),
        (format!("Nr;Name;Schl\u{fc}ssel\n\n1;Ada;{}\n", digits(1)), "and column 3 holds keys"),
        (format!("id voter_key\n1 {}\n", digits(1)), "has none of what separates them"),
        ("Nr;Name\n1;Ada\n".to_owned(), "none of its 2 columns is called that"),
    ] {
        let error = read_text(&text).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
    let read =
        read_from("key\n".as_bytes(), RecordKind::Admissions, Ids::Column("member"), Most::ALLOWED);
    let error = read.expect("memory").expect_err("no such column").to_string();
    assert!(error.contains("`member`, as --id-column says"), "{error}");
}

#[test]
fn a_column_of_ids_is_found_by_signs_and_by_its_exact_name() {
    let (a, b) = (digits(1), digits(2));
    let read = |text: &str, name| read_bytes(text.as_bytes(), Ids::Column(name));
    let refused = read(&format!("%,#,voter_key\n1,7,{a}\n2,7,{b}\n"), "#").expect_err("one id");
    assert!(refused.contains("line 2 has the same id with another key"), "{refused}");
    let refused = read(&format!(",voter_key\n7,{a}\n8,{b}\n"), "#").expect_err("no such column");
    assert!(refused.contains("`#`, as --id-column says"), "{refused}");
    for (name, is_twice) in [("C", false), ("C#", true)] {
        let outcome = read(&format!("C,C#,voter_key\n1,7,{a}\n2,7,{b}\n"), name);
        assert_eq!(outcome.is_err(), is_twice, "{name}: {outcome:?}");
    }
    let refused = read(&format!("C-,C#,voter_key\n1,7,{a}\n"), "c").expect_err("either");
    assert!(refused.contains("two columns are called `c`"), "{refused}");
}

#[test]
fn voters_can_be_withdrawn_without_their_keys() {
    let voter = key(1).public().voter();
    let text = format!("voter\n{voter}\n");
    let list = read_from(text.as_bytes(), RecordKind::Withdrawals, Ids::Usual, Most::ALLOWED)
        .expect("memory");
    assert_eq!(list.expect("a voter").voters, BTreeMap::from([(voter, None)]));
}

#[test]
fn a_list_is_as_long_as_it_may_be_and_no_longer() {
    for end in ["", "\n", "\n\n\n"] {
        let text = format!("key,name\n{},Ada{end}", digits(1));
        let length = text.len() as u64;
        let read = |bytes| {
            let most = Most { bytes, ..Most::ALLOWED };
            read_from(text.as_bytes(), RecordKind::Admissions, Ids::Nowhere, most).expect("memory")
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
        read_from(text.as_bytes(), RecordKind::Admissions, Ids::Usual, most).expect("memory")
    };
    assert_eq!(read(3).expect("it fits").voters.len(), 3);
    let error = read(2).expect_err("there are too many");
    assert!(matches!(error, ListError::TooManyVoters), "{error}");
}

#[test]
fn one_member_with_two_keys_is_found_whatever_the_spelling_of_the_id() {
    for [one, other] in [
        ["Member@Example.org", "member@example.org"],
        ["M\u{fc}ller", "Mu\u{308}ller"],
        ["STRASSE", "Straße"],
        ["7", "7\u{200b}"],
    ] {
        let text = format!("id,voter_key\n{one},{}\n{other},{}\n", digits(1), digits(2));
        let error = read_text(&text).expect_err("one member");
        assert!(error.contains("line 3: line 2 has the same id with another key"), "{error}");
        // The same key twice is one voter.
        let text = format!("id,voter_key\n{one},{0}\n{other},{0}\n", digits(1));
        assert_eq!(read_text(&text).expect("one voter").twice_count, 1);
    }
    for [one, other] in [
        ["007", "7"],
        ["7\u{a0}", "7"],
        ["M-7", "M7"],
        ["Lovelace Ada", "Ada Lovelace"],
        ["A 12", "A12"],
        ["\u{410}1", "A1"],
        ["M-01", "m-1"],
    ] {
        let text =
            format!("id,voter_key\n{one},{}\nB,{}\n{other},{}\n", digits(1), digits(2), digits(3));
        let list = read_text(&text).expect("two members perhaps");
        assert_eq!((list.similar, list.similar_count), (vec![[2, 4]], 1), "{one:?} {other:?}");
    }
    // Two letters of Latin-1 are two letters.
    let text = [b"id,key\nM\xfcller,", digits(1).as_bytes(), b"\nM\xf6ller,", digits(2).as_bytes()]
        .concat();
    let list = read_bytes(&text, Ids::Usual).expect("two members");
    assert_eq!((list.voters.len(), list.similar_count), (2, 0));
}

#[test]
fn without_a_column_of_ids_the_organiser_has_to_say_so() {
    let text = format!("Member,voter_key\n1,{}\n1,{}\n", digits(1), digits(2));
    let error = read_text(&text).expect_err("no ids");
    assert!(error.contains("its columns are `Member`, `voter_key`"), "{error}");
    assert!(error.contains("--id-column NAME") && error.contains("--without-ids"), "{error}");
    let error = read_bytes(text.as_bytes(), Ids::Column("member")).expect_err("two keys");
    assert!(error.contains("the same id with another key"), "{error}");
    let list = read_without_ids(&text).expect("two voters");
    assert!(!list.has_ids && list.voters.len() == 2);
    // Where there is nothing but keys, nothing could be named.
    let list = read_text(&format!("voter_key\n{}\n", digits(1))).expect("a voter");
    assert!(!list.has_ids);
    let list = read_text(&format!(" ID\u{a0},Voter Key\n,{}\n1,{}\n", digits(1), digits(2)));
    let list = list.expect("two voters");
    assert_eq!((list.has_ids, list.without_id), (true, 1));
    let error = read_bytes(text.as_bytes(), Ids::Column("number")).expect_err("no such column");
    assert!(error.contains("its columns are `Member`, `voter_key`"), "{error}");
}

#[test]
fn a_table_is_read_as_spreadsheets_write_it() {
    let (a, b) = (digits(1), digits(2));
    let text = format!("id,voter_key\r\n1,{a}\r\n2,{b}\r\n");
    let utf16 = |order: fn(u16) -> [u8; 2], text: &str| {
        text.encode_utf16().flat_map(order).collect::<Vec<_>>()
    };
    for bytes in [
        utf16(u16::to_le_bytes, &format!("\u{feff}{text}")),
        utf16(u16::to_be_bytes, &format!("\u{feff}{text}")),
        utf16(u16::to_le_bytes, &text),
        utf16(u16::to_le_bytes, &format!("\u{feff}sep=,\r\n{text}")),
        format!("sep=;\r\n{}", text.replace(',', ";")).into_bytes(),
        format!("\u{feff}\"SEP=|\"\n{}", text.replace(',', "|")).into_bytes(),
        format!("sep=,\r{}", text.replace("\r\n", "\r")).into_bytes(),
        text.replace("id,voter_key", "\u{a0}Id , Voter Key\u{a0}").into_bytes(),
        text.replace("id,voter_key", "ID,voter-key").into_bytes(),
        text.replace("id,voter_key", "I.D.,voterkey").into_bytes(),
        text.replace(',', "|").into_bytes(),
        format!("sep=;\r\n{text}").into_bytes(),
        utf16(u16::to_be_bytes, &text),
        format!("\u{feff}sep=\t\r\n{}", text.replace(',', "\t")).into_bytes(),
    ] {
        let list = read_bytes(&bytes, Ids::Usual).expect("two voters");
        assert_eq!((list.voters.len(), list.has_ids), (2, true));
    }
    // Lines are counted as an editor counts them.
    let error = read_text(&format!("sep=,\nid,voter_key\n1,{a}\n2,x\n")).expect_err("a slip");
    assert!(error.contains("line 4: 1 character stands"), "{error}");
}

#[test]
fn what_is_no_table_is_named_as_what_it_is() {
    let text = format!("id,voter_key\n1,{}\n", digits(1));
    for (bytes, part) in [
        (b"PK\x03\x04\0\0[Content_Types].xml".to_vec(), "a spreadsheet of Excel (.xlsx)"),
        (
            b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet".to_vec(),
            "LibreOffice (.ods)",
        ),
        (b"PK\x03\x04list.csv".to_vec(), "a packed file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1".to_vec(), "an older Excel (.xls)"),
        (b"%PDF-1.7".to_vec(), "a PDF"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>".to_vec(), "a page"),
        (b"<meta charset=utf-8><table>".to_vec(), "a page"),
        (b"{\\rtf1\\ansi id,voter_key}".to_vec(), "a document (.rtf)"),
        (b"[{\"voter_key\":\"02\"}]".to_vec(), "this is JSON"),
        (b"\x09\x08\x10\0\0\x06\x05\0\0\0".to_vec(), "a file of another program"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec(), "a file of another program"),
        (b"\xff\xfe\0\0i\0\0\0d\0\0\0".to_vec(), "text in UTF-32"),
        (format!("Member list 2026\n\n{text}").into_bytes(), "line 3 names the columns"),
        (format!("Members;\n{}", text.replace(',', ";")).into_bytes(), "line 2 names the columns"),
        (format!("1,{}\n", digits(1)).into_bytes(), "its first line holds a key"),
    ] {
        let error = read_bytes(&bytes, Ids::Usual).expect_err(part);
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("Member"), "nothing of a list is repeated: {error}");
    }
}

#[test]
fn what_cannot_be_seen_beside_a_key_does_no_harm_and_inside_is_named() {
    let key = digits(1);
    for cell in [
        format!("{key}\u{a0}"),
        format!("\u{200b}{key}"),
        format!("\u{3000}\u{feff}{key}\u{202c} "),
    ] {
        assert_eq!(
            read_text(&format!("key\n{cell}\n")).expect("a key").voters.len(),
            1,
            "{cell:?}"
        );
    }
    for (character, part) in [
        ('\u{200b}', "character 11 is U+200B (zero width space), which can't be seen: remove it"),
        ('\u{a0}', "character 11 is U+00A0, which is no hexadecimal digit"),
        ('\u{441}', "character 11 is U+0441, which is no hexadecimal digit"),
        ('O', "character 11 is `O`, which is no hexadecimal digit"),
    ] {
        let text = format!("key\n{}{character}{}\n", &key[..10], &key[11..]);
        let error = read_text(&text).expect_err("a slip");
        assert!(error.contains(part), "{error}");
    }
}

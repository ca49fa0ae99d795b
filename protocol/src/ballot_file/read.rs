//! From the text of a `ballot.toml` to an election.

use std::ops::Range;
use std::time::UNIX_EPOCH;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::syntax::{line_at, syntax_error};
use super::{
    BallotFileError, CHOICES_DEFAULT, ELECTION_KEYS, OPEN, QUESTION_KEYS, REGISTRAR,
    REGISTRAR_KEYS, TextPlace, VALIDATOR_KEYS, check_texts,
};
use crate::admission::{
    AdmissionRule, REGISTRARS_MAX, REGISTRATION_BITS_MAX, Registrar, VOTERS_MAX,
};
use crate::election::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, DIFFICULTY_BITS_MAX, Election, Question};
use crate::key_text::{self, KeyForm};
use crate::keys::PublicKey;
use crate::units::UnixMillis;

const ID_EXPECTED: &str = "32 hexadecimal digits, such as `openssl rand -hex 16` gives";
const ADMISSION_EXPECTED: &str =
    "\"registrar\" (registrars admit voters) or \"open\" (anybody may register)";
const MOMENT_EXPECTED: &str =
    "a time in UTC from 1970 on, to the millisecond at most, such as \"2026-11-01T09:00:00Z\"";

/// Reads the election that a `ballot.toml` defines, which has then passed [`Election::check`].
///
/// # Errors
/// The first mistake in the text, as one line that names the key and says how to correct it.
pub fn parse(text: &str) -> Result<Election, BallotFileError> {
    read(text, |_, _| Ok(()))
}

/// Does the same for an election that has not begun, and so need not have texts that mislead.
///
/// # Errors
/// See [`parse`], and [`check_texts`].
pub fn parse_new(text: &str) -> Result<Election, BallotFileError> {
    read(text, |election, line_of| {
        check_texts(election).map_err(|reason| {
            let line = line_of(reason.place());
            BallotFileError::Text { line, reason }
        })
    })
}

/// Reads a time as a ballot file has it: RFC 3339 in UTC, to the millisecond at most.
#[must_use]
pub fn moment(text: &str) -> Option<UnixMillis> {
    let time = humantime::parse_rfc3339(text).ok()?;
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    let is_whole = since_epoch.subsec_nanos().is_multiple_of(1_000_000);
    let millis = u64::try_from(since_epoch.as_millis()).ok().filter(|_| is_whole)?;
    Some(UnixMillis(millis))
}

/// How many of a file's keys are written in hex, without a checksum.
#[must_use]
pub fn keys_in_hex(text: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let is_hex = |holder: &&Value<'_>| {
        let DeValue::Table(holder) = holder.get_ref() else { return false };
        let Some(DeValue::String(key)) = holder.get("key").map(Spanned::get_ref) else {
            return false;
        };
        key_text::read(key).is_ok_and(|(_, form)| form == KeyForm::Hex)
    };
    let count = |tables: &str| match document.get_ref().get(tables).map(Spanned::get_ref) {
        Some(DeValue::Array(holders)) => holders.iter().filter(is_hex).count(),
        _ => 0,
    };
    count("registrar") + count("validator")
}

/// Reads an election and has it judged by `judge`, which is also given how to find the line of a text.
fn read(
    text: &str,
    judge: impl FnOnce(&Election, &dyn Fn(TextPlace) -> usize) -> Result<(), BallotFileError>,
) -> Result<Election, BallotFileError> {
    let document = DeTable::parse(text).map_err(|error| syntax_error(text, &error))?;
    let file = Section { text, prefix: String::new(), table: document.get_ref() };
    let questions =
        file.sections("question", "each question as a table of its own under [[question]]")?;
    let registrars =
        file.sections("registrar", "each registrar as a table of its own under [[registrar]]")?;
    let validators =
        file.sections("validator", "each validator as a table of its own under [[validator]]")?;
    file.check_keys(&ELECTION_KEYS)?;
    for question in &questions {
        question.check_keys(&QUESTION_KEYS)?;
    }
    for registrar in &registrars {
        registrar.check_keys(&REGISTRAR_KEYS)?;
    }
    for validator in &validators {
        validator.check_keys(&VALIDATOR_KEYS)?;
    }
    let election = Election {
        id: file.id()?,
        title: file.string("title", "title = \"Board 2026\"")?,
        created: file.moment("created", "created = \"2026-11-01T09:00:00Z\"")?,
        difficulty_bits: file.number(
            "difficulty_bits",
            "difficulty_bits = 24",
            (0, DIFFICULTY_BITS_MAX),
        )?,
        block_bytes_max: file.number(
            "block_bytes_max",
            "block_bytes_max = 262144",
            (BLOCK_BYTES_MIN, BLOCK_BYTES_MAX),
        )?,
        admission: file.admission(&registrars)?,
        questions: questions.iter().map(Section::question).collect::<Result<_, _>>()?,
        block_interval_s: file.block_interval()?,
        times: file.times(&validators)?,
    };
    election.check()?;
    let sections = Sections { file, registrars, validators, questions };
    judge(&election, &|place| sections.text_line(place))?;
    Ok(election)
}

/// All tables of a file.
struct Sections<'a> {
    file: Section<'a>,
    registrars: Vec<Section<'a>>,
    validators: Vec<Section<'a>>,
    questions: Vec<Section<'a>>,
}

impl Sections<'_> {
    /// The line in which a text stands.
    fn text_line(&self, place: TextPlace) -> usize {
        let (section, key) = match place {
            TextPlace::Title => (&self.file, "title"),
            TextPlace::Registrar(index) => (&self.registrars[index], "name"),
            TextPlace::Validator(index) => (&self.validators[index], "name"),
            TextPlace::Question(index) => (&self.questions[index], "title"),
            TextPlace::Option(index, _) => (&self.questions[index], "options"),
        };
        let value = section.table.get(key);
        let option = match (place, value.map(Spanned::get_ref)) {
            (TextPlace::Option(_, index), Some(DeValue::Array(options))) => options.get(index),
            _ => None,
        };
        option.or(value).map_or(1, |value| section.line(value.span()))
    }
}

/// One table of the file: the top level, a registrar, a validator or a question.
pub(super) struct Section<'a> {
    text: &'a str,
    /// The text that precedes the keys of this table in messages.
    prefix: String,
    pub(super) table: &'a DeTable<'a>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    fn sections(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Vec<Section<'a>>, BallotFileError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(tables) = value.get_ref() else {
            return Err(self.wrong_type(key, value, expected));
        };
        let sections = tables.iter().enumerate().map(|(index, value)| {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.wrong_type(&format!("{key}[{index}]"), value, expected));
            };
            Ok(Section { text: self.text, prefix: format!("{key}[{index}]."), table })
        });
        sections.collect()
    }

    /// Checks that all keys are known. Otherwise the error names the first unknown one in the file.
    fn check_keys(&self, known: &[&str]) -> Result<(), BallotFileError> {
        let unknown = self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let (line, name) = (self.line(key.span()), key.get_ref().as_ref());
        let full_name = self.key(name);
        let mend = if ELECTION_KEYS.contains(&name) {
            "move it above all [[registrar]], [[validator]] and [[question]]".to_owned()
        } else if QUESTION_KEYS.contains(&name) {
            "move it below a [[question]]".to_owned()
        } else if REGISTRAR_KEYS.contains(&name) {
            "move it below a [[registrar]] or [[validator]]".to_owned()
        } else if let Some(nearest) = nearest(name, known) {
            format!("did you mean `{nearest}`?")
        } else {
            format!("remove it, or use one of `{}`", known.join("`, `"))
        };
        Err(BallotFileError::UnknownKey { line, key: full_name, mend })
    }

    fn id(&self) -> Result<[u8; 16], BallotFileError> {
        let example = "id = \"9f2c41d07ab85e36c1d4f8027be953a6\"";
        let found = self.string("id", example)?;
        let mut id = [0; 16];
        match hex::decode_to_slice(&found, &mut id) {
            Ok(()) => Ok(id),
            Err(_) => Err(self.bad_text("id", found, ID_EXPECTED)),
        }
    }

    /// A moment in UTC, to the millisecond.
    pub(super) fn moment(
        &self,
        key: &str,
        example: &'static str,
    ) -> Result<UnixMillis, BallotFileError> {
        let value = self.value(key, example)?;
        let found = if let DeValue::String(text) = value.get_ref() {
            text.to_string()
        } else if let DeValue::Datetime(time) = value.get_ref() {
            time.to_string()
        } else {
            return Err(self.wrong_type(key, value, MOMENT_EXPECTED));
        };
        moment(&found).ok_or_else(|| self.bad_text(key, found, MOMENT_EXPECTED))
    }

    fn admission(&self, registrars: &[Self]) -> Result<AdmissionRule, BallotFileError> {
        let found = self.string("admission", "admission = \"registrar\"")?;
        match found.as_str() {
            OPEN => {
                self.refuse_keys(&["threshold", "registrar"], REGISTRAR)?;
                let bits = (0, REGISTRATION_BITS_MAX);
                let max_voters = self.table.contains_key("max_voters");
                Ok(AdmissionRule::Open {
                    registration_bits: self.number(
                        "registration_bits",
                        "registration_bits = 16",
                        bits,
                    )?,
                    max_voters: max_voters
                        .then(|| self.number("max_voters", "", (1, VOTERS_MAX)))
                        .transpose()?,
                })
            }
            REGISTRAR => {
                self.refuse_keys(&["registration_bits", "max_voters"], OPEN)?;
                let most = u8::try_from(registrars.len().clamp(1, REGISTRARS_MAX));
                let most = most.expect("it was clamped");
                Ok(AdmissionRule::Registrars {
                    threshold: self.number("threshold", "threshold = 1", (1, most))?,
                    registrars: registrars.iter().map(Self::registrar).collect::<Result<_, _>>()?,
                })
            }
            _ => Err(self.bad_text("admission", found, ADMISSION_EXPECTED)),
        }
    }

    /// Refuses keys that mean nothing under this admission rule, so that nobody who writes one
    /// believes that it has an effect.
    fn refuse_keys(&self, keys: &[&str], needed: &'static str) -> Result<(), BallotFileError> {
        for key in keys {
            if let Some(value) = self.table.get(*key) {
                let (line, key) = (self.line(value.span()), self.key(key));
                return Err(BallotFileError::OtherAdmission { line, key, needed });
            }
        }
        Ok(())
    }

    fn registrar(&self) -> Result<Registrar, BallotFileError> {
        let name = self.string("name", "name = \"Secretary\"")?;
        let key = self.public_key("key = \"ostkey1…\", as `peer registrar init` prints it")?;
        Ok(Registrar { name, key })
    }

    pub(super) fn public_key(&self, example: &'static str) -> Result<PublicKey, BallotFileError> {
        let found = self.string("key", example)?;
        found.parse().map_err(|reason| BallotFileError::BadKey {
            line: self.line_of("key"),
            key: self.key("key"),
            reason,
        })
    }

    fn question(&self) -> Result<Question, BallotFileError> {
        let title = self.string("title", "title = \"Who takes the chair?\"")?;
        let options = self.options()?;
        // If there are no options, the check of the election has a clearer message than this one.
        let most = u16::try_from(options.len()).unwrap_or(u16::MAX).max(1);
        let choices_max = self.number_or_default("max", (1, most))?;
        let choices_min = self.number_or_default("min", (0, choices_max))?;
        Ok(Question { title, options, choices_min, choices_max })
    }

    fn options(&self) -> Result<Vec<String>, BallotFileError> {
        const EXPECTED: &str = "a list of names in quotes, such as [\"Yes\", \"No\"]";
        let value = self.value("options", "options = [\"Yes\", \"No\"]")?;
        let DeValue::Array(values) = value.get_ref() else {
            return Err(self.wrong_type("options", value, EXPECTED));
        };
        let options = values.iter().enumerate().map(|(number, value)| {
            self.text_of(&format!("options[{number}]"), value, "a name in quotes")
        });
        options.collect()
    }

    pub(super) fn string(
        &self,
        key: &str,
        example: &'static str,
    ) -> Result<String, BallotFileError> {
        self.text_of(key, self.value(key, example)?, "a text in quotes")
    }

    fn text_of(
        &self,
        key: &str,
        value: &Value<'_>,
        expected: &'static str,
    ) -> Result<String, BallotFileError> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(self.wrong_type(key, value, expected));
        };
        Ok(text.to_string())
    }

    fn number_or_default(&self, key: &str, range: (u16, u16)) -> Result<u16, BallotFileError> {
        if self.table.contains_key(key) { self.number(key, "", range) } else { Ok(CHOICES_DEFAULT) }
    }

    /// Reads a number of the type. `range` is only used in the error message; whether the number
    /// lies within it is decided by the check of the election.
    pub(super) fn number<N: TryFrom<u64> + Into<u64>>(
        &self,
        key: &str,
        example: &'static str,
        range: (N, N),
    ) -> Result<N, BallotFileError> {
        let value = self.value(key, example)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a whole number without quotes"));
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix());
        number.ok().and_then(|number| N::try_from(number).ok()).ok_or_else(|| {
            BallotFileError::OutOfRange {
                line: self.line(value.span()),
                key: self.key(key),
                found: integer.to_string(),
                min: range.0.into(),
                max: range.1.into(),
            }
        })
    }

    pub(super) fn value(
        &self,
        key: &str,
        example: &'static str,
    ) -> Result<&'a Value<'a>, BallotFileError> {
        let missing = || BallotFileError::Missing { key: self.key(key), example };
        self.table.get(key).ok_or_else(missing)
    }

    pub(super) fn wrong_type(
        &self,
        key: &str,
        value: &Value<'_>,
        expected: &'static str,
    ) -> BallotFileError {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        BallotFileError::WrongType {
            line: self.line(value.span()),
            key: self.key(key),
            found,
            expected,
        }
    }

    fn bad_text(&self, key: &str, found: String, expected: &'static str) -> BallotFileError {
        BallotFileError::BadText { line: self.line_of(key), key: self.key(key), found, expected }
    }

    /// The line of a key's value.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.table.get(key).map_or(1, |value| self.line(value.span()))
    }

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn line(&self, span: Range<usize>) -> usize {
        line_at(self.text, span.start)
    }
}

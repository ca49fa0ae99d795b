//! The constants of a source file, read as text: what they are called and what they are set to.

/// The words of a constant's name of which any one says that something is bounded.
const WORDS: [&str; 14] = [
    "MAX", "MOST", "LIMIT", "LIMITS", "CAPACITY", "PER", "CACHED", "WANTED", "ONCE", "TOGETHER",
    "BYTES", "BACKLOG", "ROOM", "PART",
];

/// A constant that a program contains.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Constant<'t> {
    pub(super) name: &'t str,
    /// With one blank wherever the source has blanks or begins a new line.
    pub(super) value: String,
}

impl Constant<'_> {
    /// Whether its name is that of a bound. Its type says nothing: bytes, times and shares are all bounded.
    pub(super) fn is_bound(&self) -> bool {
        self.name.split('_').any(|word| WORDS.contains(&word))
    }
}

/// All constants of a source but those of its test modules.
pub(super) fn constants(source: &str) -> Vec<Constant<'_>> {
    let lines = without_test_modules(source);
    let declared = lines.iter().filter_map(|(at, line)| {
        let (name, _) = declaration(line)?.split_once(": ")?;
        let is_name =
            |character: char| character.is_ascii_uppercase() || "0123456789_".contains(character);
        let (declared, _) = source[*at..].split_once(";\n")?;
        let (_, value) = declared.split_once('=')?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        name.chars().all(is_name).then_some(Constant { name, value })
    });
    declared.collect()
}

/// What follows `const` or `static` in a line that declares something.
fn declaration(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    rest.strip_prefix("const ").or_else(|| rest.strip_prefix("static "))
}

/// The fields that a source's defaults set, with their values.
pub(super) fn fields(source: &str) -> Vec<(&str, &str)> {
    let Some((_, defaults)) = source.split_once("fn default() -> Self {\n") else {
        return vec![];
    };
    let lines = defaults.lines().take_while(|line| *line != "}");
    lines.filter_map(|line| line.trim().strip_suffix(',')?.split_once(": ")).collect()
}

/// The lines of a source and where each begins, without those of its test modules. A module that stands in a file of
/// its own takes one line, and what follows it is the program's again.
fn without_test_modules(source: &str) -> Vec<(usize, &str)> {
    let mut lines = source.split_inclusive('\n').scan(0, |at, line| {
        let begin = *at;
        *at += line.len();
        Some((begin, line.trim_end()))
    });
    let mut kept = vec![];
    while let Some((at, line)) = lines.next() {
        let Some(indentation) = line.strip_suffix("#[cfg(test)]") else {
            kept.push((at, line));
            continue;
        };
        let mut depth = 0;
        let item = lines.by_ref().find(|(_, line)| {
            let is_attribute = depth > 0 || line.trim_start().starts_with("#[");
            if is_attribute {
                let opened = line.matches(['[', '(']).count();
                depth = (depth + opened).saturating_sub(line.matches([']', ')']).count());
            }
            !is_attribute
        });
        let end = format!("{indentation}}}");
        match item {
            Some((_, item)) if item.contains("mod ") && item.ends_with('{') => {
                lines.find(|(_, line)| *line == end);
            }
            item => kept.extend(item),
        }
    }
    kept
}

#[test]
fn bounds_are_found_by_any_word_of_their_names_and_whatever_their_types() {
    for (declared, is_bound) in [
        ("const A_MAX: usize = 1;\n", true),
        ("pub const MAX_A: u16 = 1;\n", true),
        ("pub(super) const A_MAX_MS: u128 = 1;\n", true),
        ("    pub(in crate::a) const A_PER_B: f32 = 1.0;\n", true),
        ("static A_CACHED: AtomicUsize =\n    AtomicUsize::new(1);\n", true),
        ("const A_MAX: Duration = Duration::from_secs(1);\n", true),
        ("const A_AT_ONCE: f64 = 1.0;\n", true),
        ("const A_BYTES: i64 = 1;\n", true),
        ("const A_MAXIMAL: usize = 1;\n", false),
        ("const PERIOD: Duration = Duration::ZERO;\n", false),
    ] {
        let found: Vec<_> = constants(declared).iter().map(Constant::is_bound).collect();
        assert_eq!(found, [is_bound], "{declared}");
    }
    for other in [
        "/// const A_MAX: usize = 1;\n",
        "// const A_MAX: usize = 1;\n",
        "const fn a_max(b: usize) -> usize {\n    b;\n}\n",
        "let A_MAX: usize = 1;\n",
        "fn a<const A_MAX: usize>(b: [u8; A_MAX]) {}\n",
    ] {
        assert_eq!(constants(other), [], "{other}");
    }
}

#[test]
fn constants_of_test_modules_are_left_out_and_those_after_them_are_not() {
    let source = "\
#[cfg(test)]
mod fixtures;
const A_MAX: usize = 1;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = \"virtual time\"
)]
mod before {
    const B_MAX: usize = 2;
    mod inner {
    }
    const C_MAX: usize = 3;
}
const D_MAX: usize = 4;
mod inner {
    #[cfg(test)]
    mod tests {
        const E_MAX: usize = 5;
    }
    pub const F_MAX: usize = 6;
}
#[cfg(test)]
use fixtures::anything;
const G_MAX: usize = 7;
#[cfg(test)]
#[path = \"other.rs\"]
pub mod other;
const H_MAX: usize = 8;
#[cfg(test)]
mod tests {
    const I_MAX: usize = 9;
}
";
    let found: Vec<_> = constants(source).into_iter().map(|found| found.name).collect();
    assert_eq!(found, ["A_MAX", "D_MAX", "F_MAX", "G_MAX", "H_MAX"]);
}

#[test]
fn values_are_those_of_the_declaration_and_of_no_test() {
    let source = "/// See const A_MAX: usize = 1;\npub const A_MAX: usize =\n    4\n    * 1024;\nconst B_MAX: [u8; 2] = [1; 2];\n";
    let found = constants(source);
    let value = |name, value: &str| Constant { name, value: value.to_owned() };
    assert_eq!(found, [value("A_MAX", "4 * 1024"), value("B_MAX", "[1; 2]")]);
}

#[test]
fn fields_are_found_with_their_values() {
    let source = "impl Default for A {\n    fn default() -> Self {\n        Self {\n            b_max: Rate { x: 1, y: 2 },\n            \
        c: 5,\n        }\n    }\n}\nfn d() {\n    e: 7,\n}\n";
    assert_eq!(fields(source), [("b_max", "Rate { x: 1, y: 2 }"), ("c", "5")]);
    assert_eq!(fields("fn d() {\n    e: 7,\n}\n"), []);
}

//! Bytes on their way from the terminal to the line editor, made good UTF-8.

/// What stands for bytes that are no UTF-8. Nobody has it on a keyboard.
pub(super) const BAD_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// The key, Ctrl-^, by which the editor is told to draw its line anew.
pub(super) const REDRAW_KEY: char = '^';
const REDRAW_BYTE: u8 = 0x1e;

/// The key, Ctrl-\, by which the editor is told to end its line, whatever was typed of it.
pub(super) const BREAK_KEY: char = '\\';
const BREAK_BYTE: u8 = 0x1c;

/// Ctrl-C, which no terminal sends as part of a text that is pasted.
const CONTROL_C: u8 = 3;

/// What terminals put around a text that is pasted. The ends of its lines end no line for the editor.
const PASTE_BEGIN: [u8; 6] = *b"\x1b[200~";
const PASTE_END: [u8; 6] = *b"\x1b[201~";

/// What was typed, and not passed on yet.
#[derive(Debug)]
pub(super) struct TypedBytes {
    /// Good UTF-8.
    ready: Vec<u8>,
    /// What the editor has once it has got all that is ready.
    taken: Passed,
    /// What the editor has got.
    passed: Passed,
    /// Whether the editor has got a whole line, so that the rest waits for the next one.
    is_held: bool,
    /// What comes after that: the beginning of a character, or all that was typed after the key for suspension.
    rest: Vec<u8>,
    /// The key that sends the program to the background; 0 if there is none.
    suspension_key: u8,
    is_to_be_suspended: bool,
}

impl TypedBytes {
    pub(super) fn new(suspension_key: u8) -> Self {
        Self {
            ready: Vec::new(),
            taken: Passed::default(),
            passed: Passed::default(),
            is_held: false,
            rest: Vec::new(),
            suspension_key,
            is_to_be_suspended: false,
        }
    }

    /// Takes what was typed.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        self.refine();
    }

    /// What may be passed on: at most up to the end of a line.
    pub(super) fn ready(&self) -> &[u8] {
        if self.is_held {
            return &[];
        }
        let mut passed = self.passed;
        let end = self.ready.iter().position(|byte| passed.ends_line(*byte));
        &self.ready[..end.map_or(self.ready.len(), |place| place + 1)]
    }

    /// Whether nothing waits to be passed on, so that more may be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && !self.is_to_be_suspended
    }

    /// Whether more was typed than the line that was passed on.
    pub(super) fn has_more(&self) -> bool {
        !self.is_empty() || !self.rest.is_empty()
    }

    /// Whether something waits for the next line to be wanted.
    pub(super) fn is_held(&self) -> bool {
        self.is_held && !self.ready.is_empty()
    }

    /// The next line is wanted.
    pub(super) fn release(&mut self) {
        self.is_held = false;
    }

    /// Others have written over the editor's line, so that it has to be drawn anew before anything else.
    pub(super) fn redraw(&mut self) {
        self.ready.insert(0, REDRAW_BYTE);
    }

    /// The editor is to end its line before anything else, also where the end of a paste never came.
    pub(super) fn break_off(&mut self) {
        self.ready.insert(0, BREAK_BYTE);
        if self.passed.is_in_paste {
            self.ready.splice(..0, PASTE_END);
            self.taken.is_in_paste = false;
        }
    }

    /// The editor has ended its line before it was told to.
    pub(super) fn forget_break(&mut self) {
        if self.ready.first() == Some(&BREAK_BYTE) {
            self.ready.remove(0);
        }
    }

    /// All that was typed is dropped.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.suspension_key);
    }

    /// The key may have been changed while others used the terminal.
    pub(super) fn set_suspension_key(&mut self, key: u8) {
        self.suspension_key = key;
    }

    /// So many bytes of those that are ready were passed on.
    pub(super) fn passed(&mut self, count: usize) {
        for byte in self.ready.drain(..count) {
            self.is_held = self.passed.ends_line(byte);
        }
    }

    /// Whether the key for suspension was typed, and all before it was passed on.
    pub(super) fn wants_suspension(&self) -> bool {
        self.is_to_be_suspended && self.ready.is_empty()
    }

    /// The program was suspended, and goes on.
    pub(super) fn suspended(&mut self) {
        self.is_to_be_suspended = false;
        self.refine();
    }

    fn refine(&mut self) {
        if self.is_to_be_suspended {
            return;
        }
        let rest = std::mem::take(&mut self.rest);
        let is_key = |byte: &u8| *byte == self.suspension_key && self.suspension_key != 0;
        let (now, later) = match rest.iter().position(is_key) {
            Some(place) => {
                self.is_to_be_suspended = true;
                (&rest[..place], &rest[place + 1..])
            }
            None => (&rest[..], &[][..]),
        };
        let mut unfinished: &[u8] = &[];
        for chunk in now.utf8_chunks() {
            self.add(chunk.valid().as_bytes());
            let is_last = chunk.invalid().as_ptr_range().end == now.as_ptr_range().end;
            if is_last && !self.is_to_be_suspended && may_go_on(chunk.invalid()) {
                unfinished = chunk.invalid();
            } else if !chunk.invalid().is_empty() {
                self.add(BAD_CHARACTER.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.rest.extend_from_slice(unfinished);
        self.rest.extend_from_slice(later);
    }

    /// Makes bytes ready. A paste whose end never comes would keep the editor from all keys for good, so Ctrl-C ends
    /// it.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == CONTROL_C && self.taken.is_in_paste {
                self.ready.extend(PASTE_END);
                self.taken.is_in_paste = false;
            }
            self.taken.ends_line(*byte);
            self.ready.push(*byte);
        }
    }
}

/// What the editor has got, as far as it matters for what follows.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    newest: [u8; 6],
    is_in_paste: bool,
}

impl Passed {
    /// Adds a byte. Returns whether it ends a line.
    fn ends_line(&mut self, byte: u8) -> bool {
        self.newest.rotate_left(1);
        self.newest[5] = byte;
        if [PASTE_BEGIN, PASTE_END].contains(&self.newest) {
            self.is_in_paste = self.newest == PASTE_BEGIN;
        }
        matches!(byte, b'\r' | b'\n') && !self.is_in_paste
    }
}

/// Whether bytes that are no character yet become one if the right ones follow.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSPEND: u8 = 0x1a;

    /// What arrives if the text is typed in these pieces.
    fn passed_on(pieces: &[&[u8]]) -> String {
        let mut typed = TypedBytes::new(SUSPEND);
        let mut passed = Vec::new();
        for piece in pieces {
            typed.take(piece);
            while !typed.ready().is_empty() {
                passed.extend_from_slice(typed.ready());
                typed.passed(typed.ready().len());
                typed.release();
            }
        }
        String::from_utf8(passed).expect("it is UTF-8 by now")
    }

    #[test]
    fn bad_bytes_are_marked_and_nothing_else_is_changed() {
        for (pieces, expected) in [
            (&[b"vote Ada\r".as_slice()][..], "vote Ada\r"),
            (&["Zoë\r".as_bytes()], "Zoë\r"),
            (&[b"Zo\xc3", b"\xab\r"], "Zoë\r"),
            (&[b"\xf0\x9f", b"\x8f", b"\xba"], "🏺"),
            (&[b"Zo\xeb\rstatus\r"], "Zo\u{fffd}\rstatus\r"),
            (&[b"Zo\xeb", b"\rstatus\r"], "Zo\u{fffd}\rstatus\r"),
            (&[b"\xff"], "\u{fffd}"),
            (&[b"\xff", b"\xfe", b"x"], "\u{fffd}\u{fffd}x"),
            (&[b"a\x80b"], "a\u{fffd}b"),
            // Half a surrogate, and a byte in more bytes than it takes.
            (&[b"\xed\xa0\x80x"], "\u{fffd}\u{fffd}\u{fffd}x"),
            (&[b"\xc0\xafx"], "\u{fffd}\u{fffd}x"),
            (&[b"\x1b[A\x03"], "\x1b[A\x03"),
        ] {
            assert_eq!(passed_on(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn each_line_is_passed_on_when_it_is_wanted() {
        let mut typed = TypedBytes::new(SUSPEND);
        typed.take(b"one\rtwo\r\x1b[200~a\rb\x1b[201");
        for expected in [&b"one\r"[..], b"two\r", b"\x1b[200~a\rb\x1b[201"] {
            assert_eq!(typed.ready(), expected);
            let half = expected.len() / 2;
            typed.passed(half);
            assert_eq!(typed.ready(), &expected[half..]);
            typed.passed(expected.len() - half);
            assert_eq!(typed.ready(), b"");
            typed.release();
        }
        assert!(!typed.has_more());
        typed.take(b"~\rc");
        assert_eq!(typed.ready(), b"~\r");
        typed.passed(2);
        assert!(typed.is_held() && typed.has_more() && !typed.is_empty());
        typed.release();
        assert_eq!(typed.ready(), b"c");
    }

    #[test]
    fn a_paste_without_an_end_is_ended_by_the_keys_that_end_a_line() {
        assert_eq!(passed_on(&[b"\x1b[200~a\rb", b"\x03c\x03"]), "\x1b[200~a\rb\x1b[201~\x03c\x03");
        assert_eq!(passed_on(&[b"\x1b[200~a\x1b[201~\x03"]), "\x1b[200~a\x1b[201~\x03");
        let mut typed = TypedBytes::new(SUSPEND);
        typed.take(b"\x1b[200~a\r");
        typed.passed(typed.ready().len());
        typed.break_off();
        assert_eq!(typed.ready(), b"\x1b[201~\x1c");
        typed.passed(typed.ready().len());
        typed.take(b"b\x03");
        assert_eq!(typed.ready(), b"b\x03");
    }

    #[test]
    fn what_is_typed_after_the_key_for_suspension_waits_until_the_program_goes_on() {
        let mut typed = TypedBytes::new(SUSPEND);
        typed.take(b"ab\x1acd\x1ae");
        assert_eq!((typed.ready(), typed.wants_suspension()), (b"ab".as_slice(), false));
        typed.passed(2);
        assert!(typed.wants_suspension() && !typed.is_empty());
        typed.suspended();
        assert_eq!((typed.ready(), typed.wants_suspension()), (b"cd".as_slice(), false));
        typed.passed(2);
        assert!(typed.wants_suspension());
        typed.suspended();
        assert_eq!(typed.ready(), b"e");
        typed.take(b"pass\rword\x1a");
        typed.forget();
        assert_eq!((typed.ready(), typed.has_more()), (b"".as_slice(), false));
        let mut without = TypedBytes::new(0);
        without.take(b"a\x00b");
        assert_eq!(without.ready(), b"a\x00b");
    }
}

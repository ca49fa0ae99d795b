//! What a voter is told and asked, one thing after the other, until a vote is whole.
//!
//! Whoever shows it prints what is told, asks what is asked, and hands the answer back; what comes next is decided
//! here.

use protocol::election::Question;
use protocol::transaction::Choices;

use super::{Answer, ChoicesError, parse_answer};

/// The questions of a ballot, and the answers to them so far.
#[derive(Debug)]
pub(crate) struct Interview<'q> {
    questions: &'q [Question],
    /// What was given before and not looked at yet.
    given: Vec<Option<Answer>>,
    /// The answers to the first questions. The one after them is the next.
    choices: Choices,
    /// What is to be told before anything else.
    doubt: Option<ChoicesError>,
    /// Whether the next question was asked already.
    is_asked: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'q> {
    Tell(ChoicesError),
    Ask(Asked<'q>),
}

/// A question that the voter is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked<'q> {
    pub(crate) question: &'q Question,
    /// Counted from 1, as voters do.
    pub(crate) number: usize,
    /// Whether it was asked before, so that it need not be shown anew.
    pub(crate) is_again: bool,
}

impl<'q> Interview<'q> {
    /// Begins with the answers that were given already, in the order of the questions.
    pub(crate) fn new(questions: &'q [Question], given: Vec<Answer>) -> Self {
        let given = given.into_iter().map(Some).collect();
        let choices = Vec::with_capacity(questions.len());
        Self { questions, given, choices, doubt: None, is_asked: false }
    }

    /// What to tell or to ask now; `None` once every question is answered.
    pub(crate) fn next(&mut self) -> Option<Step<'q>> {
        if let Some(doubt) = self.doubt.take() {
            return Some(Step::Tell(doubt));
        }
        loop {
            let index = self.choices.len();
            let question = self.questions.get(index)?;
            match self.given.get_mut(index).and_then(Option::take) {
                Some(Answer::Given(chosen)) => self.choices.push(chosen),
                Some(Answer::Doubtful { doubt, supposed }) => {
                    self.choices.extend(supposed);
                    return Some(Step::Tell(doubt));
                }
                None => {
                    let is_again = std::mem::replace(&mut self.is_asked, true);
                    return Some(Step::Ask(Asked { question, number: index + 1, is_again }));
                }
            }
        }
    }

    /// Takes the answer to what was asked. What is wrong with it is told next, and the question asked again.
    pub(crate) fn answer(&mut self, text: &str) {
        let index = self.choices.len();
        let Some(question) = self.questions.get(index) else { return };
        match parse_answer(text, index + 1, question) {
            Ok(chosen) => {
                self.choices.push(chosen);
                self.is_asked = false;
            }
            Err(doubt) => self.doubt = Some(doubt),
        }
    }

    /// The vote, once nothing is left to be asked.
    pub(crate) fn into_choices(self) -> Choices {
        debug_assert_eq!(self.choices.len(), self.questions.len(), "all was asked");
        self.choices
    }
}

impl Asked<'_> {
    /// What the voter is asked for below the question.
    pub(crate) fn prompt(&self) -> &'static str {
        match self.question.choices_min {
            0 => "Your choice (numbers or names, - for none):",
            _ => "Your choice (numbers or names):",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voter::choices::read;
    use crate::voter::choices::tests::two_questions;

    /// All that is told and asked if each question gets the next of these answers.
    fn held(text: Option<&str>, answers: &[&str]) -> (Vec<String>, Choices) {
        let election = two_questions();
        let given = text.map(|text| read(text, &election).expect(text)).unwrap_or_default();
        let mut interview = Interview::new(&election.questions, given);
        let (mut answers, mut steps) = (answers.iter(), Vec::new());
        while let Some(step) = interview.next() {
            match step {
                Step::Tell(doubt) => steps.push(format!("tell {}", doubt.kind())),
                Step::Ask(asked) => {
                    let again = if asked.is_again { " again" } else { "" };
                    steps.push(format!("ask {}{again}", asked.number));
                    interview.answer(answers.next().expect("it is answered"));
                }
            }
        }
        assert_eq!(answers.next(), None, "all is asked for");
        (steps, interview.into_choices())
    }

    #[test]
    fn what_is_left_out_is_asked_until_it_is_answered() {
        let (steps, choices) = held(None, &["Grace", "Nobody", "", "-"]);
        let expected = [
            "ask 1",
            "ask 2",
            "tell no_such_option",
            "ask 2 again",
            "tell wrong_number_of_questions",
            "ask 2 again",
        ];
        assert_eq!(
            (steps.as_slice(), choices),
            (&expected.map(str::to_owned)[..], vec![vec![1], vec![]])
        );
    }

    #[test]
    fn what_is_given_is_not_asked_and_what_is_doubtful_is_told_before() {
        assert_eq!(held(Some("2; 1"), &[]), (vec![], vec![vec![1], vec![0]]));
        // There is only one thing that may have been meant.
        let (steps, choices) = held(Some("Gr; T"), &["Thursday"]);
        let expected = ["tell no_such_option", "tell ambiguous_option", "ask 2"];
        assert_eq!(
            (steps.as_slice(), choices),
            (&expected.map(str::to_owned)[..], vec![vec![1], vec![1]])
        );
        let (steps, choices) = held(Some("Ada"), &["2, 3"]);
        let expected = ["tell wrong_number_of_questions", "ask 2"];
        assert_eq!(
            (steps.as_slice(), choices),
            (&expected.map(str::to_owned)[..], vec![vec![0], vec![1, 2]])
        );
    }

    #[test]
    fn who_may_leave_a_question_blank_is_told_how() {
        let election = two_questions();
        let mut interview = Interview::new(&election.questions, Vec::new());
        for sign in [false, true] {
            let Some(Step::Ask(asked)) = interview.next() else { panic!("nothing was given") };
            assert_eq!(asked.prompt().contains("- for none"), sign);
            interview.answer("1");
        }
        assert_eq!(interview.next(), None);
    }
}

//! Renders the count of a question, with a bar for each option.

use owo_colors::OwoColorize;

use super::layout::table;
use crate::schema::QuestionTally;

/// The width of the longest bar.
const BAR_CHARACTERS: u64 = 30;

pub(super) fn bars(tally: &QuestionTally, voters: u64, color: bool) -> String {
    let blank = Some(("(blank)", tally.blank)).filter(|(_, votes)| *votes > 0);
    let options = tally.options.iter().map(|option| (option.name.as_str(), option.votes));
    let rows = options.chain(blank).map(|(name, votes)| {
        // The numbers are widened so that no multiplication overflows.
        let length = u128::from(votes) * u128::from(BAR_CHARACTERS) / u128::from(voters.max(1));
        let length = usize::try_from(length).unwrap_or_default().min(BAR_CHARACTERS as usize);
        let bar = "█".repeat(length) + &"░".repeat(BAR_CHARACTERS as usize - length);
        let bar = if color { bar.cyan().to_string() } else { bar };
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = 100.0 * votes as f64 / voters.max(1) as f64;
        vec![name.to_owned(), bar, votes.to_string(), format!("{share:.1} %")]
    });
    table(None, rows, &[2, 3])
}

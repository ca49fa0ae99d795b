//! Draws the picture: the layout of its panels, its first and last line, and how it looks while the
//! peer cannot be reached. Everything that comes from a peer is cut to the space that is available
//! for it.

mod count;
mod finality;
mod lists;
mod text;
mod top;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use super::state::{Contact, State};
use crate::render::{Tone, election_state_word, short};
use crate::schema::{Admitted, Role, Status};
use text::{fit, sides, span};

/// The smallest terminal on which every panel can show something.
const SIZE_MIN: Size = Size { width: 80, height: 20 };

/// The rows that a panel's border takes.
const BORDER_ROWS: u16 = 2;

/// How the user looks at the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Viewport {
    pub(super) has_color: bool,
    /// The first row of the count that is visible.
    pub(super) first_row: usize,
}

/// The position of each panel.
struct Panels {
    head: Rect,
    chain: Rect,
    pool: Rect,
    mining: Rect,
    count: Rect,
    blocks: Rect,
    neighbours: Rect,
    events: Rect,
    foot: Rect,
}

/// Draws the whole picture.
pub(super) fn draw(state: &State, viewport: Viewport, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SIZE_MIN.width || area.height < SIZE_MIN.height {
        let (width, height) = (SIZE_MIN.width, SIZE_MIN.height);
        let found = format!("{}×{}", area.width, area.height);
        let text = format!("make the terminal {width}×{height} or larger: it is {found}");
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let panels = Panels::in_area(area, state);
    top::chain(state, viewport, frame, panels.chain);
    top::pool(state, viewport, frame, panels.pool);
    top::mining(state, viewport, frame, panels.mining);
    count::draw(state, viewport, frame, panels.count);
    lists::blocks(state, viewport, frame, panels.blocks);
    lists::neighbours(state, viewport, frame, panels.neighbours);
    lists::events(state, viewport, frame, panels.events);
    if let Contact::Lost { .. } = state.contact {
        let old = viewport.faint().remove_modifier(Modifier::BOLD);
        frame.buffer_mut().set_style(area, old);
    }
    head(state, viewport, frame, panels.head);
    foot(state, viewport, frame, panels.foot);
}

/// How many rows of the count fit, and how many there are.
pub(super) fn count_rows(state: &State, size: Size) -> (usize, usize) {
    let panels = Panels::in_area(Rect::from(((0, 0).into(), size)), state);
    count::rows_visible_and_all(state, panels.count)
}

impl Panels {
    fn in_area(area: Rect, state: &State) -> Self {
        let is_tall = area.height >= 36;
        let (news, is_wide) = (if is_tall { 9 } else { 5 }, area.width >= 100);
        let [head, top, middle, events, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(3 + BORDER_ROWS),
            Constraint::Fill(1),
            Constraint::Length(news),
            Constraint::Length(1),
        ])
        .areas(area);
        let [chain, pool, mining] = Layout::horizontal([Constraint::Fill(1); 3]).areas(top);
        let right = if is_wide { area.width * 2 / 5 } else { 43 };
        let [count, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(right)]).areas(middle);
        // The list of neighbours gets a heading and one row per neighbour, but the blocks keep at
        // least half of the rows.
        let known = u16::try_from(state.neighbours.len()).unwrap_or(u16::MAX);
        let wanted = known.max(1).saturating_add(1 + BORDER_ROWS);
        let [blocks, neighbours] = Layout::vertical([
            Constraint::Fill(1),
            Constraint::Length(wanted.min(middle.height / 2)),
        ])
        .areas(right);
        Self { head, chain, pool, mining, count, blocks, neighbours, events, foot }
    }
}

impl Viewport {
    /// The style of what should be read first.
    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The style of borders, of the headings of columns, and of what is out of date.
    fn faint(self) -> Style {
        match self.has_color {
            true => Style::new().fg(Color::DarkGray),
            false => Style::new().add_modifier(Modifier::DIM),
        }
    }

    fn colored(self, color: Color) -> Style {
        if self.has_color { Style::new().fg(color) } else { Style::new() }
    }

    /// The style of bars and curves.
    fn bar(self) -> Style {
        self.colored(Color::Cyan)
    }

    fn good(self) -> Style {
        self.colored(Color::Green)
    }

    fn bad(self) -> Style {
        self.colored(Color::Red)
    }

    fn toned(self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Good => self.good(),
            Tone::Doubtful => self.colored(Color::Yellow),
            Tone::Bad => self.bad(),
        }
    }

    fn panel(self, title: &str) -> Block<'_> {
        Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(self.faint())
            .padding(Padding::horizontal(1))
            .title_top(Line::styled(format!(" {title} "), Style::reset().patch(self.strong())))
    }
}

/// Draws a panel's border, and returns the area inside.
fn panel(frame: &mut Frame<'_>, area: Rect, block: Block<'_>) -> Rect {
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

fn head(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let (sign, word, style) = match &state.contact {
        Contact::Awaited => ("○", "connecting", viewport.faint()),
        Contact::Live => ("●", "live", viewport.good()),
        Contact::Lost { .. } => ("○", "no contact", viewport.bad()),
    };
    let width = usize::from(area.width).saturating_sub(2);
    let server = fit(&state.server, width / 2);
    let (contact, server) = (format!("  {sign} {word}"), format!("  {server}"));
    let banner = state.status.as_ref().map(banner).unwrap_or_default();
    let finality = state.status.as_ref().and_then(|status| status.finality.as_ref());
    let badge = finality.map(|each| format!("{}  ", election_state_word(each.state)));
    let badge = badge.unwrap_or_default();
    let badge_style =
        finality.map_or_else(Style::new, |each| viewport.toned(finality::tone(each.state)));
    let room =
        width.saturating_sub(badge.width() + banner.width() + contact.width() + server.width());
    let spans = vec![
        Span::raw(" "),
        Span::styled(badge, badge_style.add_modifier(Modifier::BOLD)),
        Span::styled(banner, viewport.bad().add_modifier(Modifier::BOLD)),
        Span::styled(sides(&state.title, "", room), viewport.strong()),
        Span::styled(contact, style),
        Span::styled(server, viewport.faint()),
    ];
    frame.render_widget(Line::from(spans), area);
}

/// What everyone must know who looks at an unusual peer, or at an election in which anybody may
/// vote.
fn banner(status: &Status) -> String {
    let role = match (status.role, status.partitioned) {
        (Role::Ordinary, _) => "",
        (Role::Observer, _) => "OBSERVER  ",
        (Role::Laboratory, false) => "LABORATORY  ",
        (Role::Laboratory, true) => "LABORATORY, CUT OFF  ",
    };
    let open = match (&status.admitted, &status.finality) {
        (Admitted::Anybody, None) => "OPEN  ",
        // In an election with hours, OPEN says that they have come.
        (Admitted::Anybody, Some(_)) => "FOR ANYBODY  ",
        (Admitted::Registrars { .. }, _) => "",
    };
    format!("{role}{open}")
}

fn foot(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width).saturating_sub(2);
    let (text, style) = match &state.contact {
        Contact::Lost { since_ms, reason } => {
            let ago = span(state.now_ms.saturating_sub(*since_ms));
            let keys = "q ends";
            let text = format!("no contact for {ago}, trying again: {reason}");
            (sides(&text, keys, width), viewport.bad())
        }
        Contact::Awaited | Contact::Live => {
            let keys = "q ends   ↑ ↓ PgUp PgDn move the count";
            let election = format!("election {}", short(state.election));
            (sides(keys, &election, width), viewport.faint())
        }
    };
    frame.render_widget(Line::styled(format!(" {text}"), style), area);
}

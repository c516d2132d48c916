//! A table that fits the terminal: long cells are cut, numbers stand on the right.

use super::layout::{cut, cut_before, width};
use super::{Screen, Tone, harmless};

/// What stands between two columns.
const GAP: &str = "  ";

/// The least width of a column that is cut.
const LEAST: usize = 8;

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    whole: bool,
    /// Whether the end tells more than the beginning.
    end: bool,
}

impl Column {
    /// Text that is cut where the terminal is too narrow.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, whole: false, end: false }
    }

    /// A record's or a topic's name: cut at its beginning, because the end tells one from another.
    #[must_use]
    pub const fn place(title: &'static str) -> Self {
        Self { title, right: false, whole: false, end: true }
    }

    /// Text that is useless when it is cut.
    #[must_use]
    pub const fn word(title: &'static str) -> Self {
        Self { title, right: false, whole: true, end: false }
    }

    /// Numbers.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, whole: true, end: false }
    }
}

/// One cell: text that cannot act on a terminal.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in a tone.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self { text: harmless(text), tone }
    }

    /// What is shown where there is no value.
    #[must_use]
    pub fn none() -> Self {
        Self::new("-", Tone::Faint)
    }

    /// The value's text, or a dash.
    #[must_use]
    pub fn or_none(value: Option<impl ToString>) -> Self {
        value.map_or_else(Self::none, |value| value.to_string().into())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

/// Rows under the titles of their columns.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    columns: [Column; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table without rows.
    #[must_use]
    pub const fn new(columns: [Column; COLUMNS]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: [Cell; COLUMNS]) {
        self.rows.push(row);
    }

    /// The table as a person reads it, a line each row.
    #[must_use]
    pub fn render(&self, screen: &Screen) -> String {
        let widths = self.widths(screen.width);
        let titles = self.columns.map(|column| Cell::new(column.title, Tone::Strong));
        let mut shown = String::new();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            // Blanks that stand between two columns are written only where something follows.
            let mut blanks = String::new();
            for ((cell, column), width_here) in row.iter().zip(&self.columns).zip(&widths) {
                let shorten = if column.end { cut_before } else { cut };
                let text = shorten(&cell.text, *width_here);
                let free = " ".repeat(width_here.saturating_sub(width(&text)));
                let (before, after) = if column.right { (&*free, "") } else { ("", &*free) };
                if text.is_empty() {
                    blanks.push_str(before);
                } else {
                    line.push_str(&std::mem::take(&mut blanks));
                    line.push_str(before);
                    line.push_str(&screen.paint(cell.tone, &text));
                }
                blanks.push_str(after);
                blanks.push_str(GAP);
            }
            shown.push_str(&line);
            shown.push('\n');
        }
        shown
    }

    /// What each column takes: what it needs, or less where that is too much for the line. The widest give first.
    fn widths(&self, line: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| width(column.title)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(&cell.text).max(*widest);
            }
        }
        let room = line.saturating_sub(GAP.len() * COLUMNS.saturating_sub(1));
        // In need, what should stay whole is cut too.
        for spare_whole in [true, false] {
            while widths.iter().sum::<usize>() > room {
                let givers = widths.iter_mut().zip(&self.columns).filter(|(width, column)| {
                    **width > LEAST.max(column.title.len()) && !(spare_whole && column.whole)
                });
                let Some((widest, _)) = givers.max_by_key(|(width, _)| **width) else { break };
                *widest -= 1;
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen { width: 40, colours: false };

    fn table(subject: &str) -> Table<3> {
        let mut table = Table::new([Column::number("ID"), Column::text("SUBJECT"), Column::word("STATUS")]);
        table.push(["7".into(), subject.into(), Cell::new("dead", Tone::Bad)]);
        table.push(["1234".into(), Cell::none(), "".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_they_need() {
        let expected = "  ID  SUBJECT    STATUS\n   7  booking_4  dead\n1234  -\n";
        assert_eq!(table("booking_4").render(&SCREEN), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for subject in ["x".repeat(500), "海".repeat(90), "\u{1b}[2J\n".repeat(30)] {
            let shown = table(&subject).render(&SCREEN);
            assert!(shown.contains('…') && shown.contains("dead"), "{shown}");
            for line in shown.lines() {
                assert!(width(line) <= 40 && !line.contains(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let screen = Screen { colours: true, ..SCREEN };
        let shown = table("b").render(&screen).replace("\x1b[1m", "").replace("\x1b[31m", "");
        let shown = shown.replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert_eq!(shown, table("b").render(&SCREEN));
    }
}

//! Aligned columns for people.

use crate::draw::{plain, width};

/// Rows under a head. Numbers stand at the right of their column, words at the left.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    /// Heads; one that begins with `>` stands, with its column, at the right.
    heads: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// An empty table.
    pub(crate) fn new(heads: [&'static str; COLUMNS]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    /// Adds a row. Empty cells are shown as `-`.
    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows
            .push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { plain(&cell) }));
    }

    /// The table as text, each line ended.
    pub(crate) fn finish(&self) -> String {
        let heads = self.heads.map(|head| head.trim_start_matches('>').to_owned());
        let lines = || core::iter::once(&heads).chain(&self.rows);
        let widths: [usize; COLUMNS] = core::array::from_fn(|column| {
            lines().map(|cells| width(&cells[column])).max().unwrap_or(0)
        });
        let mut text = String::new();
        for cells in lines() {
            let mut line = String::new();
            for ((cell, room), head) in cells.iter().zip(widths).zip(self.heads) {
                let blanks = " ".repeat(room - width(cell));
                let (before, after) =
                    if head.starts_with('>') { (&*blanks, "") } else { ("", &*blanks) };
                line.extend([before, cell, after, "  "]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["LINK", ">RTT", "STATE"]);
        table.row(["eth0".into(), "1.2 ms".into(), "healthy".into()]);
        table.row(["wwan0-long".into(), "51 ms".into(), String::new()]);

        assert_eq!(
            table.finish(),
            "\
LINK           RTT  STATE
eth0        1.2 ms  healthy
wwan0-long   51 ms  -
"
        );
    }

    #[test]
    fn a_cell_can_not_steer_the_terminal() {
        let mut table = Table::new(["PATH"]);
        table.row(["a\x1b[2J\nb".into()]);

        assert_eq!(table.finish(), "PATH\na?[2J?b\n");
    }

    #[test]
    fn an_empty_table_is_its_head() {
        assert_eq!(Table::new(["A", ">B"]).finish(), "A  B\n");
    }
}

//! The layouts of `column`.

/// How entries are set.
pub struct Layout {
    pub table: bool,
    /// The characters between fields; blanks when `None`, and then runs of them count once.
    pub separators: Option<String>,
    pub output_separator: String,
    pub width: usize,
    pub fill_rows: bool,
    pub headings: Option<Vec<String>>,
    pub no_headings: bool,
    /// Names or numbers of the columns that are set flush right.
    pub right: Vec<String>,
    pub keep_empty: bool,
}

impl Default for Layout {
    fn default() -> Self {
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(80);
        Self {
            table: false,
            separators: None,
            output_separator: "  ".into(),
            width,
            fill_rows: false,
            headings: None,
            no_headings: false,
            right: Vec::new(),
            keep_empty: false,
        }
    }
}

impl Layout {
    /// Returns `text` laid out.
    pub fn render(&self, text: &str) -> String {
        let lines = text.lines().filter(|line| self.keep_empty || !line.trim().is_empty());
        if self.table { self.table(lines) } else { self.fill(lines.map(str::trim_start).collect()) }
    }

    fn table<'a>(&self, lines: impl Iterator<Item = &'a str>) -> String {
        let mut rows: Vec<Vec<&str>> = lines.map(|line| self.fields(line)).collect();
        if let Some(headings) = self.headings.as_ref().filter(|_| !self.no_headings) {
            rows.insert(0, headings.iter().map(String::as_str).collect());
        }
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &rows {
            for (width, field) in widths.iter_mut().zip(row) {
                *width = (*width).max(field.chars().count());
            }
        }
        let right: Vec<bool> = (0..columns).map(|at| self.is_right(at)).collect();
        let mut result = String::new();
        for row in rows {
            for at in 0..columns {
                let field = row.get(at).copied().unwrap_or_default();
                let padding = " ".repeat(widths[at] - field.chars().count());
                let last = at + 1 == columns;
                if right[at] {
                    result.push_str(&padding);
                }
                result.push_str(field);
                if !right[at] && !last {
                    result.push_str(&padding);
                }
                if !last {
                    result.push_str(&self.output_separator);
                }
            }
            result.push('\n');
        }
        result
    }

    fn is_right(&self, column: usize) -> bool {
        let heading = self.headings.as_ref().and_then(|headings| headings.get(column));
        self.right.iter().any(|name| *name == (column + 1).to_string() || Some(name) == heading)
    }

    fn fields<'a>(&self, line: &'a str) -> Vec<&'a str> {
        match &self.separators {
            None => line.split_ascii_whitespace().collect(),
            Some(separators) => line.split(|c| separators.contains(c)).collect(),
        }
    }

    fn fill(&self, entries: Vec<&str>) -> String {
        let longest = entries.iter().map(|entry| entry.chars().count()).max().unwrap_or(0);
        // Columns start at tab stops, as they always have.
        let step = (longest + 8) & !7;
        let columns = (self.width / step).max(1);
        if longest >= self.width || columns == 1 && !self.fill_rows {
            return entries.iter().map(|entry| format!("{entry}\n")).collect();
        }
        let rows = entries.len().div_ceil(columns);
        let mut result = String::new();
        for row in 0..rows {
            let mut reached = 0;
            for column in 0..columns {
                let at = if self.fill_rows { row * columns + column } else { column * rows + row };
                let Some(entry) = entries.get(at) else { break };
                while reached < column * step {
                    result.push('\t');
                    reached = (reached & !7) + 8;
                }
                result.push_str(entry);
                reached += entry.chars().count();
            }
            result.push('\n');
        }
        result
    }
}

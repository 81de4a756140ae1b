//! Which lines of two files changed: Myers' O(ND) algorithm, searched from both ends, with the choices among equal
//! results that `diff` users are used to (runs of changes are slid to line up with the other file's, else downwards).

/// The changed lines of both files.
pub struct Changes {
    pub left: Vec<bool>,
    pub right: Vec<bool>,
}

/// Compares two files given as the equality classes of their lines.
pub fn compare(left: &[usize], right: &[usize]) -> Changes {
    let mut changes = Changes { left: vec![false; left.len()], right: vec![false; right.len()] };
    // Lines that the other file does not have are changes in any case; without them the search is far shorter.
    let (left_kept, left_classes) = keep_common(left, right, &mut changes.left);
    let (right_kept, right_classes) = keep_common(right, left, &mut changes.right);
    let diagonals = left_classes.len() + right_classes.len() + 3;
    let mut search = Search {
        left: &left_classes,
        right: &right_classes,
        left_changed: vec![false; left_classes.len()],
        right_changed: vec![false; right_classes.len()],
        forward: vec![0; diagonals],
        backward: vec![0; diagonals],
    };
    search.compare(0, left_classes.len(), 0, right_classes.len());
    for (at, original) in left_kept.iter().enumerate() {
        changes.left[*original] = search.left_changed[at];
    }
    for (at, original) in right_kept.iter().enumerate() {
        changes.right[*original] = search.right_changed[at];
    }
    slide(left, &mut changes.left, &changes.right);
    slide(right, &mut changes.right, &changes.left);
    changes
}

fn keep_common(lines: &[usize], others: &[usize], changed: &mut [bool]) -> (Vec<usize>, Vec<usize>) {
    let classes = lines.iter().chain(others).max().map_or(0, |most| most + 1);
    let mut present = vec![false; classes];
    for class in others {
        present[*class] = true;
    }
    let mut kept = Vec::new();
    for (at, class) in lines.iter().enumerate() {
        if present[*class] {
            kept.push(at);
        } else {
            changed[at] = true;
        }
    }
    let kept_classes = kept.iter().map(|at| lines[*at]).collect();
    (kept, kept_classes)
}

struct Search<'a> {
    left: &'a [usize],
    right: &'a [usize],
    left_changed: Vec<bool>,
    right_changed: Vec<bool>,
    /// The furthest x reached on each diagonal, from the start and from the end. Diagonal `d = x - y` is at index
    /// `d + right.len() + 1`.
    forward: Vec<isize>,
    backward: Vec<isize>,
}

impl Search<'_> {
    fn compare(&mut self, mut x0: usize, mut x1: usize, mut y0: usize, mut y1: usize) {
        loop {
            while x0 < x1 && y0 < y1 && self.left[x0] == self.right[y0] {
                x0 += 1;
                y0 += 1;
            }
            while x0 < x1 && y0 < y1 && self.left[x1 - 1] == self.right[y1 - 1] {
                x1 -= 1;
                y1 -= 1;
            }
            if x0 == x1 {
                self.right_changed[y0..y1].fill(true);
                return;
            }
            if y0 == y1 {
                self.left_changed[x0..x1].fill(true);
                return;
            }
            let (x, y) = self.middle(x0 as isize, x1 as isize, y0 as isize, y1 as isize);
            self.compare(x0, x, y0, y);
            (x0, y0) = (x, y);
        }
    }

    /// Returns a point on a shortest path between two corners, where the searches from both ends meet.
    fn middle(&mut self, x0: isize, x1: isize, y0: isize, y1: isize) -> (usize, usize) {
        let zero = self.right.len() as isize + 1;
        let index = |diagonal: isize| (diagonal + zero) as usize;
        let (least, most) = (x0 - y1, x1 - y0);
        let (from_start, from_end) = (x0 - y0, x1 - y1);
        let odd = (from_start - from_end) & 1 != 0;
        let (mut f_low, mut f_high) = (from_start, from_start);
        let (mut b_low, mut b_high) = (from_end, from_end);
        self.forward[index(from_start)] = x0;
        self.backward[index(from_end)] = x1;
        loop {
            widen(&mut f_low, &mut f_high, least, most, |d| self.forward[index(d)] = -1);
            let mut d = f_high;
            while d >= f_low {
                let (below, above) = (self.forward[index(d - 1)], self.forward[index(d + 1)]);
                let mut x = if below < above { above } else { below + 1 };
                let mut y = x - d;
                while x < x1 && y < y1 && self.left[x as usize] == self.right[y as usize] {
                    x += 1;
                    y += 1;
                }
                self.forward[index(d)] = x;
                if odd && b_low <= d && d <= b_high && self.backward[index(d)] <= x {
                    return (x as usize, y as usize);
                }
                d -= 2;
            }
            widen(&mut b_low, &mut b_high, least, most, |d| self.backward[index(d)] = isize::MAX);
            let mut d = b_high;
            while d >= b_low {
                let (below, above) = (self.backward[index(d - 1)], self.backward[index(d + 1)]);
                let mut x = if below < above { below } else { above - 1 };
                let mut y = x - d;
                while x0 < x && y0 < y && self.left[x as usize - 1] == self.right[y as usize - 1] {
                    x -= 1;
                    y -= 1;
                }
                self.backward[index(d)] = x;
                if !odd && f_low <= d && d <= f_high && x <= self.forward[index(d)] {
                    return (x as usize, y as usize);
                }
                d -= 2;
            }
        }
    }
}

/// Takes one more diagonal on each side, or one fewer where the edge of the table is reached. `clear` marks the
/// diagonals just outside as not reached.
fn widen(low: &mut isize, high: &mut isize, least: isize, most: isize, mut clear: impl FnMut(isize)) {
    if *low > least {
        *low -= 1;
        clear(*low - 1);
    } else {
        *low += 1;
    }
    if *high < most {
        *high += 1;
        clear(*high + 1);
    } else {
        *high -= 1;
    }
}

/// Slides each run of changed lines up as far as it goes, joining runs, and then down: to where a change of the other
/// file is, else as far as it goes.
fn slide(lines: &[usize], changed: &mut [bool], other: &[bool]) {
    let is_set = |flags: &[bool], at: usize| flags.get(at).copied().unwrap_or(false);
    // `at` walks this file and `there` the other; both stand at corresponding unchanged lines or ends.
    let (mut at, mut there) = (0, 0);
    loop {
        while at < lines.len() && !changed[at] {
            while is_set(other, there) {
                there += 1;
            }
            there += 1;
            at += 1;
        }
        if at >= lines.len() {
            return;
        }
        let mut start = at;
        while is_set(changed, at) {
            at += 1;
        }
        while is_set(other, there) {
            there += 1;
        }
        let mut aligned;
        loop {
            let length = at - start;
            while start > 0 && lines[start - 1] == lines[at - 1] {
                start -= 1;
                at -= 1;
                changed[start] = true;
                changed[at] = false;
                while start > 0 && changed[start - 1] {
                    start -= 1;
                }
                there -= 1;
                while there > 0 && is_set(other, there) {
                    there -= 1;
                }
            }
            aligned = if there > 0 && is_set(other, there - 1) { at } else { lines.len() };
            while at < lines.len() && lines[start] == lines[at] {
                changed[start] = false;
                changed[at] = true;
                start += 1;
                at += 1;
                while is_set(changed, at) {
                    at += 1;
                }
                there += 1;
                while is_set(other, there) {
                    there += 1;
                    aligned = at;
                }
            }
            if length == at - start {
                break;
            }
        }
        while aligned < at {
            start -= 1;
            at -= 1;
            changed[start] = true;
            changed[at] = false;
            there -= 1;
            while there > 0 && is_set(other, there) {
                there -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(text: &str) -> Vec<usize> {
        text.bytes().map(usize::from).collect()
    }

    /// The unchanged lines of both sides must be the same sequence, and their number the longest possible.
    #[test]
    fn changes_leave_a_longest_common_subsequence() {
        let mut state = 12345_u32;
        let mut random = |limit: u32| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            (state >> 16) % limit
        };
        for _ in 0..500 {
            let mut text = || (0..random(12)).map(|_| char::from(b'a' + random(4) as u8)).collect::<String>();
            let (a, b) = (classes(&text()), classes(&text()));
            let changes = compare(&a, &b);
            let kept = |lines: &[usize], changed: &[bool]| -> Vec<usize> {
                lines.iter().zip(changed).filter(|(_, changed)| !**changed).map(|(line, _)| *line).collect()
            };
            let left = kept(&a, &changes.left);
            assert_eq!(left, kept(&b, &changes.right));
            let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
            for x in 0..a.len() {
                for y in 0..b.len() {
                    table[x + 1][y + 1] =
                        if a[x] == b[y] { table[x][y] + 1 } else { table[x][y + 1].max(table[x + 1][y]) };
                }
            }
            assert_eq!(left.len(), table[a.len()][b.len()]);
        }
    }
}

//! What fits on a page: whole pieces, the most important first, and a word on what was left out. Never cuts inside a piece.

use crate::report::text::count;

/// A part of the page, in pieces that stand or fall alone.
pub(super) struct Section {
    /// What stands before the pieces.
    pub head: String,
    /// The pieces, the most important first.
    pub items: Vec<String>,
    /// What stands behind them.
    pub foot: String,
    /// Lower is kept first.
    pub rank: u8,
    /// What one piece is called when it is left out.
    pub noun: &'static str,
    /// Left out where the page would become longer than this.
    pub below: usize,
}

impl Section {
    /// One piece that is nothing without itself.
    pub(super) fn whole(text: String, rank: u8, noun: &'static str) -> Self {
        Self { head: String::new(), items: vec![text], foot: String::new(), rank, noun, below: usize::MAX }
    }

    pub(super) fn list(head: String, items: Vec<String>, rank: u8, noun: &'static str) -> Self {
        Self { head, items, foot: String::new(), rank, noun, below: usize::MAX }
    }

    fn frame(&self) -> usize {
        self.head.len() + self.foot.len()
    }
}

/// Bytes kept free for the word on what was left out.
const RESERVE: usize = 1_000;

/// The page in at most `limit` bytes: sections in their order, `note` told of what was left out right after the first section.
pub(super) fn fit(sections: &[Section], limit: usize, note: impl Fn(&str) -> String) -> String {
    let room = limit.saturating_sub(RESERVE);
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|n| sections.get(*n).map(|s| s.rank));
    let mut kept = vec![0; sections.len()];
    let mut used = 0;
    for n in order {
        let (Some(section), Some(kept)) = (sections.get(n), kept.get_mut(n)) else { continue };
        let room = room.min(section.below);
        let mut size = used + section.frame();
        for item in &section.items {
            if size + item.len() > room {
                break;
            }
            size += item.len();
            *kept += 1;
        }
        if *kept > 0 {
            used = size;
        }
    }
    let mut left_out: Vec<String> = Vec::new();
    for (section, kept) in sections.iter().zip(&kept) {
        let (all, left) = (section.items.len(), section.items.len() - kept);
        if left > 0 {
            left_out.push(if *kept > 0 { format!("{left} of {}", count(all, section.noun)) } else { count(all, section.noun) });
        }
    }
    left_out.truncate(20);
    let mut page = String::with_capacity(used + RESERVE);
    for (n, (section, kept)) in sections.iter().zip(&kept).enumerate() {
        if *kept > 0 {
            page.push_str(&section.head);
            section.items.iter().take(*kept).for_each(|item| page.push_str(item));
            page.push_str(&section.foot);
        }
        if n == 0 && !left_out.is_empty() {
            page.push_str(&note(&left_out.join(", ")));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize) -> String {
        let items = |word: &str, n: usize| (0..n).map(|i| format!("{word}{i:03}\n")).collect::<Vec<_>>();
        let mut last = Section::list("D\n".to_owned(), items("dddddd", 1), 9, "diagram");
        last.below = 600;
        let sections = [
            Section::whole("top\n".to_owned(), 0, "top"),
            Section::list("A\n".to_owned(), items("aaaaaa", 50), 2, "detail"),
            Section { foot: "end\n".to_owned(), ..Section::list("B\n".to_owned(), items("bbbbbb", 20), 1, "row") },
            last,
        ];
        fit(&sections, limit, |left| format!("left out: {left}\n"))
    }

    #[test]
    fn what_fits_is_whole_and_in_order() {
        let all = page(100_000);
        assert!(all.starts_with("top\nleft out: 1 diagram\nA\naaaaaa000\n") && all.ends_with("bbbbbb019\nend\n"), "{all}");
        // The page is longer than the diagram may make it.
        assert!(!all.contains("dddddd"), "{all}");
    }

    #[test]
    fn the_least_important_goes_first_and_is_named() {
        let cut = page(RESERVE + 300);
        assert!(cut.len() <= RESERVE + 300);
        assert!(cut.starts_with("top\nleft out: 42 of 50 details, 1 diagram\nA\naaaaaa000\n"), "{cut}");
        assert!(cut.contains("bbbbbb019\nend\n"), "{cut}");
        let less = page(RESERVE + 100);
        assert!(less.contains("left out: 50 details, 11 of 20 rows, 1 diagram"), "{less}");
        assert!(!less.contains("A\n") && less.ends_with("bbbbbb008\nend\n"), "{less}");
    }
}

//! The steps of a layered drawing: columns, the order within them, and heights that keep lines straight. Every step is bounded and has no ties
//! that memory or chance could decide.

use super::layout::{Grid, Line, Size, Slot, Spot};
use crate::table::{Id as _, Table};

/// Times the order is improved in both directions.
const SWEEPS: usize = 12;

/// Room in a band beyond what its fullest layer needs, so that lines can be straight there, too.
const SLACK: f64 = 20.0;

/// Times the heights are improved in both directions.
const SETTLE: usize = 60;

/// The column of every box, and which lines run from right to left.
pub(super) fn columns(sizes: &Table<Spot, Size>, lines: &[Line]) -> (Table<Spot, usize>, Vec<bool>) {
    let mut after: Table<Spot, Vec<(usize, Spot)>> = sizes.ids().map(|_| Vec::new()).collect();
    let mut entering: Table<Spot, usize> = sizes.ids().map(|_| 0).collect();
    for (n, line) in lines.iter().enumerate().filter(|(_, l)| l.from != l.to) {
        after[line.from].push((n, line.to));
        entering[line.to] += 1;
    }
    // Data starts at sources, so what closes a circle is found from there.
    let mut roots: Vec<Spot> = sizes.ids().collect();
    roots.sort_by_key(|spot| (!sizes[*spot].starts, entering[*spot] > 0, spot.row()));
    let backwards = circles(&after, &roots, lines.len());

    let mut forward: Table<Spot, Vec<Spot>> = sizes.ids().map(|_| Vec::new()).collect();
    let mut waiting: Table<Spot, usize> = sizes.ids().map(|_| 0).collect();
    for (line, back) in lines.iter().zip(&backwards).filter(|(l, _)| l.from != l.to) {
        let (left, right) = if *back { (line.to, line.from) } else { (line.from, line.to) };
        forward[left].push(right);
        waiting[right] += 1;
    }
    let mut column: Table<Spot, usize> = sizes.ids().map(|_| 0).collect();
    let mut sorted: Vec<Spot> = sizes.ids().filter(|s| waiting[*s] == 0).collect();
    let mut next = 0;
    while let Some(spot) = sorted.get(next).copied() {
        next += 1;
        for to in &forward[spot] {
            column[*to] = column[*to].max(column[spot] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                sorted.push(*to);
            }
        }
    }
    // What nothing flows into stands beside what it feeds, unless data starts there.
    let fed: Vec<Spot> = sizes.ids().filter(|s| entering[*s] == 0 && !sizes[*s].starts).collect();
    for spot in fed {
        if let Some(nearest) = forward[spot].iter().map(|to| column[*to]).min() {
            column[spot] = nearest.saturating_sub(1);
        }
    }
    (column, backwards)
}

/// The lines that close a circle, found depth first with a stack of our own.
fn circles(after: &Table<Spot, Vec<(usize, Spot)>>, roots: &[Spot], lines: usize) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut back = vec![false; lines];
    let mut state: Table<Spot, State> = after.ids().map(|_| State::New).collect();
    for root in roots {
        if state[*root] != State::New {
            continue;
        }
        state[*root] = State::Open;
        let mut stack = vec![(*root, 0)];
        while let Some((spot, at)) = stack.pop() {
            let Some((line, to)) = after[spot].get(at) else {
                state[spot] = State::Done;
                continue;
            };
            stack.push((spot, at + 1));
            match state[*to] {
                State::New => {
                    state[*to] = State::Open;
                    stack.push((*to, 0));
                }
                State::Open => {
                    if let Some(back) = back.get_mut(*line) {
                        *back = true;
                    }
                }
                State::Done => {}
            }
        }
    }
    back
}

/// Orders every layer so that few lines cross, then gives every slot its height. `around` is the room over and under what a band holds.
pub(super) fn arrange(grid: &mut Grid, apart: f64, around: (f64, f64), bands: usize) {
    let mut tall = vec![0.0_f64; bands];
    for slots in &grid.layers {
        let mut of = vec![0.0; bands];
        for slot in slots {
            let cell = &grid.cells[*slot];
            if let Some(of) = of.get_mut(cell.band) {
                *of += cell.height + apart;
            }
        }
        tall.iter_mut().zip(of).for_each(|(tall, of)| *tall = tall.max(of - apart));
    }
    let mut y = around.1;
    for tall in tall {
        let height = around.0 + tall + SLACK + around.1;
        grid.bands.push((y, height));
        y += height + apart;
    }
    for slots in &mut grid.layers {
        slots.sort_by_key(|s| (grid.cells[*s].band, s.row()));
    }
    stack(grid, apart, around.0);
    let mut best = (crossings(grid), grid.layers.clone());
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let count = grid.layers.len();
        for n in 0..count {
            let n = if forward { n } else { count - 1 - n };
            reorder(grid, n, forward);
            stack_layer(grid, n, apart, around.0);
        }
        let crossed = crossings(grid);
        if crossed < best.0 {
            best = (crossed, grid.layers.clone());
        }
    }
    grid.layers = best.1;
    stack(grid, apart, around.0);
    for round in 0..SETTLE {
        let forward = round % 2 == 0;
        let count = grid.layers.len();
        for n in 0..count {
            settle(grid, if forward { n } else { count - 1 - n }, apart, around);
        }
    }
}

/// Puts slots one under the other, from the top of their band.
fn stack(grid: &mut Grid, apart: f64, over: f64) {
    for n in 0..grid.layers.len() {
        stack_layer(grid, n, apart, over);
    }
}

fn stack_layer(grid: &mut Grid, layer: usize, apart: f64, over: f64) {
    let mut y = (usize::MAX, 0.0);
    for slot in grid.layers.get(layer).into_iter().flatten() {
        let cell = &mut grid.cells[*slot];
        if cell.band != y.0 {
            y = (cell.band, grid.bands.get(cell.band).map_or(0.0, |b| b.0) + over);
        }
        cell.y = y.1;
        y.1 += cell.height + apart;
    }
}

/// Orders a layer by where its neighbours on one side are.
fn reorder(grid: &mut Grid, layer: usize, forward: bool) {
    let Some(slots) = grid.layers.get(layer) else { return };
    let mut keyed: Vec<(usize, f64, usize, Slot)> = slots
        .iter()
        .enumerate()
        .map(|(n, slot)| {
            let cell = &grid.cells[*slot];
            let near = if forward { &cell.before } else { &cell.after };
            let sum: f64 = near.iter().map(|s| grid.cells[*s].line()).sum();
            (cell.band, if near.is_empty() { cell.line() } else { sum / near.len() as f64 }, n, *slot)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    if let Some(slots) = grid.layers.get_mut(layer) {
        *slots = keyed.into_iter().map(|(.., slot)| slot).collect();
    }
}

/// How often lines cross between neighbouring layers.
fn crossings(grid: &Grid) -> u64 {
    let mut place: Table<Slot, usize> = grid.cells.ids().map(|_| 0).collect();
    for slots in &grid.layers {
        for (n, slot) in slots.iter().enumerate() {
            place[*slot] = n;
        }
    }
    let mut sum = 0;
    for slots in &grid.layers {
        let mut lines: Vec<(usize, usize)> =
            slots.iter().flat_map(|s| grid.cells[*s].after.iter().map(|to| (place[*s], place[*to]))).collect();
        lines.sort_unstable();
        // A tree of sums over the places on the right: how many lines so far end below this one.
        let size = lines.iter().map(|l| l.1 + 2).max().unwrap_or(0);
        let mut sums = vec![0_u64; size];
        for (n, (_, to)) in lines.iter().enumerate() {
            let (mut at, mut above) = (to + 1, 0);
            while at > 0 {
                above += sums.get(at).copied().unwrap_or_default();
                at &= at - 1;
            }
            sum += n as u64 - above;
            at = to + 1;
            while at < size {
                if let Some(s) = sums.get_mut(at) {
                    *s += 1;
                }
                at += at & at.wrapping_neg();
            }
        }
    }
    sum
}

/// Moves the slots of one layer towards where their lines come from and go to, in order and without touching. The best places under these bounds
/// are found by pooling neighbours that want to pass each other (isotonic regression).
fn settle(grid: &mut Grid, layer: usize, apart: f64, around: (f64, f64)) {
    let Some(slots) = grid.layers.get(layer) else { return };
    let slots = slots.clone();
    let mut rest = slots.as_slice();
    while let Some(first) = rest.first() {
        let band = grid.cells[*first].band;
        let end = rest.iter().position(|s| grid.cells[*s].band != band).unwrap_or(rest.len());
        let (own, others) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = others;
        // Offsets as if stacked; what is left of each wish must then not decrease.
        let mut offset = 0.0;
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        let mut offsets = Vec::with_capacity(own.len());
        for slot in own {
            let cell = &grid.cells[*slot];
            let near = cell.before.iter().chain(&cell.after).map(|s| &grid.cells[*s]);
            let (sum, weight) = near.fold((0.0, 0.0), |(sum, weight), c| {
                let pull = c.pull * cell.pull;
                (sum + pull * c.line(), weight + pull)
            });
            let wish = if weight > 0.0 { sum / weight - cell.port } else { cell.y };
            pools.push((wish - offset, weight.max(0.1), 1));
            offsets.push(offset);
            offset += cell.height + apart;
            while let [.., (a, wa, na), (b, wb, nb)] = pools.as_slice() {
                if a <= b {
                    break;
                }
                let merged = ((a * wa + b * wb) / (wa + wb), wa + wb, na + nb);
                pools.truncate(pools.len() - 2);
                pools.push(merged);
            }
        }
        let (y, height) = grid.bands.get(band).copied().unwrap_or_default();
        let top = y + around.0;
        let bottom = (y + height - around.1 - (offset - apart)).max(top);
        let places = pools.iter().flat_map(|(at, _, n)| std::iter::repeat_n(at.clamp(top, bottom), *n));
        for ((slot, place), offset) in own.iter().zip(places).zip(offsets) {
            grid.cells[*slot].y = place + offset;
        }
    }
}

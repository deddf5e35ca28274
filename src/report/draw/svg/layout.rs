//! Where boxes, labels and lines go: columns from left to right by how far data has come, trust zones as bands, every label on a stretch of its
//! own line. By construction no box or label lies on another and no zone holds a foreign node. No recursion, no hashing, no randomness.

use std::collections::BTreeMap;

use super::order;
use crate::ids;
use crate::table::{Id as _, Table};

ids! {
    /// A box.
    Spot,
    /// A place on the grid of layers and bands: a box, a label, or a stretch of line.
    Slot,
}

/// Room between two boxes, labels or lines of one column.
const APART: f64 = 14.0;

/// Room between a zone's edge and what is in it.
const PAD: f64 = 16.0;

/// Room for a zone's title.
const TITLE: f64 = 24.0;

/// The least room between two layers, for lines to change their height.
const GAP: f64 = 34.0;

/// Layers a line keeps clear of boxes; past that many in large diagrams it takes the straight way.
const LONG: usize = 12;

/// Slots of a diagram that counts as large.
const LARGE: usize = 20_000;

/// A box before it has a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub width: f64,
    pub height: f64,
    pub zone: usize,
    /// Data starts here, whatever else flows in.
    pub starts: bool,
}

/// A line before it has a place: its ends and the room its label takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub from: Spot,
    pub to: Spot,
    pub width: f64,
    pub height: f64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A line's way.
#[derive(Clone, Debug, Default)]
pub(super) struct Route {
    /// Level stretches, `x` to `x` at `y`, in the direction of the flow; curves lie between them.
    pub stretches: Vec<(f64, f64, f64)>,
    /// Where the label goes.
    pub label: Rect,
    /// The line comes back to the box it left.
    pub is_loop: bool,
}

/// Everything in its place.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub width: f64,
    pub height: f64,
    pub spots: Vec<Rect>,
    /// None for a zone without boxes.
    pub zones: Vec<Option<Rect>>,
    pub routes: Vec<Route>,
}

/// A slot on the grid.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub layer: usize,
    pub band: usize,
    pub width: f64,
    pub height: f64,
    /// From the top of the slot to where lines run through.
    pub port: f64,
    /// The top.
    pub y: f64,
    /// How strongly lines want to be straight here.
    pub pull: f64,
    pub before: Vec<Slot>,
    pub after: Vec<Slot>,
}

impl Cell {
    /// Where lines run through.
    pub(super) fn line(&self) -> f64 {
        self.y + self.port
    }
}

/// The grid: slots by layer, in order from top to bottom.
#[derive(Debug, Default)]
pub(super) struct Grid {
    pub cells: Table<Slot, Cell>,
    pub layers: Vec<Vec<Slot>>,
    /// The first `y` of each band, and its height.
    pub bands: Vec<(f64, f64)>,
}

/// A line on the grid, from left to right.
struct Chain {
    slots: Vec<Slot>,
    label: Option<Slot>,
    backwards: bool,
}

/// Lays out boxes and lines; titles of zones take what room their boxes give them.
pub(super) fn lay_out(sizes: &Table<Spot, Size>, lines: &[Line], zones: usize) -> Picture {
    let (columns, backwards) = order::columns(sizes, lines);
    let bands = bands(sizes, &columns, zones);
    let mut loops: BTreeMap<Spot, f64> = BTreeMap::new();
    for line in lines.iter().filter(|l| l.from == l.to) {
        *loops.entry(line.from).or_default() += line.height + APART;
    }
    let mut grid = Grid { layers: vec![Vec::new(); columns.rows().iter().max().map_or(0, |last| 2 * last + 1)], ..Grid::default() };
    for (spot, size) in sizes.iter() {
        let cell = Cell {
            layer: 2 * columns[spot],
            band: bands.get(size.zone).copied().unwrap_or_default(),
            width: size.width,
            height: size.height + loops.get(&spot).copied().unwrap_or_default(),
            port: size.height / 2.0,
            pull: 1.0,
            ..Cell::default()
        };
        grid.push(cell);
    }
    let chains = chains(&mut grid, lines, &backwards);
    for chain in &chains {
        for (a, b) in chain.slots.iter().zip(chain.slots.iter().skip(1)) {
            grid.cells[*a].after.push(*b);
            grid.cells[*b].before.push(*a);
        }
    }
    order::arrange(&mut grid, APART, (TITLE + PAD, PAD), bands.iter().max().map_or(0, |b| b + 1));
    picture(&grid, sizes, lines, &chains, zones)
}

impl Grid {
    fn push(&mut self, cell: Cell) -> Slot {
        let layer = cell.layer;
        let slot = self.cells.push(cell);
        if let Some(of) = self.layers.get_mut(layer) {
            of.push(slot);
        }
        slot
    }
}

/// Puts each zone into the first band where no other zone is near its columns.
fn bands(sizes: &Table<Spot, Size>, columns: &Table<Spot, usize>, zones: usize) -> Vec<usize> {
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut of = Vec::with_capacity(zones);
    for zone in 0..zones {
        let own = sizes.iter().filter(|(_, s)| s.zone == zone).map(|(spot, _)| columns[spot]);
        let (first, last) = own.fold((usize::MAX, 0), |(first, last), column| (first.min(column), last.max(column)));
        // One column between two zones keeps labels that lead to the one out of the other.
        let free = |taken: &Vec<(usize, usize)>| taken.iter().all(|(f, l)| first > l + 1 || *f > last + 1);
        let band = taken.iter().position(free).unwrap_or(taken.len());
        match taken.get_mut(band) {
            Some(of) => of.push((first, last)),
            None => taken.push(vec![(first, last)]),
        }
        of.push(band);
    }
    of
}

/// A slot on every layer a line passes: its label beside the end that has fewer lines, where there is room, and the line in that end's band.
fn chains(grid: &mut Grid, lines: &[Line], backwards: &[bool]) -> Vec<Chain> {
    let (mut leaving, mut entering): (BTreeMap<Spot, usize>, BTreeMap<Spot, usize>) = Default::default();
    let ends = |line: &Line, back: bool| if back { (line.to, line.from) } else { (line.from, line.to) };
    for (line, back) in lines.iter().zip(backwards) {
        let (left, right) = ends(line, *back);
        *leaving.entry(left).or_default() += 1;
        *entering.entry(right).or_default() += 1;
    }
    let span = |grid: &Grid, line: &Line| {
        let layer = |spot: Spot| grid.cells.rows().get(spot.row()).map_or(0, |c| c.layer);
        layer(line.from).abs_diff(layer(line.to))
    };
    let large = lines.iter().map(|l| span(grid, l)).sum::<usize>() > LARGE;
    let mut chains = Vec::with_capacity(lines.len());
    for (line, back) in lines.iter().zip(backwards) {
        let (left, right) = ends(line, *back);
        let (left_slot, right_slot) = (Slot::of(left.row()), Slot::of(right.row()));
        if line.from == line.to {
            chains.push(Chain { slots: Vec::new(), label: None, backwards: false });
            continue;
        }
        let (first, last) = (grid.cells[left_slot].layer + 1, grid.cells[right_slot].layer.saturating_sub(1));
        let at_right = leaving.get(&left) > entering.get(&right);
        let (at, band) = if at_right { (last, grid.cells[right_slot].band) } else { (first, grid.cells[left_slot].band) };
        let direct = large && last.saturating_sub(first) > LONG;
        let mut chain = Chain { slots: vec![left_slot], label: None, backwards: *back };
        for layer in (first..=last).filter(|l| !direct || *l == at) {
            let is_label = layer == at && line.width > 0.0;
            let (width, height) = if is_label { (line.width, line.height) } else { (0.0, 6.0) };
            let port = if is_label { height - 3.0 } else { height / 2.0 };
            let slot = grid.push(Cell { layer, band, width, height, port, pull: if is_label { 2.0 } else { 4.0 }, ..Cell::default() });
            chain.label = if is_label { Some(slot) } else { chain.label };
            chain.slots.push(slot);
        }
        chain.slots.push(right_slot);
        chains.push(chain);
    }
    chains
}

/// Left edge and width of each layer: as wide as what it holds, with more room between where more lines change their height.
fn layers(grid: &Grid) -> Vec<(f64, f64)> {
    let mut x = PAD * 1.5;
    let mut of = Vec::with_capacity(grid.layers.len());
    for slots in &grid.layers {
        let width = slots.iter().map(|s| grid.cells[*s].width).fold(0.0, f64::max);
        of.push((x, width));
        let bent = slots.iter().flat_map(|s| grid.cells[*s].after.iter().map(move |b| (s, b)));
        let bent = bent.filter(|(a, b)| (grid.cells[**a].line() - grid.cells[**b].line()).abs() > 12.0).count();
        x += width + GAP + (3.0 * bent as f64).min(80.0);
    }
    of
}

/// Which slot comes next to a box on either side, with the line's place in the list.
type Ports = BTreeMap<Slot, Vec<(f64, usize)>>;

fn picture(grid: &Grid, sizes: &Table<Spot, Size>, lines: &[Line], chains: &[Chain], zones: usize) -> Picture {
    let layers = layers(grid);
    let layer = |slot: Slot| layers.get(grid.cells[slot].layer).copied().unwrap_or_default();
    let spots: Table<Spot, Rect> = sizes
        .iter()
        .map(|(spot, size)| {
            let slot = Slot::of(spot.row());
            let (x, width) = layer(slot);
            Rect { x: x + (width - size.width) / 2.0, y: grid.cells[slot].y, width: size.width, height: size.height }
        })
        .collect();
    let (mut leaving, mut entering): (Ports, Ports) = Default::default();
    for (n, chain) in chains.iter().enumerate() {
        if let ([first, second, ..], [.., before, last]) = (chain.slots.as_slice(), chain.slots.as_slice()) {
            leaving.entry(*first).or_default().push((grid.cells[*second].line(), n));
            entering.entry(*last).or_default().push((grid.cells[*before].line(), n));
        }
    }
    let (leaving, entering) = (ports(&leaving, &spots), ports(&entering, &spots));
    let mut below: BTreeMap<Spot, f64> = BTreeMap::new();
    let mut routes = Vec::with_capacity(lines.len());
    for (n, (line, chain)) in lines.iter().zip(chains).enumerate() {
        let (left, right) = if chain.backwards { (line.to, line.from) } else { (line.from, line.to) };
        if chain.slots.is_empty() {
            let of = below.entry(line.from).or_default();
            let spot = spots[line.from];
            let top = spot.y + spot.height + *of;
            *of += line.height + APART;
            let label = Rect { x: spot.x, y: top + APART - 4.0, width: line.width, height: line.height };
            let stretches = vec![(spot.x + spot.width - 10.0, spot.x + 14.0, top)];
            routes.push(Route { stretches, label, is_loop: true });
            continue;
        }
        let middle = |spot: Rect| spot.y + spot.height / 2.0;
        let (from, to) = (spots[left], spots[right]);
        let start = leaving.get(&n).copied().unwrap_or(middle(from));
        let end = entering.get(&n).copied().unwrap_or(middle(to));
        let mut stretches = Vec::with_capacity(chain.slots.len());
        for (at, slot) in chain.slots.iter().enumerate() {
            let (x, width) = layer(*slot);
            stretches.push(match at {
                0 => (from.x + from.width, x + width, start),
                _ if at + 1 == chain.slots.len() => (x, to.x, end),
                _ => (x, x + width, grid.cells[*slot].line()),
            });
        }
        let label = chain.label.map_or(Rect::default(), |slot| {
            let (x, _) = layer(slot);
            Rect { x, y: grid.cells[slot].y, width: line.width, height: line.height }
        });
        if chain.backwards {
            stretches.reverse();
            stretches.iter_mut().for_each(|(a, b, _)| std::mem::swap(a, b));
        }
        routes.push(Route { stretches, label, is_loop: false });
    }
    let zones = (0..zones).map(|zone| around(grid, sizes, &layers, zone)).collect();
    let width = layers.last().map_or(0.0, |(x, width)| x + width) + PAD * 1.5;
    let height = grid.bands.iter().map(|(y, height)| y + height).fold(0.0, f64::max) + PAD;
    Picture { width, height, spots: spots.into_rows(), zones, routes }
}

/// Spreads the lines of one side over the box's height, in the order of where they come from.
fn ports(of: &Ports, spots: &Table<Spot, Rect>) -> BTreeMap<usize, f64> {
    let mut places = BTreeMap::new();
    for (slot, lines) in of {
        let mut lines = lines.clone();
        lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let spot = spots[Spot::of(slot.row())];
        let between = (lines.len().saturating_sub(1)) as f64;
        let step = if between > 0.0 { ((spot.height - 16.0) / between).clamp(0.0, 12.0) } else { 0.0 };
        for (n, (_, line)) in lines.iter().enumerate() {
            places.insert(*line, spot.y + spot.height / 2.0 + (n as f64 - between / 2.0) * step);
        }
    }
    places
}

/// The rectangle of a zone: its columns, over the height of its band.
fn around(grid: &Grid, sizes: &Table<Spot, Size>, layers: &[(f64, f64)], zone: usize) -> Option<Rect> {
    let own: Vec<&Cell> = sizes.iter().filter(|(_, s)| s.zone == zone).map(|(spot, _)| &grid.cells[Slot::of(spot.row())]).collect();
    let (first, last) = (own.iter().map(|c| c.layer).min()?, own.iter().map(|c| c.layer).max()?);
    let ((left, _), (right, width)) = (layers.get(first)?, layers.get(last)?);
    let (y, height) = *grid.bands.get(own.first()?.band)?;
    Some(Rect { x: left - PAD, y, width: right + width - left + 2.0 * PAD, height })
}

/**
 * Draws a directed graph in layers (Sugiyama's way): break cycles, rank by longest path, order each
 * layer by the middle of its neighbours, then place it as near to its neighbours as its order allows.
 * Pure and deterministic: the same graph always looks the same.
 */

export interface GraphNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

export interface GraphEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

export interface LayoutOptions {
  /** Which way edges flow. */
  readonly flow: 'down' | 'right';
  /** Between layers, and between neighbours of one layer, px. */
  readonly layerGap: number;
  readonly nodeGap: number;
  /** Where the drawing begins. */
  readonly start?: string | undefined;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Centre of each node. */
  readonly nodes: ReadonlyMap<string, Point>;
  /** From the border of `from` to the border of `to`, by way of the layers between. */
  readonly edges: ReadonlyMap<string, readonly Point[]>;
}

/** Rounds of ordering and of placing: more change nothing that is seen. */
const ROUNDS = 12;
/** Room that an edge takes where it passes a layer. */
const PASSAGE = 8;

/** A node, or a place where an edge passes a layer. */
interface Cell {
  readonly width: number;
  readonly height: number;
  readonly passes: boolean;
  layer: number;
  place: number;
  x: number;
  readonly up: Cell[];
  readonly down: Cell[];
}

interface Chain {
  readonly edge: GraphEdge;
  readonly reversed: boolean;
  readonly cells: readonly Cell[];
}

/** Edges from a node to itself, or to unknown nodes, are left out. */
export function layOut(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  options: LayoutOptions,
): Layout {
  const cells = new Map(nodes.map((node) => [node.id, cellOf(node, options.flow)]));
  const drawn = edges.filter(({ from, to }) => from !== to && cells.has(from) && cells.has(to));
  const backward = backwardEdges(nodes, drawn, options.start);
  rank(cells, drawn, backward);
  const chains = drawn.map((edge) => chainOf(edge, backward.has(edge), cells));
  const layers = layersOf([...cells.values()], chains);
  order(layers);
  place(layers, options.nodeGap);
  return finish(layers, cells, chains, options);
}

function cellOf(node: GraphNode, flow: 'down' | 'right'): Cell {
  const down = flow === 'down';
  const width = down ? node.width : node.height;
  const height = down ? node.height : node.width;
  return { width, height, passes: false, layer: 0, place: 0, x: 0, up: [], down: [] };
}

/** Edges that lead back to where the walk from the start came from. */
function backwardEdges(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  start: string | undefined,
): ReadonlySet<GraphEdge> {
  const out = new Map<string, GraphEdge[]>();
  for (const edge of edges) {
    const list = out.get(edge.from);
    if (list) list.push(edge);
    else out.set(edge.from, [edge]);
  }
  const state = new Map<string, 'open' | 'done'>();
  const backward = new Set<GraphEdge>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const edge of out.get(id) ?? []) {
      const seen = state.get(edge.to);
      if (seen === 'open') backward.add(edge);
      else if (seen === undefined) visit(edge.to);
    }
    state.set(id, 'done');
  };
  const ids = nodes.map(({ id }) => id);
  for (const id of start === undefined ? ids : [start, ...ids]) if (!state.has(id)) visit(id);
  return backward;
}

function rank(
  cells: ReadonlyMap<string, Cell>,
  edges: readonly GraphEdge[],
  backward: ReadonlySet<GraphEdge>,
): void {
  const forward = edges.map((edge) => {
    const [from, to] = backward.has(edge) ? [edge.to, edge.from] : [edge.from, edge.to];
    return { from: cells.get(from) as Cell, to: cells.get(to) as Cell };
  });
  // As many rounds as there are nodes settle every longest path; there are no cycles any more.
  for (let round = 0, changed = true; changed && round <= cells.size; round++) {
    changed = false;
    for (const { from, to } of forward) {
      if (to.layer > from.layer) continue;
      to.layer = from.layer + 1;
      changed = true;
    }
  }
  // What nothing leads to moves next to what it leads to.
  const entered = new Set(forward.map(({ to }) => to));
  for (const cell of cells.values()) {
    const next = forward.filter(({ from }) => from === cell).map(({ to }) => to.layer);
    if (!entered.has(cell) && next.length > 0) cell.layer = Math.min(...next) - 1;
  }
}

function chainOf(edge: GraphEdge, reversed: boolean, cells: ReadonlyMap<string, Cell>): Chain {
  const top = cells.get(reversed ? edge.to : edge.from) as Cell;
  const bottom = cells.get(reversed ? edge.from : edge.to) as Cell;
  const chain = [top];
  for (let layer = top.layer + 1; layer < bottom.layer; layer++) {
    chain.push({
      width: PASSAGE,
      height: 0,
      passes: true,
      layer,
      place: 0,
      x: 0,
      up: [],
      down: [],
    });
  }
  chain.push(bottom);
  for (const [index, cell] of chain.entries()) {
    const next = chain[index + 1];
    if (!next) break;
    cell.down.push(next);
    next.up.push(cell);
  }
  return { edge, reversed, cells: chain };
}

function layersOf(cells: readonly Cell[], chains: readonly Chain[]): Cell[][] {
  const layers: Cell[][] = [];
  const add = (cell: Cell): void => {
    layers[cell.layer] ??= [];
    const layer = layers[cell.layer] as Cell[];
    cell.place = layer.length;
    layer.push(cell);
  };
  for (const cell of cells) add(cell);
  for (const chain of chains) for (const cell of chain.cells) if (cell.passes) add(cell);
  return Array.from(layers, (layer) => layer ?? []);
}

function order(layers: Cell[][]): void {
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers);
  for (let round = 0; round < ROUNDS && fewest > 0; round++) {
    const downward = round % 2 === 0;
    const sweep = downward ? layers : [...layers].reverse();
    for (const layer of sweep) {
      const middle = new Map(layer.map((cell) => [cell, middlePlace(cell, downward)]));
      layer.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0) || a.place - b.place);
      for (const [place, cell] of layer.entries()) cell.place = place;
    }
    const count = crossings(layers);
    if (count >= fewest) continue;
    fewest = count;
    best = layers.map((layer) => [...layer]);
  }
  for (const [index, layer] of best.entries()) {
    layers[index] = layer;
    for (const [place, cell] of layer.entries()) cell.place = place;
  }
}

function middlePlace(cell: Cell, downward: boolean): number {
  const neighbours = downward ? cell.up : cell.down;
  if (neighbours.length === 0) return cell.place;
  return neighbours.reduce((sum, { place }) => sum + place, 0) / neighbours.length;
}

function crossings(layers: readonly Cell[][]): number {
  let count = 0;
  for (const layer of layers) {
    const pairs = layer.flatMap((cell) => cell.down.map((to) => [cell.place, to.place] as const));
    for (const [index, [a1, b1]] of pairs.entries()) {
      for (const [a2, b2] of pairs.slice(index + 1)) if ((a1 - a2) * (b1 - b2) < 0) count += 1;
    }
  }
  return count;
}

function place(layers: readonly Cell[][], gap: number): void {
  for (const layer of layers) spread(layer, gap, () => 0);
  for (let round = 0; round < ROUNDS; round++) {
    const downward = round % 2 === 0;
    for (const layer of downward ? layers : [...layers].reverse()) {
      spread(layer, gap, (cell) => wishedX(cell, downward ? cell.up : cell.down));
    }
  }
  for (const layer of layers)
    spread(layer, gap, (cell) => wishedX(cell, [...cell.up, ...cell.down]));
}

/** Edges that pass are kept straight before others. */
function wishedX(cell: Cell, neighbours: readonly Cell[]): number {
  if (neighbours.length === 0) return cell.x;
  let sum = 0;
  let weights = 0;
  for (const neighbour of neighbours) {
    const weight = cell.passes && neighbour.passes ? 8 : 1;
    sum += neighbour.x * weight;
    weights += weight;
  }
  return sum / weights;
}

/**
 * Places a layer as near to its wishes as its order and gaps allow, in the sense of least squares
 * (pool adjacent violators).
 */
function spread(layer: readonly Cell[], gap: number, wish: (cell: Cell) => number): void {
  const offsets: number[] = [];
  let offset = 0;
  for (const [index, cell] of layer.entries()) {
    const before = layer[index - 1];
    if (before) offset += before.width / 2 + gap + cell.width / 2;
    offsets.push(offset);
  }
  const blocks: { sum: number; count: number }[] = [];
  for (const [index, cell] of layer.entries()) {
    let block = { sum: wish(cell) - (offsets[index] ?? 0), count: 1 };
    let last = blocks.at(-1);
    while (last && last.sum / last.count > block.sum / block.count) {
      block = { sum: block.sum + last.sum, count: block.count + last.count };
      blocks.pop();
      last = blocks.at(-1);
    }
    blocks.push(block);
  }
  const xs = blocks.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
  for (const [index, cell] of layer.entries()) cell.x = (xs[index] ?? 0) + (offsets[index] ?? 0);
}

function finish(
  layers: readonly Cell[][],
  cells: ReadonlyMap<string, Cell>,
  chains: readonly Chain[],
  options: LayoutOptions,
): Layout {
  const all = layers.flat();
  const left = Math.min(0, ...all.map((cell) => cell.x - cell.width / 2));
  const right = Math.max(0, ...all.map((cell) => cell.x + cell.width / 2));
  const tops: number[] = [];
  const heights = layers.map((layer) => Math.max(0, ...layer.map((cell) => cell.height)));
  let y = 0;
  for (const height of heights) {
    tops.push(y);
    y += height + options.layerGap;
  }
  const height = Math.max(0, y - options.layerGap);
  const turn = (across: number, along: number): Point =>
    options.flow === 'down' ? { x: across - left, y: along } : { x: along, y: across - left };
  const middleOf = (cell: Cell): number => (tops[cell.layer] ?? 0) + (heights[cell.layer] ?? 0) / 2;
  const nodes = new Map([...cells].map(([id, cell]) => [id, turn(cell.x, middleOf(cell))]));
  const edges = new Map(
    chains.map((chain) => {
      const points = pointsOf(chain, middleOf, (cell) => heights[cell.layer] ?? 0).map(([a, b]) =>
        turn(a, b),
      );
      return [chain.edge.id, chain.reversed ? points.reverse() : points];
    }),
  );
  const size = { across: right - left, along: height };
  return options.flow === 'down'
    ? { width: size.across, height: size.along, nodes, edges }
    : { width: size.along, height: size.across, nodes, edges };
}

function pointsOf(
  { cells }: Chain,
  middleOf: (cell: Cell) => number,
  layerHeight: (cell: Cell) => number,
): (readonly [number, number])[] {
  return cells.flatMap((cell, index): (readonly [number, number])[] => {
    const middle = middleOf(cell);
    if (index === 0) return [[portX(cell, cell.down, cells[1]), middle + cell.height / 2]];
    if (index === cells.length - 1) {
      return [[portX(cell, cell.up, cells[index - 1]), middle - cell.height / 2]];
    }
    const half = layerHeight(cell) / 2;
    return half === 0
      ? [[cell.x, middle]]
      : [
          [cell.x, middle - half],
          [cell.x, middle + half],
        ];
  });
}

/** Edges of one side leave it side by side, in the order of where they go. */
function portX(cell: Cell, side: readonly Cell[], other: Cell | undefined): number {
  const sorted = [...side].sort((a, b) => a.x - b.x);
  const index = other ? sorted.indexOf(other) : 0;
  const room = Math.min(14, (cell.width * 0.7) / Math.max(1, sorted.length));
  return cell.x + (index - (sorted.length - 1) / 2) * room;
}

/** An SVG path through the points, leaving and arriving along the flow. */
export function smoothPath(points: readonly Point[], flow: 'down' | 'right'): string {
  const [first, ...others] = points;
  if (!first) return '';
  let path = `M${round(first.x)} ${round(first.y)}`;
  let before = first;
  for (const point of others) {
    const middle =
      flow === 'down'
        ? { a: [before.x, (before.y + point.y) / 2], b: [point.x, (before.y + point.y) / 2] }
        : { a: [(before.x + point.x) / 2, before.y], b: [(before.x + point.x) / 2, point.y] };
    const numbers = [...middle.a, ...middle.b, point.x, point.y].map(round);
    path += `C${numbers.join(' ')}`;
    before = point;
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

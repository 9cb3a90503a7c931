/**
 * Draws a statechart: states as boxes within boxes, transitions between neighbours as arrows that
 * carry their events, and what a state does without leaving as lines within its box.
 */

import type { Chart, ChartState, ChartTransition } from '../stream.ts';
import { type GraphEdge, type GraphNode, layOut, type Point, smoothPath } from './layered.ts';
import { arrowHead, cutText, element, escapeText, LETTER, LINE, TITLE_LETTER } from './svg.ts';

const PADDING = 12;
const TITLE = 24;
const ROW_LETTERS_MAX = 46;
const LABEL_LETTERS_MAX = 40;
/** Room for the dot and arrow that point at the initial state. */
const START_ROOM = 22;

interface Box {
  readonly state: ChartState;
  readonly rows: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly children: readonly { readonly box: Box; readonly at: Point }[];
  readonly labels: readonly Label[];
}

interface Label {
  readonly at: Point;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly { readonly short: string; readonly full: string }[];
  readonly paths: readonly string[];
}

/** The drawing as an SVG text. States carry `data-state`, their id. */
export function drawChart(chart: Chart): string {
  const box = measure(chart.root, chart.transitions);
  const margin = 8;
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `${-margin} ${-margin} ${box.width + 2 * margin} ${box.height + 2 * margin}`,
      width: box.width + 2 * margin,
      height: box.height + 2 * margin,
      role: 'img',
      'aria-label': `statechart ${chart.id}`,
    },
    element('defs', {}, arrowHead('chart-arrow')) + draw(box, { x: 0, y: 0 }, 0),
  );
}

/** Ids of the states that a state value names, with the machine's own. */
export function activeStates(machine: string, value: unknown): ReadonlySet<string> {
  const ids = new Set([machine]);
  const add = (path: string, part: unknown): void => {
    if (typeof part === 'string') ids.add(`${path}.${part}`);
    else if (typeof part === 'object' && part !== null) {
      for (const [key, inner] of Object.entries(part)) {
        ids.add(`${path}.${key}`);
        add(`${path}.${key}`, inner);
      }
    }
  };
  add(machine, value);
  return ids;
}

function isWithin(id: string, ancestor: string): boolean {
  return id === ancestor || id.startsWith(`${ancestor}.`);
}

/** The child of `parent` that `id` lies in. */
function childTowards(parent: ChartState, id: string): ChartState | undefined {
  return parent.states.find((child) => isWithin(id, child.id));
}

function measure(state: ChartState, transitions: readonly ChartTransition[]): Box {
  const rows = rowsOf(state, transitions);
  const title = state.key.length * TITLE_LETTER + 2 * PADDING + (state.kind === 'final' ? 8 : 0);
  const text = Math.max(0, ...rows.map((row) => row.length)) * LETTER + 2 * PADDING;
  const head = TITLE + rows.length * LINE + (rows.length > 0 ? 8 : 0);
  if (state.states.length === 0) {
    const width = Math.max(64, title, text);
    return { state, rows, width, height: head + 4, children: [], labels: [] };
  }
  const boxes = state.states.map((child) => measure(child, transitions));
  const inner = state.kind === 'parallel' ? sideBySide(boxes) : flowing(state, boxes, transitions);
  const top = head + PADDING + (state.initial === null ? 0 : START_ROOM);
  const width = Math.max(title, text, inner.width + 2 * PADDING);
  const left = (width - inner.width) / 2;
  const move = (at: Point): Point => ({ x: at.x + left, y: at.y + top });
  return {
    state,
    rows,
    width,
    height: top + inner.height + PADDING,
    children: inner.children.map(({ box, at }) => ({ box, at: move(at) })),
    labels: inner.labels.map(({ at, paths, ...label }) => ({
      ...label,
      at: move(at),
      paths: paths.map((path) => `${left},${top}|${path}`),
    })),
  };
}

interface Inner {
  readonly width: number;
  readonly height: number;
  readonly children: Box['children'];
  readonly labels: readonly Label[];
}

function sideBySide(boxes: readonly Box[]): Inner {
  let x = 0;
  const children = boxes.map((box) => {
    const at = { x, y: 0 };
    x += box.width + PADDING;
    return { box, at };
  });
  const height = Math.max(...boxes.map((box) => box.height));
  return { width: x - PADDING, height, children, labels: [] };
}

/** Children and the labels between them as one graph: a label is a node on its arrow. */
function flowing(
  state: ChartState,
  boxes: readonly Box[],
  transitions: readonly ChartTransition[],
): Inner {
  const groups = groupByPair(state, transitions);
  const labelNodes = groups.map((group) => labelSize(group));
  const nodes: GraphNode[] = [
    ...boxes.map((box) => ({ id: box.state.id, width: box.width, height: box.height })),
    ...labelNodes.map(({ id, width, height }) => ({ id, width, height })),
  ];
  const edges: GraphEdge[] = groups.flatMap(({ id, from, to }) => [
    { id: `${id}<`, from, to: id },
    { id: `${id}>`, from: id, to },
  ]);
  const layout = layOut(nodes, edges, {
    flow: 'down',
    layerGap: 20,
    nodeGap: 18,
    start: state.initial ?? undefined,
  });
  const at = (id: string): Point => layout.nodes.get(id) ?? { x: 0, y: 0 };
  return {
    width: layout.width,
    height: layout.height,
    children: boxes.map((box) => {
      const { x, y } = at(box.state.id);
      return { box, at: { x: x - box.width / 2, y: y - box.height / 2 } };
    }),
    labels: labelNodes.map(({ id, width, height, lines }) => ({
      at: at(id),
      width,
      height,
      lines,
      paths: [`${id}<`, `${id}>`].map((edge) => smoothPath(layout.edges.get(edge) ?? [], 'down')),
    })),
  };
}

interface Group {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly lines: string[];
}

function groupByPair(state: ChartState, transitions: readonly ChartTransition[]): Group[] {
  const groups = new Map<string, Group>();
  for (const transition of transitions) {
    const { source, target } = transition;
    if (target === null) continue;
    const from = childTowards(state, source);
    const to = childTowards(state, target);
    if (!from || !to || from === to) continue;
    const id = `${from.id} → ${to.id}`;
    const group = groups.get(id) ?? { id, from: from.id, to: to.id, lines: [] };
    groups.set(id, group);
    const inner = source === from.id ? '' : `${source.slice(from.id.length + 1)}: `;
    const deeper = target === to.id ? '' : ` ▸ ${target.slice(to.id.length + 1)}`;
    group.lines.push(`${inner}${transitionText(transition)}${deeper}`);
  }
  return [...groups.values()];
}

function labelSize({ id, lines }: Group) {
  const short = lines.map((full) => ({ short: cutText(full, LABEL_LETTERS_MAX), full }));
  const letters = Math.max(...short.map((line) => line.short.length));
  return { id, lines: short, width: letters * LETTER + 8, height: lines.length * LINE + 2 };
}

function transitionText({ event, guard, actions }: ChartTransition): string {
  const name = event === '' ? 'always' : event;
  return `${name}${guard ? ` [${guard}]` : ''}${actions.length > 0 ? ` / ${actions.join(', ')}` : ''}`;
}

/** What a state does in place, and the transitions that an arrow cannot show. */
function rowsOf(state: ChartState, transitions: readonly ChartTransition[]): readonly string[] {
  const byOutcome = new Map<string, string[]>();
  for (const { source, target, event, guard, actions } of transitions) {
    if (source !== state.id || (target !== null && isArrow(source, target))) continue;
    const outcome = [
      target === null
        ? ''
        : target === source
          ? '↺'
          : `→ ${target.slice(target.lastIndexOf('.') + 1)}`,
      actions.length > 0 ? `/ ${actions.join(', ')}` : '',
    ];
    const key = outcome.filter((part) => part !== '').join(' ');
    const name = `${event === '' ? 'always' : event}${guard ? ` [${guard}]` : ''}`;
    const names = byOutcome.get(key) ?? [];
    byOutcome.set(key, names);
    if (!names.includes(name)) names.push(name);
  }
  const handled = [...byOutcome].flatMap(([outcome, names]) =>
    wrap([...names.map((name, index) => (index < names.length - 1 ? `${name} ·` : name)), outcome]),
  );
  return [
    ...state.entry.flatMap((action) => wrap([`entry / ${action}`])),
    ...state.exit.flatMap((action) => wrap([`exit / ${action}`])),
    ...handled,
  ];
}

/** An arrow leads from one part of a state to another; not from the whole into a part of it. */
function isArrow(source: string, target: string): boolean {
  return !isWithin(target, source) && !isWithin(source, target);
}

function wrap(words: readonly string[]): readonly string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of words) {
    if (word === '') continue;
    const cut = cutText(word, ROW_LETTERS_MAX);
    if (row !== '' && row.length + 1 + cut.length > ROW_LETTERS_MAX) {
      rows.push(row);
      row = `  ${cut}`;
    } else row = row === '' ? cut : `${row} ${cut}`;
  }
  return row === '' ? rows : [...rows, row];
}

function draw(box: Box, at: Point, depth: number): string {
  const { state, width, height } = box;
  const frame = { x: 0, y: 0, width, height, rx: 7, class: 'frame' };
  const parts = [element('rect', frame)];
  if (state.kind === 'final') {
    parts.push(
      element('rect', { ...frame, x: 3, y: 3, width: width - 6, height: height - 6, rx: 5 }),
    );
  }
  parts.push(
    element('text', { x: PADDING, y: 16, class: 'title' }, escapeText(state.key)),
    ...box.rows.map((row, index) =>
      element(
        'text',
        { x: PADDING, y: TITLE + 12 + index * LINE, class: 'row', 'xml:space': 'preserve' },
        escapeText(row),
      ),
    ),
  );
  for (const label of box.labels) parts.push(...label.paths.map(drawArrow));
  for (const { box: child, at: childAt } of box.children) {
    if (child.state.id === state.initial) parts.push(drawStart(child, childAt));
    parts.push(draw(child, childAt, depth + 1));
  }
  for (const label of box.labels) parts.push(drawLabel(label));
  return element(
    'g',
    {
      class: `state ${state.kind}`,
      'data-state': state.id,
      'data-depth': depth % 2,
      transform: `translate(${at.x} ${at.y})`,
    },
    parts.join(''),
  );
}

/** The second half of each arrow has the head. */
function drawArrow(path: string, index: number): string {
  const [place, d] = path.split('|');
  const head = index % 2 === 1 ? { 'marker-end': 'url(#chart-arrow)' } : {};
  return element('path', { class: 'arrow', d, transform: `translate(${place})`, ...head });
}

function drawStart(child: Box, at: Point): string {
  const x = at.x + Math.min(24, child.width / 4);
  const dot = element('circle', { cx: x, cy: at.y - 18, r: 3.5, class: 'dot' });
  const d = `M${x} ${at.y - 15}L${x} ${at.y}`;
  return dot + element('path', { class: 'arrow', d, 'marker-end': 'url(#chart-arrow)' });
}

function drawLabel({ at, width, height, lines }: Label): string {
  const left = at.x - width / 2;
  const top = at.y - height / 2;
  const back = element('rect', { x: left, y: top, width, height, rx: 4, class: 'label-back' });
  const text = lines.map(({ short, full }, index) => {
    const hint = short === full ? '' : element('title', {}, escapeText(full));
    const line = { x: at.x, y: top + 12 + index * LINE, class: 'label' };
    return element('text', line, escapeText(short) + hint);
  });
  return back + text.join('');
}

/** Draws who sends to whom: actors as boxes, all messages from one to another as one line. */

import type { RouteLine } from '../stream.ts';
import { type Layout, layOut, type Point, smoothPath } from './layered.ts';
import { arrowHead, element, escapeText, LETTER } from './svg.ts';

const BOX_HEIGHT = 26;

/** All routes from one actor to another. */
export interface RoutePair {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Places in the route table. */
  readonly routes: readonly number[];
}

export function routePairs(routes: readonly RouteLine[]): readonly RoutePair[] {
  const pairs = new Map<string, { id: string; from: string; to: string; routes: number[] }>();
  for (const [index, { from, to }] of routes.entries()) {
    const id = `${from} → ${to}`;
    const pair = pairs.get(id) ?? { id, from, to, routes: [] };
    pairs.set(id, pair);
    pair.routes.push(index);
  }
  return [...pairs.values()];
}

export function actorNames(routes: readonly RouteLine[]): readonly string[] {
  return [...new Set(routes.flatMap(({ from, to }) => [from, to]))];
}

/** Actors carry `data-actor`, lines `data-pair`, so that whoever shows it can light them. */
export function drawRouteMap(routes: readonly RouteLine[]): string {
  const names = actorNames(routes);
  const pairs = routePairs(routes);
  const width = (name: string): number => name.length * LETTER + 22;
  const layout = layOut(
    names.map((id) => ({ id, width: width(id), height: BOX_HEIGHT })),
    pairs,
    { flow: 'down', layerGap: 44, nodeGap: 12 },
  );
  const lines = pairs.map((pair) => drawPair(pair, routes, layout));
  const boxes = names.map((name) => drawActor(name, width(name), layout));
  const margin = 10;
  const view = [-margin, -margin, layout.width + 2 * margin, layout.height + 2 * margin];
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: view.map(Math.round).join(' '),
      role: 'group',
      'aria-label': 'route table',
    },
    element('defs', {}, arrowHead('route-arrow')) + lines.join('') + boxes.join(''),
  );
}

function drawPair(pair: RoutePair, routes: readonly RouteLine[], layout: Layout): string {
  const points = layout.edges.get(pair.id) ?? [];
  const d = smoothPath(points, 'down');
  const types = pair.routes.map((index) => routes[index]?.type ?? '').join('\n');
  const hint = element('title', {}, escapeText(`${pair.id}\n${types}`));
  return element(
    'g',
    { class: 'pair', 'data-pair': pair.id, 'data-from': pair.from, 'data-to': pair.to },
    element('path', { class: 'reach', d }) +
      element('path', { class: 'wire', d, 'marker-end': 'url(#route-arrow)' }) +
      element('text', { class: 'count', ...middleOf(points) }) +
      hint,
  );
}

/** Where a line's count stands: in the middle of its way. */
function middleOf(points: readonly Point[]): Point {
  const after = points[Math.ceil(points.length / 2)] ?? { x: 0, y: 0 };
  const before = points[Math.ceil(points.length / 2) - 1] ?? after;
  return { x: Math.round((before.x + after.x) / 2), y: Math.round((before.y + after.y) / 2) + 3 };
}

function drawActor(name: string, width: number, layout: Layout): string {
  const at = layout.nodes.get(name) ?? { x: 0, y: 0 };
  return element(
    'g',
    {
      class: 'actor',
      'data-actor': name,
      tabindex: 0,
      role: 'button',
      'aria-label': name,
      transform: `translate(${Math.round(at.x)} ${Math.round(at.y)})`,
    },
    element('rect', { x: -width / 2, y: -BOX_HEIGHT / 2, width, height: BOX_HEIGHT, rx: 13 }) +
      element('text', { y: 4 }, escapeText(name)),
  );
}

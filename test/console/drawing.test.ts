/** The page's drawings and its model are pure: they are tested without a browser. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { ALL_MACHINES } from '../../machines/all.ts';
import { ROUTES } from '../../machines/routes.ts';
import { chartOf, configJson } from '../../src/console/chart.ts';
import { layOut } from '../../src/console/drawing/layered.ts';
import { actorNames, drawRouteMap, routePairs } from '../../src/console/drawing/route-map.ts';
import { activeStates, drawChart } from '../../src/console/drawing/statechart.ts';
import { escapeText } from '../../src/console/drawing/svg.ts';
import type { ChartState } from '../../src/console/stream.ts';

const graph = fc.integer({ min: 1, max: 14 }).chain((size) =>
  fc.record({
    nodes: fc.array(fc.record({ width: fc.integer({ min: 20, max: 200 }) }), {
      minLength: size,
      maxLength: size,
    }),
    edges: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 40 }),
    flow: fc.constantFrom('down' as const, 'right' as const),
  }),
);

it('lays any graph out within its size, without one box over another', () => {
  fc.assert(
    fc.property(graph, ({ nodes, edges, flow }) => {
      const boxes = nodes.map(({ width }, index) => ({ id: `n${index}`, width, height: 30 }));
      const lines = edges.map(([from, to], index) => ({
        id: `e${index}`,
        from: `n${from}`,
        to: `n${to}`,
      }));
      const options = { flow, layerGap: 20, nodeGap: 10, start: 'n0' };
      const layout = layOut(boxes, lines, options);
      expect(layOut(boxes, lines, options)).toEqual(layout);
      const placed = boxes.map((box) => ({ ...box, at: layout.nodes.get(box.id) }));
      for (const [index, { at, width, height }] of placed.entries()) {
        if (!at) throw new Error('a box has no place');
        expect(at.x - width / 2).toBeGreaterThanOrEqual(-0.01);
        expect(at.x + width / 2).toBeLessThanOrEqual(layout.width + 0.01);
        expect(at.y + height / 2).toBeLessThanOrEqual(layout.height + 0.01);
        for (const other of placed.slice(index + 1)) {
          if (!other.at) throw new Error('a box has no place');
          const apart =
            Math.abs(at.x - other.at.x) >= (width + other.width) / 2 - 0.01 ||
            Math.abs(at.y - other.at.y) >= (height + other.height) / 2 - 0.01;
          expect(apart).toBe(true);
        }
      }
      const drawn = lines.filter(({ from, to }) => from !== to);
      expect([...layout.edges.keys()]).toEqual(drawn.map(({ id }) => id));
    }),
  );
});

function statesBelow(state: ChartState): readonly ChartState[] {
  return [state, ...state.states.flatMap(statesBelow)];
}

it.each(ALL_MACHINES.map((machine) => [machine.id, machine] as const))(
  'draws %s with each state once and every event',
  (_, machine) => {
    const chart = chartOf(machine);
    const svg = drawChart(chart);
    const drawn = [...svg.matchAll(/data-state="([^"]*)"/g)].map(([, id]) => id);
    expect([...drawn].sort()).toEqual(
      statesBelow(chart.root)
        .map(({ id }) => id)
        .sort(),
    );
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    for (const { event } of chart.transitions) expect(svg).toContain(escapeText(event || 'always'));
  },
);

it.each(ALL_MACHINES.map((machine) => [machine.id, machine] as const))(
  'writes %s as JSON that createMachine reads as the same chart',
  (_, machine) => {
    const read = chartOf(createMachine(JSON.parse(configJson(machine))));
    const chart = chartOf(machine);
    expect(read.root.states.map(({ id }) => id)).toEqual(chart.root.states.map(({ id }) => id));
    const shape = (of: typeof chart) =>
      of.transitions.map(({ source, target, event, guard }) => [source, target, event, guard]);
    expect(shape(read)).toEqual(shape(chart));
  },
);

it('marks the states of a value, inner ones and parallel ones', () => {
  expect([...activeStates('m', 'a')]).toEqual(['m', 'm.a']);
  expect([...activeStates('m', { a: { b: 'c' }, d: {} })].sort()).toEqual([
    'm',
    'm.a',
    'm.a.b',
    'm.a.b.c',
    'm.d',
  ]);
});

it('draws the route table with every actor and every pair once', () => {
  const svg = drawRouteMap(ROUTES);
  const actors = [...svg.matchAll(/data-actor="([^"]*)"/g)].map(([, name]) => name);
  expect(actors).toEqual(actorNames(ROUTES));
  const pairs = [...svg.matchAll(/data-pair=/g)].length;
  expect(pairs).toBe(routePairs(ROUTES).length);
  expect(routePairs(ROUTES).flatMap(({ routes }) => routes).length).toBe(ROUTES.length);
});

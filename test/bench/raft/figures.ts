/** What is measured, and what was, as tables in Markdown. */

import { cpuNs } from '../gossip/usage.ts';
import type { LoadResult } from './client.ts';
import type { Kind, Pool } from './pools.ts';

export interface Row {
  readonly program: Kind['name'];
  readonly connections: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the three servers together, in cores. */
  readonly serverCores: number;
  readonly clientCores: number;
}

/** Runs a load against a pool and looks at what its servers use meanwhile. */
export async function loadRow(
  pool: Pool,
  connections: number,
  run: () => Promise<LoadResult>,
): Promise<Row> {
  const usedNs = (): number => pool.pids().reduce((sum, pid) => sum + cpuNs(pid), 0);
  const before = usedNs();
  const startMs = performance.now();
  const result = await run();
  const serverCores = (usedNs() - before) / 1e6 / (performance.now() - startMs);
  return { program: pool.kind.name, connections, serverCores, ...result };
}

const HEAD = [
  'connections',
  'program',
  'writes/s',
  'p50 ms',
  'p99 ms',
  'servers, cores',
  'client, cores',
  'mobius to it',
];

export function loadTable(rows: readonly Row[]): string {
  const cells = [...rows]
    .sort((a, b) => a.connections - b.connections)
    .map((row) => [
      String(row.connections),
      row.program,
      row.perSecond.toFixed(0),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      row.serverCores.toFixed(2),
      row.clientCores.toFixed(2),
      ratio(rows, row),
    ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, at) => text.padStart(widths[at] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`;
  return [line(HEAD), rule, ...cells.map(line)].join('\n');
}

function ratio(rows: readonly Row[], row: Row): string {
  const ours = rows.find((one) => one.program === 'mobius' && one.connections === row.connections);
  if (ours === undefined || row.program === 'mobius') return '';
  return (ours.perSecond / row.perSecond).toFixed(2);
}

export function failoverLine(program: string, tookMs: readonly number[]): string {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const [fastest = 0, slowest = 0] = [sorted[0], sorted.at(-1)];
  return `${program}: median ${median.toFixed(0)} ms of ${sorted.length} kills (${fastest.toFixed(0)} to ${slowest.toFixed(0)})`;
}

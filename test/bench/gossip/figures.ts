/** What was measured of a pool, and the table of it. */

export interface Window {
  /** IP bytes that a node sends, UDP and TCP; null: not counted. */
  readonly bytesPerSecond: number | null;
  /** CPU milliseconds of a node. */
  readonly cpuMsPerSecond: number;
}

export interface Figures {
  readonly program: string;
  readonly nodes: number;
  readonly how: 'processes' | 'simulated';
  /** All join the first member at once: until all see all. */
  readonly joinMs: number;
  /** One is killed: until all others call it failed. */
  readonly failureMs: number;
  readonly idle: Window | null;
  readonly load: Window | null;
  readonly residentMib: number | null;
}

const HEAD = [
  'nodes',
  'program',
  'how',
  'all see all (s)',
  'kill known to all (s)',
  'idle B/s/node',
  'idle CPU ms/s/node',
  'load B/s/node',
  'load CPU ms/s/node',
  'MiB/node',
];

/** A table in Markdown. */
export function table(rows: readonly Figures[]): string {
  const cells = rows.map((row) => [
    String(row.nodes),
    row.program,
    row.how,
    (row.joinMs / 1_000).toFixed(1),
    (row.failureMs / 1_000).toFixed(1),
    number(row.idle?.bytesPerSecond, 0),
    number(row.idle?.cpuMsPerSecond, 2),
    number(row.load?.bytesPerSecond, 0),
    number(row.load?.cpuMsPerSecond, 2),
    number(row.residentMib, 0),
  ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, at) => text.padStart(widths[at] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`;
  return [line(HEAD), rule, ...cells.map(line)].join('\n');
}

function number(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}

/** How many times serf's CPU ours takes, for each size that both were measured at. */
export function ratios(rows: readonly Figures[]): string {
  return rows
    .filter((row) => row.program === 'mobius' && row.how === 'processes')
    .flatMap((ours) => {
      const serf = rows.find(({ program, nodes }) => program === 'serf' && nodes === ours.nodes);
      if (serf === undefined) return [];
      const ratio = (window: 'idle' | 'load'): string =>
        ((ours[window]?.cpuMsPerSecond ?? 0) / (serf[window]?.cpuMsPerSecond ?? 0)).toFixed(2);
      return [
        `${ours.nodes} nodes: CPU of serf × ${ratio('idle')} idle, × ${ratio('load')} loaded`,
      ];
    })
    .join('\n');
}

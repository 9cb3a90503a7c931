/** Prometheus' text format (version 0.0.4): gauges, counters, and summaries without quantiles. */

import type { Labels, MetricsView, Series } from './metrics.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusText({ gauges, counters, samples }: MetricsView): string {
  const blocks = [
    ...families(gauges, 'gauge', ({ name, labels, value }) => [line(name, labels, value)]),
    ...families(counters, 'counter', ({ name, labels, aggregate }) => [
      line(name, labels, aggregate.sum),
    ]),
    ...families(samples, 'summary', ({ name, labels, aggregate }) => [
      line(`${name}_sum`, labels, aggregate.sum),
      line(`${name}_count`, labels, aggregate.count),
    ]),
  ];
  return blocks.map((block) => `${block}\n`).join('');
}

/** The series of one name stand together under their type, as the format asks. */
function families<T extends Series>(
  series: readonly T[],
  type: 'gauge' | 'counter' | 'summary',
  lines: (one: T) => readonly string[],
): readonly string[] {
  const byName = new Map<string, string[]>();
  for (const one of series) {
    const name = metricName(one.name);
    const block = byName.get(name) ?? [`# HELP ${name} ${name}`, `# TYPE ${name} ${type}`];
    block.push(...lines({ ...one, name }));
    byName.set(name, block);
  }
  return [...byName.values()].map((block) => block.join('\n'));
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${metricName(label)}=${JSON.stringify(text)}`,
  );
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function metricName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

import { expect, test } from 'vitest';
import { metricsText } from '../../src/http/json/metrics.ts';
import { INTERVAL_MS, Metrics } from '../../src/telemetry/metrics.ts';
import { prometheusText } from '../../src/telemetry/prometheus.ts';
import type { Clock } from '../../src/world/world.ts';

const START_MS = Date.UTC(2026, 10, 23, 4, 59, 50);

function metricsAt(): { metrics: Metrics; pass: (ms: number) => void } {
  let nowMs = START_MS;
  const clock = { now: () => nowMs } as Clock;
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { metrics: new Metrics(clock, 'consul'), pass };
}

test('tells the last interval that is over', () => {
  const { metrics, pass } = metricsAt();
  for (const ms of [1, 2, 3]) metrics.sample('api.http', ms, { method: 'GET' });
  metrics.count('client.rpc');
  pass(INTERVAL_MS);
  metrics.count('client.rpc');
  metrics.gauge('version', () => 1, { version: '1.9.1' });
  metrics.gauge('raft.peers', () => null);
  expect(JSON.parse(metricsText(metrics.interval()))).toEqual({
    Timestamp: '2026-11-23 04:59:50 +0000 UTC',
    Gauges: [{ Name: 'consul.version', Value: 1, Labels: { version: '1.9.1' } }],
    Points: [],
    Counters: [
      {
        Name: 'consul.client.rpc',
        Count: 1,
        Rate: 0.1,
        Sum: 1,
        Min: 1,
        Max: 1,
        Mean: 1,
        Stddev: 0,
        Labels: {},
      },
    ],
    Samples: [
      {
        Name: 'consul.api.http',
        Count: 3,
        Rate: 0.6,
        Sum: 6,
        Min: 1,
        Max: 3,
        Mean: 2,
        Stddev: 1,
        Labels: { method: 'GET' },
      },
    ],
  });
});

test('an interval in which nothing happened is empty, sums go on', () => {
  const { metrics, pass } = metricsAt();
  metrics.count('client.rpc');
  pass(3 * INTERVAL_MS);
  expect(metrics.interval()).toMatchObject({ startMs: START_MS + 2 * INTERVAL_MS, counters: [] });
  metrics.count('client.rpc');
  expect(metrics.totals().counters[0]?.aggregate.sum).toBe(2);
});

test('speaks the format of Prometheus', () => {
  const { metrics } = metricsAt();
  metrics.gauge('runtime.sys_bytes', () => 7);
  metrics.sample('api.http', 1.5, { path: 'a"b' });
  metrics.sample('api.http', 2, { path: 'c' });
  metrics.count('client.rpc');
  expect(prometheusText(metrics.totals())).toBe(
    [
      '# HELP consul_runtime_sys_bytes consul_runtime_sys_bytes',
      '# TYPE consul_runtime_sys_bytes gauge',
      'consul_runtime_sys_bytes 7',
      '# HELP consul_client_rpc consul_client_rpc',
      '# TYPE consul_client_rpc counter',
      'consul_client_rpc 1',
      '# HELP consul_api_http consul_api_http',
      '# TYPE consul_api_http summary',
      'consul_api_http_sum{path="a\\"b"} 1.5',
      'consul_api_http_count{path="a\\"b"} 1',
      'consul_api_http_sum{path="c"} 2',
      'consul_api_http_count{path="c"} 1',
      '',
    ].join('\n'),
  );
});

/** Goal: checks run on the world's clock and network, and say what Consul's say. */

import { describe, expect, it } from 'vitest';
import { CheckRunner } from '../../../actors/agent/check-runner.ts';
import type { CheckDefinition, CheckRun, LocalView } from '../../../src/local/definitions.ts';
import {
  type CheckResult,
  emptyLocalState,
  localView,
  withCheck,
  withResults,
  withService,
} from '../../../src/local/state.ts';
import { NodeService } from '../../../src/model/catalog.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

const HOST = '10.0.0.1';

function check(run: CheckRun, more: Partial<CheckDefinition> = {}): CheckDefinition {
  return {
    id: 'c',
    name: 'c',
    notes: '',
    serviceId: 'web',
    token: '',
    status: 'critical',
    run,
    successBeforePassing: 0,
    failuresBeforeCritical: 0,
    deregisterServiceAfterMs: 0,
    outputBytesMax: 4096,
    ...more,
  };
}

const INTERVALS = { intervalMs: 10_000, timeoutMs: 5_000 };
const TCP: CheckRun = { kind: 'tcp', address: `${HOST}:80`, ...INTERVALS };
const HTTP: CheckRun = {
  kind: 'http',
  url: `http://${HOST}:80/health?x=1`,
  method: 'GET',
  body: '',
  header: { 'X-Token': ['t'] },
  tlsSkipVerify: false,
  ...INTERVALS,
};

/** An agent without a machine: results go straight back into its state. */
function start(definition: CheckDefinition) {
  const simulation = createSimulation({ seed: 'checks' });
  const { world } = simulation.host({ name: 'n1', addresses: [HOST] });
  const results: CheckResult[] = [];
  const doomed: string[] = [];
  const row = NodeService.of({ ID: 'web', Service: 'web' });
  let state = withService(emptyLocalState('n1'), { service: row, token: '' }, [], 'keep');
  const runner = new CheckRunner({
    world,
    caPem: [],
    report(reported) {
      results.push(...reported);
      state = withResults(state, reported);
      runner.reconcile(localView(state));
    },
    doom: (id) => doomed.push(id),
  });
  const empty: LocalView = localView(state);
  runner.reconcile(empty);
  state = withCheck(state, definition);
  runner.reconcile(localView(state));
  return { simulation, world, runner, results, doomed, empty };
}

describe('a TCP check', () => {
  it('runs at once, then at its interval, and tells both ends of the scale', async () => {
    const { simulation, world, results, runner } = start(check(TCP));
    await simulation.run(100);
    expect(results).toEqual([
      { id: 'c', status: 'critical', output: `dial tcp ${HOST}:80: connect: connection refused` },
    ]);
    await simulation.settle(
      world.network.listenTcp({ address: HOST, port: 80 }, (stream) =>
        stream.listen({ data: () => {} }),
      ),
    );
    await simulation.run(10_100);
    expect(results.at(-1)).toEqual({
      id: 'c',
      status: 'passing',
      output: `TCP connect ${HOST}:80: Success`,
    });
    runner.stop();
  });

  it('needs as many failures in a row as it is told', async () => {
    const counted = check(TCP, { failuresBeforeCritical: 3 });
    const { simulation, world, results, runner } = start(counted);
    const listener = await simulation.settle(
      world.network.listenTcp({ address: HOST, port: 80 }, (stream) =>
        stream.listen({ data: () => {} }),
      ),
    );
    await simulation.run(100);
    expect(results.map((result) => result.status)).toEqual(['passing']);
    await listener.close();
    await simulation.run(20_400);
    expect(results.at(-1)?.status).toBe('passing');
    await simulation.run(10_000);
    expect(results.at(-1)?.status).toBe('critical');
    runner.stop();
  });

  it('ends when it is gone', async () => {
    const { simulation, results, runner, empty } = start(check(TCP));
    await simulation.run(100);
    runner.reconcile(empty);
    await simulation.run(60_000);
    expect(results).toHaveLength(1);
    runner.stop();
  });
});

describe('an HTTP check', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'passing', '200 OK Output: ok'],
    ['HTTP/1.1 429 Too Many Requests\r\n\r\nslow', 'warning', '429 Too Many Requests Output: slow'],
    ['HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', 'critical', '500 No Output: '],
    [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
      'passing',
      '200 OK Output: abc',
    ],
  ])('reads %j', async (answer, status, output) => {
    const { simulation, world, results, runner } = start(check(HTTP));
    const heads: string[] = [];
    await simulation.settle(
      world.network.listenTcp({ address: HOST, port: 80 }, (stream) =>
        stream.listen({
          data(chunk) {
            heads.push(Buffer.from(chunk).toString());
            stream.write(Buffer.from(answer));
            stream.end();
          },
        }),
      ),
    );
    await simulation.run(1000);
    expect(results).toEqual([
      { id: 'c', status, output: `HTTP GET http://${HOST}:80/health?x=1: ${output}` },
    ]);
    expect(heads[0]).toContain('GET /health?x=1 HTTP/1.1\r\n');
    expect(heads[0]).toContain('User-Agent: Consul Health Check\r\n');
    expect(heads[0]).toContain('X-Token: t\r\n');
    runner.stop();
  });

  it('is critical when nobody answers in time', async () => {
    const { simulation, world, results, runner } = start(check(HTTP));
    await simulation.settle(
      world.network.listenTcp({ address: HOST, port: 80 }, (stream) =>
        stream.listen({ data: () => {} }),
      ),
    );
    await simulation.run(5_500);
    expect(results[0]?.status).toBe('critical');
    expect(results[0]?.output).toContain('context deadline exceeded');
    runner.stop();
  });
});

describe('a TTL check', () => {
  it('expires when it is not fed, and tells what it last heard', async () => {
    const { simulation, results, runner } = start(check({ kind: 'ttl', ttlMs: 1000 }));
    await simulation.run(900);
    runner.restartTtl('c');
    await simulation.run(900);
    expect(results).toEqual([]);
    await simulation.run(200);
    expect(results).toEqual([{ id: 'c', status: 'critical', output: 'TTL expired' }]);
    runner.stop();
  });
});

it('dooms a service whose check stays critical', async () => {
  const doomed = check(TCP, { deregisterServiceAfterMs: 60_000 });
  const started = start(doomed);
  await started.simulation.run(59_000);
  expect(started.doomed).toEqual([]);
  await started.simulation.run(36_000);
  expect(started.doomed).toContain('web');
  started.runner.stop();
});

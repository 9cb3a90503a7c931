// A mesh gateway is the only door of its datacenter: what happens while it is gone, and how long it
// takes until another one, at another address, is used by both sides. The figures in brackets are
// those of Consul 1.9.1 with passthrough gateways on a machine of this size.

import { afterEach, describe, expect, test } from 'vitest';
import { figure, pause, until } from './program.ts';
import { type Answer, type Polling, poll, Standing, wanAddress } from './standing.ts';

/** How a question across datacenters may fail while no way is open: never with something else. */
const KNOWN_ERRORS = [
  /^rpc error getting client: failed to get conn: /,
  /^rpc error making call: /,
  /^No path to datacenter$/,
  /^Remote DC has no server currently reachable$/,
  /lead thread didn't get connection/,
  /dial tcp .*: connect: connection refused/,
  /^could not dial any of/,
];

const ANSWER_MS_MAX = 11_000;
const POLL_EVERY_MS = 100;
const STAYS_GOOD_MS = 3_000;

let standing: Standing | undefined;
let polls: readonly Polling[] = [];

afterEach(async () => {
  await Promise.all(polls.map((polling) => polling.stop()));
  polls = [];
  await standing?.stop();
  standing = undefined;
});

function watch(federation: Standing): { readonly into: Polling; readonly outOf: Polling } {
  const one = federation.server(1);
  const two = federation.server(2);
  const into = poll(federation, two, '/v1/catalog/nodes?dc=dc1', POLL_EVERY_MS);
  const outOf = poll(federation, one, '/v1/catalog/nodes?dc=dc2', POLL_EVERY_MS);
  polls = [into, outOf];
  return { into, outOf };
}

function expectKnownFailures(polling: Polling): void {
  const unknown = polling.failures.filter(
    ({ status, text }) => status !== 500 || !KNOWN_ERRORS.some((known) => known.test(text)),
  );
  expect(unknown.map(({ status, text }) => `${status} ${text}`)).toEqual([]);
  expect(polling.slowestMs).toBeLessThan(ANSWER_MS_MAX);
}

function texts(failures: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const { text } of failures) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count} × ${text}`).join('; ');
}

function report(name: string, polling: Polling, reference: string, sinceMs = 0): void {
  const healed = polling.healedAfterMs();
  const still = polling.failures.length === 0 ? 'never failed' : 'not healed';
  const after = healed === undefined ? still : `healed after ${Math.round(healed - sinceMs)} ms`;
  const slowest = `slowest answer ${Math.round(polling.slowestMs)} ms`;
  figure(`${name}: ${after} (reference: ${reference}), ${slowest}`);
  if (polling.failures.length > 0) figure(`  ${texts(polling.failures)}`);
}

/** Waits until all polls have been answered well for a while. */
async function healed(limitMs: number, ...all: readonly Polling[]): Promise<void> {
  const began = performance.now();
  await until('healing', limitMs, () =>
    all.every((polling) => {
      const after = polling.healedAfterMs();
      return after !== undefined && performance.now() - began - after > STAYS_GOOD_MS;
    }),
  );
}

describe('the only gateway of dc1 is killed', () => {
  test('and replaced by one at an address that dc2 has among its primary gateways', async () => {
    const both = { primary_gateways: [wanAddress(1, 0), wanAddress(1, 1)] };
    const federation = await Standing.start({
      servers: [1, 1],
      config: ({ dc }) => (dc === 'dc2' ? both : {}),
    });
    standing = federation;
    const { into, outOf } = watch(federation);
    await federation.kill('dc1-gateway');
    federation.up(federation.addGateway(1, 1));
    await healed(60_000, into, outOf);
    await federation.healthy(30_000);
    report('dc2 → dc1, new gateway among primary_gateways', into, '3.5 s (3.3–3.5)');
    report('dc1 → dc2, new gateway among primary_gateways', outOf, '6.3 s (1.0–9.0)');
    expectKnownFailures(into);
    expectKnownFailures(outOf);
    expect(into.healedAfterMs()).toBeLessThan(10_000);
    expect(outOf.healedAfterMs()).toBeLessThan(10_000);
  });

  test('and replaced by one that dc2 can only learn of by replication', async () => {
    const federation = await Standing.start({ servers: [1, 1] });
    standing = federation;
    const { into, outOf } = watch(federation);
    await federation.kill('dc1-gateway');
    federation.up(federation.addGateway(1, 1));
    await healed(60_000, outOf);
    report('dc1 → dc2, new address unknown to dc2', outOf, '2.8–4.0 s');
    await healed(20_000, into).catch(() => {});
    report('dc2 → dc1, new address unknown to dc2', into, 'never, observed 150 s');
    expectKnownFailures(into);
    expectKnownFailures(outOf);
    expect(outOf.healedAfterMs()).toBeLessThan(10_000);
  });

  test('and started again at its address', async () => {
    const federation = await Standing.start({ servers: [1, 1] });
    standing = federation;
    const { into, outOf } = watch(federation);
    await federation.kill('dc1-gateway');
    const brokenMs = 5_000;
    await pause(brokenMs);
    expect(into.failures.length).toBeGreaterThan(1);
    expect(outOf.failures.length).toBeGreaterThan(1);
    federation.up('dc1-gateway');
    await healed(60_000, into, outOf);
    await federation.healthy(30_000);
    report('dc2 → dc1, 5 s without a gateway', into, 'none', brokenMs);
    report('dc1 → dc2, 5 s without a gateway', outOf, 'none', brokenMs);
    expectKnownFailures(into);
    expectKnownFailures(outOf);
  });
});

describe('one of two gateways of dc1', () => {
  test('that was registered later takes over by itself from the one that dc2 was told', async () => {
    const federation = await Standing.start({ servers: [1, 1] });
    standing = federation;
    federation.up(federation.addGateway(1, 1));
    await until('dc2 knows the new gateway', 30_000, async () => {
      const { text } = await federation.ask(
        federation.server(2),
        '/v1/internal/federation-states/mesh-gateways',
      );
      return text.includes(wanAddress(1, 1).split(':')[0] ?? '');
    });
    const { into, outOf } = watch(federation);
    await federation.kill('dc1-gateway');
    await pause(10_000);
    await federation.healthy(30_000);
    report('dc2 → dc1, one of two gateways dies', into, '0–0.29 s');
    report('dc1 → dc2, one of two gateways dies', outOf, '0–0.28 s');
    expectKnownFailures(into);
    expectKnownFailures(outOf);
    expect(into.failures.length).toBeLessThanOrEqual(3);
    expect(outOf.failures.length).toBeLessThanOrEqual(3);
  });
});

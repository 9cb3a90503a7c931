/**
 * The official Go client (`github.com/hashicorp/consul/api`, a current version) goes through what an
 * agent of ours serves: once against a server, once through a client agent.
 */

import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MixedDatacenter } from './mixed-datacenter.ts';
import { goPeer, pathOr } from './peers/find.ts';

const PEER = pathOr('the official Go client', goPeer('api'));
/** What client agents of Consul answer to questions about gossip keys. */
const SERVERS_ONLY = 'keyring operations must run against a server node';
const TOUR_LIMIT_MS = 120_000;
const BUILD_LIMIT_MS = 120_000;

interface Step {
  readonly step: string;
  readonly ok: boolean;
  readonly got: string;
}

function tour(program: string, address: string): Promise<readonly Step[]> {
  return new Promise((resolve, reject) => {
    const args = [`-http-addr=${address}:8500`];
    execFile(program, args, { timeout: TOUR_LIMIT_MS }, (error, out, err) => {
      if (error !== null) reject(new Error(`the tour broke off: ${err}`, { cause: error }));
      else
        resolve(
          out
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as Step),
        );
    });
  });
}

function table(title: string, steps: readonly Step[]): string {
  const width = Math.max(...steps.map(({ step }) => step.length));
  const rows = steps.map(
    ({ step, ok, got }) => `  ${ok ? 'ok  ' : 'FAIL'} ${step.padEnd(width)}  ${got}`,
  );
  const good = steps.filter(({ ok }) => ok).length;
  return [`  figure: ${title}: ${good} of ${steps.length} steps`, ...rows, ''].join('\n');
}

describe.skipIf(PEER === null)('the official Go client completes its tour', () => {
  let datacenter: MixedDatacenter;

  beforeAll(async () => {
    datacenter = await MixedDatacenter.start({
      consul: '',
      subnet: 34,
      servers: ['mobius'],
      clients: ['mobius'],
      security: 'closed',
    });
  }, BUILD_LIMIT_MS);

  afterAll(() => datacenter?.stop());

  test('against a server', { timeout: TOUR_LIMIT_MS }, async () => {
    const steps = await tour(PEER ?? '', datacenter.servers[0]?.address ?? '');
    process.stdout.write(table('Go client against a server', steps));
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
  });

  test('through a client agent', { timeout: TOUR_LIMIT_MS }, async () => {
    const steps = await tour(PEER ?? '', datacenter.clients[0]?.address ?? '');
    process.stdout.write(table('Go client through a client agent', steps));
    const refused = (got: string): boolean => got.includes(SERVERS_ONLY);
    expect(steps.filter(({ ok, got }) => !ok && !refused(got))).toEqual([]);
    expect(steps.filter(({ got }) => refused(got)).map(({ step }) => step)).toEqual([
      'operator keyring',
      'operator keyring: install, use, remove',
    ]);
  });
});

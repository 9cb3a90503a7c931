// The demo as a newcomer runs it: it works, it ends, it leaves nothing, and it says what is wrong.

import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  figure,
  killProgram,
  NETWORK,
  occupy,
  type Program,
  processesNaming,
  runProgram,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

let temporary = temporaryFolder();
let demo: Program | undefined;

beforeEach(() => {
  temporary = temporaryFolder();
});

afterEach(async () => {
  if (demo !== undefined) {
    demo.child.kill('SIGTERM');
    await demo.ended;
    demo = undefined;
  }
  temporary.remove();
});

const args = (...more: readonly string[]): readonly string[] => [
  'demo',
  `-network=${NETWORK}`,
  ...more,
];

function expectNothingLeft(): void {
  expect(readdirSync(temporary.path)).toEqual([]);
  expect(processesNaming(temporary.path)).toEqual([]);
  expect(processesNaming(`${NETWORK}.`)).toEqual([]);
}

interface Event {
  readonly ms: number;
  readonly event: string;
  readonly id?: string;
  readonly kind?: string;
  readonly pids?: Readonly<Record<string, number>>;
}

function events(lines: readonly string[]): readonly Event[] {
  return lines.map((line) => JSON.parse(line) as Event);
}

/** The demo in its lasting form, once it stands. */
async function standing(): Promise<{ readonly demo: Program; readonly pids: Event['pids'] }> {
  const started = startProgram(args('--json'), temporary.path);
  demo = started;
  const verified = (): Event | undefined =>
    events(started.lines).find(({ event }) => event === 'verified');
  await until('the demo stands', 60_000, () => verified() !== undefined);
  return { demo: started, pids: verified()?.pids };
}

describe('the demo ends by itself', () => {
  test('with two datacenters', async () => {
    const { code, lines } = await runProgram(args('--once'), temporary.path);
    expect(lines.join('\n')).toContain('the federation stands');
    expect(code).toBe(0);
    expectNothingLeft();
    figure(`demo --once, 2 datacenters with 1 server each: ${lines.at(-1)?.trim()}`);
  });

  test('with three datacenters of three servers, everything known everywhere', async () => {
    const { code, lines } = await runProgram(
      args('--datacenters', '3', '--servers', '3', '--once', '--json'),
      temporary.path,
    );
    const seen = events(lines);
    expect(seen.at(-1)).toMatchObject({ event: 'ended', kind: 'verified' });
    expect(code).toBe(0);
    const holding = new Set(seen.filter(({ event }) => event === 'check').map(({ id }) => id));
    for (const dc of [1, 2, 3]) {
      for (const server of [1, 2, 3].map((n) => `dc${dc}-server${n}`)) {
        expect(holding).toContain(`${server} sees all servers`);
        expect(holding).toContain(`${server} has all federation states`);
        for (const other of [1, 2, 3].filter((n) => n !== dc)) {
          expect(holding).toContain(`${server} answers for dc${other}`);
          expect(holding).toContain(`${server} finds hello-dc${other}`);
        }
      }
    }
    expectNothingLeft();
    const stands = seen.find(({ event }) => event === 'verified')?.ms;
    figure(`demo --once, 3 datacenters with 3 servers each stand after ${stands} ms`);
  });
});

describe('the demo is stopped', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`by ${signal} while it stands`, async () => {
      const { demo: running } = await standing();
      running.child.kill(signal);
      expect(await running.ended).toEqual({ code: 0, signal: null });
      expect(events(running.lines).at(-1)).toMatchObject({ event: 'ended', kind: 'verified' });
      expectNothingLeft();
    });
  }

  test('by Ctrl-C while it starts', async () => {
    demo = startProgram(args('--once'), temporary.path);
    const { child, lines, ended } = demo;
    await until('servers come up', 30_000, () => lines.some((line) => line.includes('up (')));
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, signal: null });
    expect(lines.at(-1)).toContain('stopped');
    expectNothingLeft();
  });
});

describe('the demo meets a port that is taken', () => {
  const taken = [
    ['1.1', 8300],
    ['1.1', 8301],
    ['1.1', 8302],
    ['2.1', 8500],
    ['1.100', 8443],
    ['2.100', 8444],
  ] as const;
  for (const [host, port] of taken) {
    test(`${host}:${port}`, async () => {
      const address = `${NETWORK}.${host}`;
      const giveBack = await occupy(address, port);
      try {
        const { code, lines } = await runProgram(args('--once'), temporary.path);
        expect(code).toBe(1);
        expect(lines.at(-1)).toMatch(
          new RegExp(`failed: dc\\d-\\w+ stopped by itself: .*${address}:${port}`),
        );
        expect(lines.at(-1)).toContain('address already in use');
        expectNothingLeft();
      } finally {
        await giveBack();
      }
    });
  }
});

describe('the demo loses a process', () => {
  for (const id of ['dc1-server1', 'dc2-gateway']) {
    test(`${id} is killed`, async () => {
      const { demo: running, pids } = await standing();
      const pid = pids?.[id];
      if (pid === undefined) throw new Error(`no process ${id} among ${JSON.stringify(pids)}`);
      process.kill(pid, 'SIGKILL');
      expect(await running.ended).toEqual({ code: 1, signal: null });
      expect(events(running.lines).at(-1)).toMatchObject({
        event: 'ended',
        kind: 'failed',
        text: `${id} stopped by itself: killed by SIGKILL`,
      });
      expectNothingLeft();
    });
  }

  test('the demo itself is killed: its processes do not go on without it', async () => {
    const { demo: running } = await standing();
    await killProgram(running);
    await until('processes end', 15_000, () => processesNaming(`${NETWORK}.`).length === 0);
    await until('no agent is left', 15_000, () => processesNaming(temporary.path).length === 0);
    demo = undefined;
  });
});

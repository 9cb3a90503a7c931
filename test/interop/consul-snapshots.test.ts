/**
 * Snapshot archives between us and a real Consul 1.9.1: each inspects and restores what the other
 * has saved, with the same keys after it, and both refuse damaged ones with the same words.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  killProgram,
  NETWORK,
  type Program,
  runProgram,
  skipLoudly,
  startCommand,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

const CONSUL = process.env['CONSUL_BIN'] ?? '';
const installed = CONSUL !== '' && spawnSync(CONSUL, ['version']).status === 0;
if (!installed) skipLoudly('snapshots with a real Consul', 'CONSUL_BIN names no consul');

const WAIT_MS = 40_000;
const OURS = `${NETWORK}.63.1`;
const THEIRS = `${NETWORK}.63.2`;
/** More than pieces of any kind on the way, so that nothing passes in one. */
const VALUE_BYTES = 400_000;
const folder = temporaryFolder();
const programs: Program[] = [];
/** What the real server held when its snapshot was saved. */
let theirs: readonly Entry[] = [];

interface Entry {
  readonly Key: string;
  readonly Value: string | null;
}

const base = (address: string): string => `http://${address}:8500`;
const file = (name: string): string => join(folder.path, name);

async function put(address: string, path: string, body: Uint8Array | string) {
  const answer = await fetch(`${base(address)}${path}`, { method: 'PUT', body: Buffer.from(body) });
  return { status: answer.status, text: await answer.text() };
}

async function entries(address: string): Promise<readonly Entry[]> {
  const answer = await fetch(`${base(address)}/v1/kv/?recurse`);
  return (await answer.json()) as readonly Entry[];
}

async function leads(address: string): Promise<boolean> {
  const leader = await fetch(`${base(address)}/v1/status/leader`).catch(() => undefined);
  return (
    (await leader?.text()) !== undefined && (await put(address, '/v1/kv/first', '')).status === 200
  );
}

/** Keys of all kinds: no value, all bytes, all bits of flags, locked, not ASCII, large, many. */
async function fill(address: string, prefix: string): Promise<void> {
  const session = await put(address, '/v1/session/create', '{"TTL":"1h","LockDelay":"0s"}');
  const { ID } = JSON.parse(session.text) as { readonly ID: string };
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const large = Buffer.alloc(VALUE_BYTES);
  for (let at = 0; at < large.length; at += 4)
    large.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  const writes: [string, Uint8Array | string][] = [
    [`${prefix}/none`, ''],
    [`${prefix}/bytes`, bytes],
    [`${prefix}/flags?flags=18446744073709551615`, 'x'],
    [`${prefix}/locked?acquire=${ID}`, 'held'],
    [`${prefix}/${encodeURIComponent('ключ 🔑')}`, 'значение'],
    ...Array.from({ length: 8 }, (_, n): [string, Uint8Array] => [`${prefix}/large/${n}`, large]),
    ...Array.from({ length: 500 }, (_, n): [string, string] => [`${prefix}/many/${n}`, `${n}`]),
  ];
  for (const [key, value] of writes) {
    const { text } = await put(address, `/v1/kv/${key}`, value);
    // An agent that was started with -dev answers in lines.
    expect(text.trim(), key).toBe('true');
  }
}

function consul(...args: readonly string[]) {
  const env = { ...process.env, CONSUL_HTTP_ADDR: base(THEIRS) };
  const { status, stdout, stderr } = spawnSync(CONSUL, args, { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const mobius = (...args: readonly string[]) =>
  runProgram([...args.slice(0, 2), `-http-addr=${base(OURS)}`, ...args.slice(2)]);

/** Rows `KVS 513 3.1MB` of an inspection. */
function counts(text: string): readonly string[] {
  return [...text.matchAll(/^ (\w+) +(\d+) +([\d.]+\w+) *$/gm)].map((row) =>
    row.slice(1).join(' '),
  );
}

describe.skipIf(!installed)('snapshot archives', () => {
  beforeAll(async () => {
    const config = {
      server: true,
      bootstrap: true,
      node_name: 'ours',
      data_dir: file('ours'),
      bind_addr: OURS,
      client_addr: OURS,
      ports: { dns: -1, grpc: -1 },
    };
    writeFileSync(file('ours.json'), JSON.stringify(config));
    programs.push(startProgram(['agent', '-config-file', file('ours.json')]));
    const at = [`-bind=${THEIRS}`, `-client=${THEIRS}`, '-node=theirs'];
    programs.push(startCommand(CONSUL, ['agent', '-dev', '-disable-host-node-id', ...at]));
    await until('both lead', WAIT_MS, async () => (await leads(OURS)) && (await leads(THEIRS)));
    await fill(OURS, 'ours');
    await fill(THEIRS, 'theirs');
    theirs = await entries(THEIRS);
    expect(consul('snapshot', 'save', file('theirs.snap'))).toMatchObject({ status: 0 });
  }, WAIT_MS);

  afterAll(async () => {
    for (const program of programs) await killProgram(program);
    folder.remove();
  });

  it('of ours are inspected and restored by a real server', async () => {
    const saved = await mobius('snapshot', 'save', file('ours.snap'));
    expect(saved).toMatchObject({ code: 0 });
    const inspection = consul('snapshot', 'inspect', file('ours.snap'));
    expect(inspection).toMatchObject({ status: 0 });
    const own = await runProgram(['snapshot', 'inspect', file('ours.snap')]);
    expect(counts(inspection.stdout)).toEqual(counts(own.lines.join('\n')));
    expect(await put(THEIRS, '/v1/snapshot', readFileSync(file('ours.snap')))).toEqual({
      status: 200,
      text: '',
    });
    expect(await entries(THEIRS)).toEqual(await entries(OURS));
  });

  it('of a real server are inspected and restored by ours', async () => {
    const inspection = consul('snapshot', 'inspect', file('theirs.snap'));
    const own = await runProgram(['snapshot', 'inspect', file('theirs.snap')]);
    expect(own).toMatchObject({ code: 0 });
    expect(counts(own.lines.join('\n'))).toEqual(counts(inspection.stdout));
    expect(await mobius('snapshot', 'restore', file('theirs.snap'))).toMatchObject({ code: 0 });
    const kept = await entries(OURS);
    expect(kept).toEqual(theirs);
    expect(kept.filter(({ Key }) => Key.startsWith('theirs/'))).toHaveLength(513);
  });

  it('that are damaged are refused by both alike, and change nothing', async () => {
    const whole = readFileSync(file('ours.snap'));
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 0x55;
    const before = await entries(OURS);
    for (const size of [0, 5, 10, 100, whole.length >> 1, whole.length - 9, whole.length - 1]) {
      const cut = whole.subarray(0, size);
      const ours = await put(OURS, '/v1/snapshot', cut);
      expect(ours.status).toBe(500);
      expect(ours).toEqual(await put(THEIRS, '/v1/snapshot', cut));
    }
    expect(await put(OURS, '/v1/snapshot', flipped)).toMatchObject({ status: 500 });
    expect(await put(THEIRS, '/v1/snapshot', flipped)).toMatchObject({ status: 500 });
    expect(await entries(OURS)).toEqual(before);
  });
});

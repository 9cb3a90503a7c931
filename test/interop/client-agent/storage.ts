// Keys, locks and sessions through a client agent.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Agent, MixedDatacenter } from '../mixed-datacenter.ts';
import { pause, until } from '../program.ts';
import { untilEqual } from './catalog.ts';

/** Consul ends a session between one and two times its TTL of at least 10 s. */
const SESSION_TTL_MS = 10_000;
const LARGE_BYTES = 400_000;

interface Pair {
  readonly Key: string;
  readonly Value: string;
  readonly Flags: number;
  readonly Session?: string;
  readonly ModifyIndex: number;
}

const pairOf = async (agent: Agent, key: string): Promise<Pair> =>
  (await agent.json<readonly [Pair]>(`/v1/kv/${key}`))[0];

async function sessionOf(agent: Agent, body: object): Promise<string> {
  const { status, text } = await agent.put('/v1/session/create', body);
  expect(status, text).toBe(200);
  return (JSON.parse(text) as { readonly ID: string }).ID;
}

export function storageTests(datacenter: () => MixedDatacenter): void {
  const agents = (): { client: Agent; other: Agent; server: Agent } => {
    const { clients, servers } = datacenter();
    const [client, other, server] = [clients[0], clients[1], servers[0]];
    if (client === undefined || other === undefined || server === undefined) {
      throw new Error('too few agents');
    }
    return { client, other, server };
  };

  test('keys by the command line: flags, check-and-set, prefixes', async () => {
    const { client, other, server } = agents();
    await client.succeed('kv', 'put', '-flags=42', 'app/name', 'möbius');
    for (const agent of [client, other, server]) {
      expect(await agent.succeed('kv', 'get', 'app/name')).toBe('möbius\n');
      expect(await agent.succeed('kv', 'get', '-detailed', 'app/name')).toMatch(/Flags +42/);
    }
    const { ModifyIndex } = await pairOf(client, 'app/name');
    const cas = (index: number) =>
      client.consul('kv', 'put', '-cas', `-modify-index=${index}`, 'app/name', 'changed');
    expect((await cas(ModifyIndex - 1)).code).toBe(1);
    expect((await cas(ModifyIndex)).code).toBe(0);
    expect((await cas(0)).code).toBe(1);
    await client.succeed('kv', 'put', 'app/empty');
    await client.succeed('kv', 'put', 'app/deep/er', '1');
    expect(await other.succeed('kv', 'get', '-recurse', 'app/')).toBe(
      'app/deep/er:1\napp/empty:\napp/name:changed\n',
    );
    expect(await other.succeed('kv', 'get', '-keys', 'app/')).toBe(
      'app/deep/\napp/empty\napp/name\n',
    );
    const file = join(datacenter().folder, 'large.bin');
    writeFileSync(file, Buffer.alloc(LARGE_BYTES, 0xfe));
    await client.succeed('kv', 'put', 'app/large', `@${file}`);
    const large = Buffer.from((await pairOf(server, 'app/large')).Value, 'base64');
    expect(large.equals(readFileSync(file))).toBe(true);
    const missing = await client.consul('kv', 'get', 'app/nowhere');
    expect(missing).toMatchObject({ code: 1, err: 'Error! No key exists at: app/nowhere\n' });
    await client.succeed('kv', 'delete', 'app/large');
    await client.succeed('kv', 'delete', '-recurse', 'app/');
    expect((await other.ask('/v1/kv/app/?keys')).status).toBe(404);
  });

  test('keys are exported and imported', async () => {
    const { client, other } = agents();
    await client.succeed('kv', 'put', '-flags=7', 'export/a', 'one');
    await client.succeed('kv', 'put', 'export/b', 'two');
    const exported = await client.succeed('kv', 'export', 'export/');
    expect(JSON.parse(exported)).toEqual([
      { key: 'export/a', flags: 7, value: 'b25l' },
      { key: 'export/b', flags: 0, value: 'dHdv' },
    ]);
    const file = join(datacenter().folder, 'export.json');
    writeFileSync(file, exported);
    await client.succeed('kv', 'delete', '-recurse', 'export/');
    await other.succeed('kv', 'import', `@${file}`);
    expect(await client.succeed('kv', 'export', 'export/')).toBe(exported);
  });

  test('two contenders of a lock take turns', async () => {
    const { client, other, server, folder } = { ...agents(), folder: datacenter().folder };
    const file = join(folder, 'turns');
    const turn = (name: string): string =>
      `echo ${name} in >> ${file}; sleep 0.7; echo ${name} out >> ${file}`;
    const names = ['first', 'second', 'third'];
    const contenders = [client, other, server];
    const outcomes = await Promise.all(
      contenders.map((agent, at) => agent.consul('lock', 'turns', turn(names[at] ?? ''))),
    );
    expect(outcomes.map(({ code, err }) => `${code} ${err}`)).toEqual(['0 ', '0 ', '0 ']);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(6);
    for (let at = 0; at < lines.length; at += 2) {
      const name = lines[at]?.split(' ')[0];
      expect([lines[at], lines[at + 1]]).toEqual([`${name} in`, `${name} out`]);
    }
    const both = await Promise.all(
      [client, other].map((agent) => agent.consul('lock', '-n=2', 'places', 'sleep 0.3; echo in')),
    );
    expect(both.map(({ code, out }) => `${code} ${out}`)).toEqual(['0 in\n', '0 in\n']);
  });

  test('a session ends by its TTL, and its lock waits for the delay', async () => {
    const { client, other } = agents();
    const session = await sessionOf(client, {
      Name: 'short',
      TTL: `${SESSION_TTL_MS / 1000}s`,
      LockDelay: '2s',
    });
    const next = await sessionOf(other, { Name: 'next', LockDelay: '0s' });
    const take = async (agent: Agent, id: string): Promise<string> =>
      (await agent.put(`/v1/kv/held?acquire=${id}`, id)).text;
    expect(await take(client, session)).toBe('true');
    expect(await take(other, next)).toBe('false');
    expect((await pairOf(other, 'held')).Session).toBe(session);
    const renewed = await client.put(`/v1/session/renew/${session}`);
    expect(JSON.parse(renewed.text)).toMatchObject([{ ID: session, TTL: '10s' }]);
    const beganAt = performance.now();
    await untilEqual(
      'the end of the session',
      async () => (await other.json<unknown[]>(`/v1/session/info/${session}`)).length,
      0,
      4 * SESSION_TTL_MS,
    );
    expect(performance.now() - beganAt).toBeGreaterThan(SESSION_TTL_MS - 500);
    expect(await take(other, next)).toBe('false');
    await until('the end of the lock delay', 10_000, async () => {
      await pause(100);
      return (await take(other, next)) === 'true';
    });
    expect((await client.put(`/v1/session/renew/${session}`)).status).toBe(404);
    expect((await other.put(`/v1/kv/held?release=${next}`)).text).toBe('true');
    await other.put(`/v1/session/destroy/${next}`);
  });

  test('a session goes with the check that it hangs on, and takes its keys along', async () => {
    const { client, server } = agents();
    const check = { ID: 'vital', Name: 'vital', TTL: '10m', Status: 'passing' };
    await client.put('/v1/agent/check/register', check);
    await untilEqual(
      'the check in the catalog',
      async () => {
        const checks = await server.json<readonly { readonly CheckID: string }[]>(
          `/v1/health/node/${client.name}`,
        );
        return checks.some(({ CheckID }) => CheckID === 'vital');
      },
      true,
    );
    const session = await sessionOf(client, {
      Checks: ['serfHealth', 'vital'],
      Behavior: 'delete',
    });
    expect((await client.put(`/v1/kv/mortal?acquire=${session}`, 'x')).text).toBe('true');
    await client.put('/v1/agent/check/fail/vital');
    await untilEqual('the key gone', async () => (await server.ask('/v1/kv/mortal')).status, 404);
    expect(await server.json(`/v1/session/info/${session}`)).toEqual([]);
    await client.put('/v1/agent/check/deregister/vital');
  });

  test('a blocking query through the agent is woken by a write elsewhere', async () => {
    const { client, other } = agents();
    await other.put('/v1/kv/awaited', 'one');
    const first = await client.ask('/v1/kv/awaited');
    const index = first.headers.get('x-consul-index');
    expect(Number(index)).toBeGreaterThan(0);
    const waiting = client.ask(`/v1/kv/awaited?index=${index}&wait=20s`);
    await pause(300);
    const beganAt = performance.now();
    await other.put('/v1/kv/awaited', 'two');
    const woken = await waiting;
    expect(performance.now() - beganAt).toBeLessThan(3_000);
    expect(JSON.parse(woken.text)).toMatchObject([{ Value: 'dHdv' }]);
    expect(Number(woken.headers.get('x-consul-index'))).toBeGreaterThan(Number(index));
    const now = woken.headers.get('x-consul-index');
    const quiet = await client.ask(`/v1/kv/awaited?index=${now}&wait=500ms`);
    expect(quiet.headers.get('x-consul-index')).toBe(now);
    for (const path of ['/v1/catalog/services', '/v1/health/state/any', '/v1/catalog/nodes']) {
      const { headers } = await client.ask(path);
      const at = headers.get('x-consul-index');
      const again = await client.ask(`${path}?index=${at}&wait=200ms`);
      expect([again.status, path], again.text).toEqual([200, path]);
      expect(Number(again.headers.get('x-consul-index'))).toBeGreaterThanOrEqual(Number(at));
    }
    for (const mode of ['stale', 'consistent']) {
      const answer = await client.ask(`/v1/kv/awaited?${mode}`);
      expect([mode, answer.status]).toEqual([mode, 200]);
      expect(answer.headers.get('x-consul-knownleader')).toBe('true');
    }
  });
}

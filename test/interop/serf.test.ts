// Two real serf agents and two members of ours in one encrypted pool, over loopback sockets.

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAN_TIMING, SERF_TIMING, SERF_VERSIONS } from '../../machines/gossip/config.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { type GossipMember, startGossipMember } from '../support/gossip-member.ts';

const run = promisify(execFile);
const installed = spawnSync('serf', ['version']).status === 0;
if (!installed) process.stderr.write('SKIPPED: serf is not installed (apt-get install serf)\n');

const KEY = Buffer.alloc(16, 7).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 9).toString('base64');
const WAIT_MS = 20_000;

interface SerfAgent {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
  readonly output: string[];
  cli(...args: readonly string[]): Promise<string>;
}

const folder = mkdtempSync(join(tmpdir(), 'mobius-serf-'));
const agents: SerfAgent[] = [];
const members: GossipMember[] = [];

function startSerf(name: string, port: number, ...flags: readonly string[]): SerfAgent {
  const keyRing = join(folder, `${name}.keyring`);
  writeFileSync(keyRing, JSON.stringify([KEY]), { mode: 0o600 });
  const rpc = `127.0.0.1:${port + 1000}`;
  const args = ['agent', `-node=${name}`, `-bind=127.0.0.1:${port}`, `-rpc-addr=${rpc}`];
  const process = spawn('serf', [
    ...args,
    `-keyring-file=${keyRing}`,
    '-log-level=debug',
    ...flags,
  ]);
  const output: string[] = [];
  process.stdout.on('data', (chunk) => output.push(String(chunk)));
  process.stderr.on('data', (chunk) => output.push(String(chunk)));
  const agent = {
    name,
    port,
    process,
    output,
    cli: async (command: string, ...rest: readonly string[]) => {
      const done = await run('serf', [command, `-rpc-addr=${rpc}`, ...rest]);
      return done.stdout;
    },
  };
  agents.push(agent);
  return agent;
}

async function startOurs(name: string): Promise<GossipMember> {
  const member = await startGossipMember({
    world: createNodeWorld(),
    address: '127.0.0.1',
    encrypt: KEY,
    keyRing: join(folder, `${name}.ours.keyring`),
    config: {
      name,
      tags: { role: 'ours' },
      versions: SERF_VERSIONS,
      timing: LAN_TIMING,
      serf: SERF_TIMING,
    },
  });
  members.push(member);
  return member;
}

async function until(what: string, done: () => boolean | Promise<boolean>, limitMs = WAIT_MS) {
  const end = Date.now() + limitMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function statusAt(agent: SerfAgent, name: string): Promise<string> {
  const lines = (await agent.cli('members')).split('\n');
  const line = lines.find((text) => text.startsWith(`${name} `));
  return line?.split(/\s+/)[2] ?? 'none';
}

describe.skipIf(!installed)('with real serf agents', () => {
  let a: SerfAgent;
  let b: SerfAgent;
  let x: GossipMember;
  let y: GossipMember;

  beforeAll(async () => {
    a = startSerf('serf-a', 17_901, '-tag', 'role=web');
    b = startSerf('serf-b', 17_902);
    x = await startOurs('ours-x');
    y = await startOurs('ours-y');
    await until('agents answer', async () => {
      const answers = await Promise.allSettled([a.cli('members'), b.cli('members')]);
      return answers.every((answer) => answer.status === 'fulfilled');
    });
  });

  afterAll(() => {
    for (const member of members) member.kill();
    for (const agent of agents) agent.process.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  test('both ways of joining lead to one pool', async () => {
    const joined = await x.post.ask(
      'gossip.lan',
      { type: 'members.join', addresses: ['127.0.0.1:17901'], oldEvents: 'ignore' },
      { timeoutMs: WAIT_MS },
    );
    expect(joined.joined).toBe(1);
    const port = y.transport.endpoint.port;
    expect(await b.cli('join', `127.0.0.1:${port}`)).toContain('Successfully joined cluster');
    await a.cli('join', '127.0.0.1:17902');
    const all = ['serf-a', 'serf-b', 'ours-x', 'ours-y'];
    await until('all see all', async () => {
      for (const agent of [a, b]) {
        for (const name of all) if ((await statusAt(agent, name)) !== 'alive') return false;
      }
      return [x, y].every((member) => all.every((name) => member.status(name) === 'alive'));
    });
    expect(x.view()?.members.get('serf-a')?.tags).toEqual({ role: 'web' });
    expect(await a.cli('members', '-detailed')).toContain('ours-x');
  });

  test('user events pass both ways', async () => {
    await a.cli('event', 'deploy', 'v1');
    await until('ours hear it', () => [x, y].every((member) => member.events.length === 1));
    expect(x.events[0]).toMatchObject({ name: 'deploy', coalesce: true });
    await y.post.ask(
      'gossip.lan',
      { type: 'user-event.fire', name: 'from-ours', payload: Buffer.from('p'), coalesce: false },
      { timeoutMs: WAIT_MS },
    );
    await until('agents hear it', () =>
      [a, b].every((agent) => agent.output.join('').includes('user-event: from-ours')),
    );
  });

  test('queries of serf are acknowledged and answered, with relays too', async () => {
    const asking = a.cli('query', '-timeout=4s', '-relay-factor=2', 'uptime', 'now');
    await until('ours are asked', () => x.queries.length === 1 && y.queries.length === 1);
    for (const member of [x, y]) {
      const key = member.queries[0]?.key ?? '';
      const payload = Buffer.from(`up ${member.name}`);
      await member.post.ask(
        'gossip.lan',
        { type: 'query.respond', key, payload },
        { timeoutMs: WAIT_MS },
      );
    }
    const output = await asking;
    for (const name of ['ours-x', 'ours-y']) {
      expect(output).toContain(`Ack from '${name}'`);
      expect(output).toContain(`Response from '${name}': up ${name}`);
    }
    expect(await b.cli('reachability')).toContain('Successfully contacted all live nodes');
    expect(await a.cli('rtt', 'serf-a', 'ours-x')).toContain('rtt');
  });

  test('our queries reach serf members by their tags', async () => {
    const outcome = await x.post.ask(
      'gossip.lan',
      {
        type: 'query.start',
        name: 'nobody-answers',
        payload: Buffer.alloc(0),
        filters: [{ kind: 'tag', tag: 'role', expression: '^web$' }],
        acks: 'request',
        relayFactor: 1,
        timeoutMs: 2_000,
      },
      { timeoutMs: WAIT_MS },
    );
    expect(outcome.acks).toEqual(['serf-a']);
  });

  test('tags travel both ways', async () => {
    await a.cli('tags', '-set', 'color=blue');
    await until('ours see it', () => x.view()?.members.get('serf-a')?.tags['color'] === 'blue');
    const tags = { role: 'ours', color: 'red' };
    await x.post.ask('gossip.lan', { type: 'tags.set', tags }, { timeoutMs: WAIT_MS });
    await until('serf sees it', async () => (await b.cli('members')).includes('color=red'));
  });

  test('keys are counted and changed by either side', async () => {
    expect((await a.cli('keys', '-list')).replace(/\s+/g, ' ')).toContain(`${KEY} [4/4]`);
    const key = Buffer.from(OTHER_KEY, 'base64');
    const change = async (operation: 'install' | 'use' | 'remove' | 'list', raw: Uint8Array) =>
      x.post.ask(
        'gossip.lan',
        { type: 'keys.change', operation, key: raw, relayFactor: 0 },
        { timeoutMs: WAIT_MS },
      );
    expect((await change('install', key)).error).toBe('');
    expect((await change('use', key)).error).toBe('');
    await a.cli('keys', '-remove', KEY);
    const listed = await change('list', Buffer.alloc(0));
    expect(listed).toMatchObject({ error: '', nodes: 4, keys: { [OTHER_KEY]: 4 } });
    const failures = x.changes.filter((change) => change.kind === 'failed');
    expect(failures).toEqual([]);
  });

  test('a live member that is forced to leave stays', async () => {
    await a.cli('force-leave', 'ours-x');
    const refuted = 'refuting an older leave intent';
    await until('refutation', () => x.log.lines.some((line) => line.text === refuted));
    await until('alive again', async () => (await statusAt(a, 'ours-x')) === 'alive');
  });

  test('a serf agent that leaves is left, one of ours that is killed is failed', async () => {
    await b.cli('leave');
    await until('ours see it', () => [x, y].every((m) => m.status('serf-b') === 'left'));
    y.kill();
    await until(
      'y is failed at both',
      async () => {
        return (await statusAt(a, 'ours-y')) === 'failed' && x.status('ours-y') === 'failed';
      },
      60_000,
    );
  });

  test('a graceful leave of ours is left, never failed', async () => {
    await x.post.ask('gossip.lan', { type: 'members.leave' }, { timeoutMs: WAIT_MS });
    x.kill();
    await until('serf sees it', async () => (await statusAt(a, 'ours-x')) === 'left');
    const output = a.output.join('');
    expect(output).not.toContain('Suspect ours-x');
    expect(output).not.toContain('[ERR]');
  });
});

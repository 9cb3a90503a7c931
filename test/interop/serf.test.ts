// Two real serf agents and three members of ours in one encrypted pool, over loopback sockets.

import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  LAN_TIMING,
  type PoolTiming,
  SERF_TIMING,
  SERF_VERSIONS,
  WAN_TIMING,
} from '../../machines/gossip/config.ts';
import type { KeyOperation } from '../../machines/routes/gossip.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { type GossipMember, startGossipMember } from '../support/gossip-member.ts';
import { debianPeer, pathOr } from './peers/find.ts';
import { GOSSIP_PORT, type SerfAgent, startSerfAgent } from './peers/serf-agent.ts';
import { NETWORK, skipLoudly, until } from './program.ts';

const serfPath = pathOr('gossip with serf agents', debianPeer('serf', 'serf'));

const KEY = Buffer.alloc(16, 7).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 9).toString('base64');
/** What gossip has missed by chance is exchanged every 30 s. */
const WAIT_MS = 65_000;
/** Until a death is agreed upon by few, who cannot confirm each other's suspicions. */
const DEATH_MS = 60_000;
const ASK = { timeoutMs: WAIT_MS };

/** What memberlist's profile for one machine has other than that for a LAN. */
const LOCAL_TIMING: PoolTiming = {
  ...LAN_TIMING,
  streamTimeoutMs: 1_000,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
};

const folder = mkdtempSync(join(tmpdir(), 'mobius-serf-'));
const agents: SerfAgent[] = [];
const members: GossipMember[] = [];

/** Every member has an address of its own, by its number. */
const addressOf = (number: number): string => `${NETWORK}.20.${number}`;

async function startSerf(
  name: string,
  number: number,
  flags: readonly string[] = [],
  key = KEY,
): Promise<SerfAgent> {
  const address = addressOf(number);
  const path = serfPath ?? '';
  const agent = await startSerfAgent({ path, name, address, folder, key, flags });
  agents.push(agent);
  return agent;
}

interface OurPlan {
  readonly role?: string;
  readonly timing?: PoolTiming;
  readonly key?: string;
}

async function startOurs(name: string, number: number, plan: OurPlan = {}): Promise<GossipMember> {
  const { role = 'ours', timing = LAN_TIMING, key = KEY } = plan;
  const member = await startGossipMember({
    world: createNodeWorld(),
    address: addressOf(number),
    port: GOSSIP_PORT,
    encrypt: key,
    keyRing: join(folder, `${name}.ours.keyring`),
    snapshot: join(folder, `${name}.snapshot`),
    config: { name, tags: { role }, versions: SERF_VERSIONS, timing, serf: SERF_TIMING },
  });
  members.push(member);
  return member;
}

function joinTo(member: GossipMember, number: number): Promise<{ readonly joined: number }> {
  const addresses = [addressOf(number)];
  return member.post.ask(
    'gossip.lan',
    { type: 'members.join', addresses, oldEvents: 'ignore' },
    ASK,
  );
}

async function statusAt(agent: SerfAgent, name: string): Promise<string> {
  return (await agent.members()).get(name)?.status ?? 'none';
}

/** Both sides see each other. */
async function together(agent: SerfAgent, member: GossipMember): Promise<void> {
  await until(`${agent.name} and ${member.name} together`, WAIT_MS, async () => {
    const seen = (await statusAt(agent, member.name)) === 'alive';
    return seen && member.status(agent.name) === 'alive';
  });
}

afterAll(async () => {
  for (const member of members) member.kill();
  await Promise.all(agents.map((agent) => agent.kill()));
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(serfPath === null)('two serf agents and three of ours', () => {
  let a: SerfAgent;
  let b: SerfAgent;
  let x: GossipMember;
  let y: GossipMember;

  let z: GossipMember;

  beforeAll(async () => {
    [a, b] = await Promise.all([
      startSerf('serf-a', 1, ['-tag', 'role=web']),
      startSerf('serf-b', 2),
    ]);
    x = await startOurs('ours-x', 3);
    y = await startOurs('ours-y', 4);
    z = await startOurs('ours-z', 5);
  });

  test('both ways of joining lead to one pool', async () => {
    expect((await joinTo(x, 1)).joined).toBe(1);
    expect(await b.cli('join', addressOf(4))).toContain('Successfully joined cluster');
    await a.join([addressOf(2)]);
    await b.join([addressOf(5)]);
    const all = ['serf-a', 'serf-b', 'ours-x', 'ours-y', 'ours-z'];
    for (const name of all) {
      for (const agent of [a, b]) {
        await until(`${agent.name} sees ${name}`, WAIT_MS, async () => {
          return (await statusAt(agent, name)) === 'alive';
        });
      }
      for (const member of [x, y, z]) {
        await until(`${member.name} sees ${name}`, WAIT_MS, () => {
          return member.status(name) === 'alive';
        });
      }
    }
    expect(x.view()?.members.get('serf-a')?.tags).toEqual({ role: 'web' });
    const detailed = await a.cli('members', '-detailed', '-name=ours-x');
    expect(detailed).toMatch(/Protocol Version: 5 +Available Protocol Range: \[2, 5\]/);
  });

  test('user events pass both ways', async () => {
    await a.cli('event', 'deploy', 'v1');
    await until('ours hear it', WAIT_MS, () =>
      [x, y, z].every((member) => member.events.length === 1),
    );
    expect(x.events[0]).toMatchObject({ name: 'deploy', coalesce: true });
    await y.post.ask(
      'gossip.lan',
      { type: 'user-event.fire', name: 'from-ours', payload: Buffer.from('p'), coalesce: false },
      ASK,
    );
    await until('agents hear it', WAIT_MS, () =>
      [a, b].every((agent) => agent.events.includes('from-ours')),
    );
  });

  test('queries of serf are acknowledged and answered, with relays too', async () => {
    const asking = a.cli('query', '-timeout=4s', '-relay-factor=2', 'uptime', 'now');
    await until('ours are asked', WAIT_MS, () =>
      [x, y, z].every((member) => member.queries.length === 1),
    );
    for (const member of [x, y, z]) {
      const key = member.queries[0]?.key ?? '';
      const payload = Buffer.from(`up ${member.name}`);
      await member.post.ask('gossip.lan', { type: 'query.respond', key, payload }, ASK);
    }
    const output = await asking;
    for (const name of ['ours-x', 'ours-y', 'ours-z']) {
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
      ASK,
    );
    expect(outcome.acks).toEqual(['serf-a']);
  });

  test('tags travel both ways', async () => {
    await a.setTag('color', 'blue');
    await until('ours see it', WAIT_MS, () => {
      return x.view()?.members.get('serf-a')?.tags['color'] === 'blue';
    });
    const tags = { role: 'ours', color: 'red' };
    await x.post.ask('gossip.lan', { type: 'tags.set', tags }, ASK);
    await until('serf sees it', WAIT_MS, async () => {
      return (await b.members()).get('ours-x')?.tags['color'] === 'red';
    });
  });

  test('keys are counted and changed by either side', async () => {
    expect((await a.cli('keys', '-list')).replace(/\s+/g, ' ')).toContain(`${KEY} [5/5]`);
    const key = Buffer.from(OTHER_KEY, 'base64');
    const change = async (operation: KeyOperation, raw: Uint8Array) =>
      x.post.ask('gossip.lan', { type: 'keys.change', operation, key: raw, relayFactor: 0 }, ASK);
    expect((await change('install', key)).error).toBe('');
    expect((await change('use', key)).error).toBe('');
    await a.cli('keys', '-remove', KEY);
    const listed = await change('list', Buffer.alloc(0));
    expect(listed).toMatchObject({ error: '', nodes: 5, keys: { [OTHER_KEY]: 5 } });
    const failures = x.changes.filter((change) => change.kind === 'failed');
    expect(failures).toEqual([]);
  });

  test('a live member that is forced to leave stays', async () => {
    await a.cli('force-leave', 'ours-x');
    const refuted = 'refuting an older leave intent';
    await until('refutation', WAIT_MS, () => x.log.lines.some((line) => line.text === refuted));
    await until('alive again', WAIT_MS, async () => (await statusAt(a, 'ours-x')) === 'alive');
  });

  test('a serf agent that leaves is left, one of ours that is killed is failed', async () => {
    await b.cli('leave');
    await until('ours see it', WAIT_MS, () =>
      [x, y, z].every((member) => member.status('serf-b') === 'left'),
    );
    y.kill();
    await until('y is failed at both', DEATH_MS, async () => {
      return (await statusAt(a, 'ours-y')) === 'failed' && x.status('ours-y') === 'failed';
    });
  });

  test('one that comes back with other tags finds its pool by itself', async () => {
    y = await startOurs('ours-y', 4, { role: 'changed' });
    await together(a, y);
    await until('its tags', WAIT_MS, async () => {
      return (await a.members()).get('ours-y')?.tags['role'] === 'changed';
    });
    expect(y.log.lines.map(({ text }) => text)).toContain('Re-joined to previously known node');
  });

  test('one that comes back before anybody misses it refutes what is known of it', async () => {
    z.kill();
    z = await startOurs('ours-z', 5, { role: 'again' });
    await joinTo(z, 1);
    await until('its tags', WAIT_MS, async () => {
      const known = (await a.members()).get('ours-z');
      return known?.tags['role'] === 'again' && known.status === 'alive';
    });
    const failures = a.changes.filter(({ kind, name }) => kind === 'failed' && name === 'ours-z');
    expect(failures).toEqual([]);
  });

  test('who has another key is not let in, and is told so', async () => {
    const reason = 'No installed keys could decrypt the message';
    const stranger = await startOurs('stranger', 6, {
      key: Buffer.alloc(16, 3).toString('base64'),
    });
    await expect(joinTo(stranger, 1)).rejects.toThrow(reason);
    const foreign = await startSerf('foreign', 7, [], Buffer.alloc(16, 4).toString('base64'));
    expect((await foreign.outcome('join', addressOf(3))).code).not.toBe(0);
    expect(x.log.lines.map(({ text }) => text)).toContain(reason);
    for (const name of ['stranger', 'foreign']) {
      expect(await statusAt(a, name)).toBe('none');
      expect(x.status(name)).toBe('none');
    }
  });

  test('a graceful leave of ours is left, never failed', async () => {
    await x.post.ask('gossip.lan', { type: 'members.leave' }, ASK);
    x.kill();
    await until('serf sees it', WAIT_MS, async () => (await statusAt(a, 'ours-x')) === 'left');
    expect(a.lines.join('\n')).not.toContain('Suspect ours-x');
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
if (!hasIpv6) skipLoudly('gossip with serf over IPv6', 'this machine has no ::1');

test.skipIf(serfPath === null || !hasIpv6)('serf and ours meet over IPv6', async () => {
  const options = { path: serfPath ?? '', folder, key: KEY };
  const agent = await startSerfAgent({ ...options, name: 'serf-six', address: '[::1]' });
  agents.push(agent);
  const ours = await startGossipMember({
    world: createNodeWorld(),
    address: '::1',
    encrypt: KEY,
    config: { name: 'ours-six', versions: SERF_VERSIONS, timing: LAN_TIMING, serf: SERF_TIMING },
  });
  members.push(ours);
  await agent.join([`[::1]:${ours.transport.endpoint.port}`]);
  await together(agent, ours);
  expect(ours.view()?.members.get('serf-six')?.address).toBe('::1');
  expect(await agent.cli('query', '-timeout=2s', 'uptime')).toContain("Ack from 'ours-six'");
});

describe.skipIf(serfPath === null)('profiles of serf', () => {
  const PROFILES = [
    { profile: 'local', number: 11, timing: LOCAL_TIMING },
    { profile: 'wan', number: 13, timing: WAN_TIMING },
  ] as const;

  test.each(PROFILES)('$profile: each sees the other, asks and is asked', async (plan) => {
    const { profile, number, timing } = plan;
    const agent = await startSerf(`${profile}-serf`, number, [`-profile=${profile}`]);
    const ours = await startOurs(`${profile}-ours`, number + 1, { timing });
    await agent.join([addressOf(number + 1)]);
    await together(agent, ours);
    const asked = await agent.cli('query', '-timeout=2s', 'uptime');
    expect(asked).toContain(`Ack from '${profile}-ours'`);
  });
});

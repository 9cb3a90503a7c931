// Our gossip members in the pools of a real Consul server: as clients and servers, let in and
// refused, with its events and its key ring.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Admission } from '../../machines/gossip/admission.ts';
import { CONSUL_LAN_DEFAULTS, CONSUL_WAN_DEFAULTS } from '../../machines/gossip/config.ts';
import { clientTags, serverTags, type Tags } from '../../src/model/consul-tags.ts';
import {
  CONSUL_EVENT_PREFIX,
  encodeConsulEvent,
  NEW_LEADER_EVENT,
  readConsulEvent,
} from '../../src/wire/gossip/consul-event.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { type GossipMember, startGossipMember } from '../support/gossip-member.ts';
import { consulPeer, pathOr } from './peers/find.ts';
import { NETWORK, until } from './program.ts';

const consulPath = pathOr('gossip with a real Consul', consulPeer());
const run = promisify(execFile);

const KEY = Buffer.alloc(32, 5).toString('base64');
const NEXT_KEY = Buffer.alloc(32, 6).toString('base64');
const WAIT_MS = 30_000;
const ASK = { timeoutMs: WAIT_MS };
const BUILD = '1.9.1:ca5c3894';
const HTTP_PORT = 8_500;
const PORTS = { lan: 8_301, wan: 8_302 } as const;
const CONSUL_ID = '11111111-1111-1111-1111-111111111111';
const OUR_ID = '22222222-2222-2222-2222-222222222222';

const addressOf = (number: number): string => `${NETWORK}.50.${number}`;
const folder = mkdtempSync(join(tmpdir(), 'mobius-consul-gossip-'));
const members: GossipMember[] = [];
const processes: ChildProcess[] = [];

interface Consul {
  readonly address: string;
  /** Lines of its log. */
  readonly lines: readonly string[];
  /** Standard output of a command. Rejects with what it says when it fails. */
  cli(command: string, ...words: readonly string[]): Promise<string>;
  /** JSON of its HTTP API. */
  api<T>(path: string): Promise<T>;
}

/** Starts a server that is alone in its datacenter, and waits until it leads. */
async function startConsul(name: string, number: number): Promise<Consul> {
  const address = addressOf(number);
  const config = {
    server: true,
    bootstrap_expect: 1,
    node_name: name,
    node_id: CONSUL_ID,
    data_dir: join(folder, name),
    bind_addr: address,
    client_addr: address,
    encrypt: KEY,
    log_level: 'DEBUG',
    ports: { dns: -1, grpc: -1, https: -1 },
  };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(consulPath ?? '', ['agent', `-config-file=${file}`]);
  processes.push(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => lines.push(...chunk.toString('utf8').split('\n')));
  }
  const at = `${address}:${HTTP_PORT}`;
  const consul: Consul = {
    address,
    lines,
    cli: async (command, ...words) => {
      return (await run(consulPath ?? '', [command, `-http-addr=${at}`, ...words])).stdout;
    },
    api: async <T>(path: string) => {
      const answer = await fetch(`http://${at}${path}`);
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as T;
    },
  };
  await until(`${name} leads`, WAIT_MS, async () => {
    return consul.api('/v1/status/leader').then(
      (leader) => leader !== '',
      () => false,
    );
  });
  return consul;
}

interface Plan {
  readonly name: string;
  readonly number: number;
  readonly tags: Tags;
  readonly pool?: 'lan' | 'wan';
  readonly admission?: Admission;
}

async function start(plan: Plan): Promise<GossipMember> {
  const { name, number, tags, pool = 'lan', admission = { kind: 'anyone' } } = plan;
  const defaults = pool === 'lan' ? CONSUL_LAN_DEFAULTS : CONSUL_WAN_DEFAULTS;
  const member = await startGossipMember({
    world: createNodeWorld(),
    address: addressOf(number),
    port: PORTS[pool],
    encrypt: KEY,
    config: { ...defaults, pool: 'lan', name, tags, admission },
  });
  members.push(member);
  return member;
}

function joinConsul(
  member: GossipMember,
  consul: Consul,
  pool: 'lan' | 'wan' = 'lan',
  oldEvents: 'ignore' | 'replay' = 'ignore',
): Promise<{ readonly joined: number }> {
  const addresses = [`${consul.address}:${PORTS[pool]}`];
  return member.post.ask('gossip.lan', { type: 'members.join', addresses, oldEvents }, ASK);
}

const agent = { datacenter: 'dc1', nodeId: OUR_ID, build: BUILD, acls: 'disabled' } as const;
const facts = { ...agent, segment: '', advertiseReconnectTimeout: null };
const server = {
  ...agent,
  port: 8_300,
  wanJoinPort: PORTS.wan,
  bootstrap: false,
  bootstrapExpect: 0,
  readReplica: false,
  useTls: false,
  grpcPort: null,
  grpcTlsPort: null,
} as const;

/** The rule that a Consul client of ours applies. */
const rule = (change: Partial<Extract<Admission, { kind: 'consul-lan' }>>): Admission => ({
  kind: 'consul-lan',
  datacenter: 'dc1',
  nodeId: OUR_ID,
  nodeName: 'ours1',
  segment: '',
  ...change,
});

async function isListed(
  consul: Consul,
  flags: readonly string[],
  pattern: RegExp,
): Promise<boolean> {
  return pattern.test(await consul.cli('members', ...flags));
}

afterAll(() => {
  for (const member of members) member.kill();
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(consulPath === null)('a real Consul server and members of ours', () => {
  let ours: GossipMember;
  let consul: Consul;

  beforeAll(async () => {
    consul = await startConsul('consul1', 1);
    ours = await start({ name: 'ours1', number: 2, tags: clientTags(facts), admission: rule({}) });
  });

  test('a client of ours is a client of Consul, passing in the catalog', async () => {
    expect((await joinConsul(ours, consul, 'lan', 'replay')).joined).toBe(1);
    await until('our row', WAIT_MS, () =>
      isListed(consul, [], /ours1 .* alive +client +1\.9\.1 +2 +dc1/),
    );
    await until('serfHealth', WAIT_MS, async () => {
      const checks = await consul.api<readonly { Node: string; CheckID: string }[]>(
        '/v1/health/state/passing',
      );
      return checks.some(({ Node, CheckID }) => Node === 'ours1' && CheckID === 'serfHealth');
    });
    const leaders = ours.events.filter(({ name }) => name === NEW_LEADER_EVENT);
    expect(leaders.map(({ payload }) => Buffer.from(payload).toString())).toEqual(['consul1']);
  });

  test('events of its API are heard by ours, and ours are in its list', async () => {
    await consul.cli('event', '-name=deploy', 'v1');
    const name = `${CONSUL_EVENT_PREFIX}deploy`;
    await until('its event', WAIT_MS, () => ours.events.some((event) => event.name === name));
    const heard = ours.events.find((event) => event.name === name);
    const read = readConsulEvent(heard?.payload ?? Buffer.alloc(0));
    expect(read).toMatchObject({ ok: true, value: { name: 'deploy', payload: Buffer.from('v1') } });

    const payload = encodeConsulEvent({
      id: '33333333-3333-3333-3333-333333333333',
      name: 'rollback',
      payload: Buffer.from('v0'),
      nodeFilter: '',
      serviceFilter: '',
      tagFilter: '',
    });
    const fired = { name: `${CONSUL_EVENT_PREFIX}rollback`, payload, coalesce: false };
    await ours.post.ask('gossip.lan', { type: 'user-event.fire', ...fired }, ASK);
    await until('our event', WAIT_MS, async () => {
      const events =
        await consul.api<readonly { Name: string; Payload: string }[]>('/v1/event/list');
      return events.some(({ Name, Payload }) => {
        return Name === 'rollback' && Buffer.from(Payload, 'base64').toString() === 'v0';
      });
    });
  });

  const REFUSALS = [
    {
      what: 'another datacenter',
      tags: clientTags({ ...facts, datacenter: 'dc9', nodeId: 'id-3' }),
      text: "Member 'refused' part of wrong datacenter 'dc9'",
    },
    {
      what: 'another segment',
      tags: clientTags({ ...facts, nodeId: 'id-3', segment: 'alpha' }),
      text: "Member 'refused' part of wrong segment 'alpha' (expected '')",
    },
    {
      what: "Consul's own id",
      tags: clientTags({ ...facts, nodeId: CONSUL_ID }),
      text: `Member 'refused' has conflicting node ID '${CONSUL_ID}' with this agent's ID`,
    },
  ] as const;

  test.each(REFUSALS)(
    '$what is refused by Consul and by ours in the same words',
    async (refusal) => {
      const { tags, text } = refusal;
      const member = await start({ name: 'refused', number: 3, tags });
      await joinConsul(member, consul);
      await until('its refusal', WAIT_MS, () =>
        consul.lines.some((line) => line.includes(`Failed push/pull merge: ${text}`)),
      );
      const judge = await start({
        name: 'judge',
        number: 4,
        tags: clientTags({ ...facts, nodeId: CONSUL_ID }),
        admission: rule({ nodeId: CONSUL_ID, nodeName: 'judge' }),
      });
      const addresses = [addressOf(3)];
      const join = { type: 'members.join', addresses, oldEvents: 'ignore' } as const;
      await expect(judge.post.ask('gossip.lan', join, ASK)).rejects.toThrow(text);
      await expect(consul.cli('join', addressOf(3))).rejects.toThrow(text);
      member.kill();
      judge.kill();
    },
  );

  test('a server of ours in another datacenter is a server of its WAN pool', async () => {
    const tags = serverTags({ ...server, datacenter: 'dc2', nodeId: 'id-5' }, 'wan');
    const admission = { kind: 'consul-wan' } as const;
    const wan = await start({ name: 'ours5.dc2', number: 5, tags, pool: 'wan', admission });
    expect((await joinConsul(wan, consul, 'wan')).joined).toBe(1);
    await until('our WAN row', WAIT_MS, () =>
      isListed(consul, ['-wan'], /ours5\.dc2 .* alive +server +1\.9\.1 +2 +dc2/),
    );
    expect(await consul.api('/v1/catalog/datacenters')).toEqual(['dc1', 'dc2']);
    expect(wan.view()?.members.get('consul1.dc1')?.status).toBe('alive');

    const client = await start({
      name: 'ours6.dc2',
      number: 6,
      tags: clientTags(facts),
      pool: 'wan',
    });
    await joinConsul(client, consul, 'wan');
    const text = "Member 'ours6.dc2' is not a server";
    await until('its refusal', WAIT_MS, () => consul.lines.some((line) => line.includes(text)));
    const there = { type: 'members.join', addresses: [addressOf(6)], oldEvents: 'ignore' } as const;
    await expect(wan.post.ask('gossip.lan', there, ASK)).rejects.toThrow(text);
  });

  test('a server of ours in its LAN is joined to the WAN by its flood', async () => {
    const nodeId = '77777777-7777-7777-7777-777777777777';
    const lan = { ...server, nodeId };
    const wan = await start({
      name: 'ours7.dc1',
      number: 7,
      tags: serverTags(lan, 'wan'),
      pool: 'wan',
      admission: { kind: 'consul-wan' },
    });
    const member = await start({ name: 'ours7', number: 7, tags: serverTags(lan, 'lan') });
    await joinConsul(member, consul);
    await until('the flood', WAIT_MS, () => wan.status('consul1.dc1') === 'alive');
    await until('our WAN row', WAIT_MS, () =>
      isListed(consul, ['-wan'], /ours7\.dc1 .* alive +server/),
    );
  });
});

describe.skipIf(consulPath === null)('the key ring of a real Consul server', () => {
  test('its commands count members of ours in both pools, and rotate their keys', async () => {
    const consul = await startConsul('consul2', 11);
    const lan = await start({ name: 'ours12', number: 12, tags: clientTags(facts) });
    const tags = serverTags({ ...server, nodeId: 'id-13' }, 'wan');
    const wan = await start({ name: 'ours13.dc1', number: 13, tags, pool: 'wan' });
    await joinConsul(lan, consul);
    await joinConsul(wan, consul, 'wan');
    await until('ours in both', WAIT_MS, async () => {
      const inLan = await isListed(consul, [], /ours12 .* alive/);
      return inLan && (await isListed(consul, ['-wan'], /ours13\.dc1 .* alive/));
    });
    const counted = async (): Promise<string> => {
      return (await consul.cli('keyring', '-list')).replace(/\s+/g, ' ');
    };
    expect(await counted()).toContain(`WAN: ${KEY} [2/2]`);
    expect(await counted()).toContain(`dc1 (LAN): ${KEY} [2/2]`);
    await consul.cli('keyring', `-install=${NEXT_KEY}`);
    await consul.cli('keyring', `-use=${NEXT_KEY}`);
    await consul.cli('keyring', `-remove=${KEY}`);
    expect(await counted()).toContain(`WAN: ${NEXT_KEY} [2/2]`);
    expect(await counted()).toContain(`dc1 (LAN): ${NEXT_KEY} [2/2]`);
    for (const member of [lan, wan]) {
      const order = { operation: 'list', key: Buffer.alloc(0), relayFactor: 0 } as const;
      const listed = await member.post.ask('gossip.lan', { type: 'keys.change', ...order }, ASK);
      expect(listed).toMatchObject({ error: '', nodes: 2, primaryKeys: { [NEXT_KEY]: 2 } });
      expect(member.changes.filter(({ kind }) => kind === 'failed')).toEqual([]);
    }
  });
});

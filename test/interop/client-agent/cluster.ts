// Members, coordinates, events and the commands that describe or steer the cluster, at both kinds.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Agent, MixedDatacenter } from '../mixed-datacenter.ts';
import { until } from '../program.ts';
import { untilEqual } from './catalog.ts';

const COORDINATES_LIMIT_MS = 60_000;
const WATCH_LIMIT_MS = 15_000;

const rows = (text: string): readonly string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .toSorted();

/** Runs `consul watch` with a handler that appends what it gets to a file; the answer ends it. */
function watch(agent: Agent, consul: string, file: string, ...args: readonly string[]): () => void {
  const env = { ...process.env, CONSUL_HTTP_ADDR: agent.http };
  const handler = `cat >> ${file}; echo >> ${file}`;
  const child = execFile(consul, ['watch', ...args, handler], { env }, () => {});
  return () => child.kill('SIGKILL');
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

export function clusterTests(datacenter: () => MixedDatacenter): void {
  const both = (): readonly [Agent, Agent] => {
    const { clients, servers } = datacenter();
    const [client, server] = [clients[0], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    return [client, server];
  };

  test('all list the same members', async () => {
    const { agents } = datacenter();
    const lists = await Promise.all(agents.map((agent) => agent.succeed('members')));
    for (const list of lists) expect(rows(list)).toEqual(rows(lists[0] ?? ''));
    expect(rows(lists[0] ?? '')).toHaveLength(agents.length + 1);
    for (const { name, role, address } of agents) {
      const type = role === 'server' ? 'server' : 'client';
      expect(lists[0]).toMatch(new RegExp(`${name} +${address}:8301 +alive +${type} `));
    }
    const detailed = await Promise.all(agents.map((each) => each.succeed('members', '-detailed')));
    for (const list of detailed) expect(rows(list)).toEqual(rows(detailed[0] ?? ''));
    expect(detailed[0]).toContain('role=consul');
    expect(detailed[0]).toContain('role=node');
  });

  test('the catalog, the raft peers and the agent describe themselves', async () => {
    const { agents, servers } = datacenter();
    for (const agent of both()) {
      const nodes = await agent.succeed('catalog', 'nodes');
      expect(rows(nodes)).toHaveLength(agents.length + 1);
      const near = await agent.succeed('catalog', 'nodes', '-near=_agent', '-detailed');
      expect(rows(near)).toHaveLength(agents.length + 1);
      expect(await agent.succeed('catalog', 'datacenters')).toBe('dc1\n');
      const services = await agent.succeed('catalog', 'services', '-node=server1');
      expect(services).toContain('consul');
      const peers = await agent.succeed('operator', 'raft', 'list-peers');
      expect(rows(peers)).toHaveLength(servers.length + 1);
      expect(rows(peers).filter((row) => row.includes(' leader true '))).toHaveLength(1);
      const info = await agent.succeed('info');
      expect(info).toContain(`server = ${agent.role === 'server'}`);
      expect(info).toContain(`members = ${agents.length}`);
      expect(info).toContain(`encrypted = ${datacenter().encrypt !== null}`);
    }
  });

  test('coordinates of all arrive', { timeout: COORDINATES_LIMIT_MS }, async () => {
    const { agents } = datacenter();
    const names = agents.map(({ name }) => name).toSorted();
    for (const agent of both()) {
      await untilEqual(
        'coordinates of all',
        async () => {
          const found =
            await agent.json<readonly { readonly Node: string }[]>('/v1/coordinate/nodes');
          return found.map(({ Node }) => Node).toSorted();
        },
        names,
        COORDINATES_LIMIT_MS,
      );
      const rtt = await agent.succeed('rtt', 'client1', 'client2');
      const estimate = /client1 <-> client2 rtt: ([\d.]+) ms \(using LAN coordinates\)/.exec(rtt);
      expect(Number(estimate?.[1]), rtt).toBeLessThan(50);
      expect(await agent.succeed('rtt', 'server1')).toContain(`server1 <-> ${agent.name} rtt`);
    }
  });

  test('events and watches pass between both', async () => {
    const { folder, consul } = datacenter();
    const [client, server] = both();
    const files = [client, server].map(({ name }) => join(folder, `watched-by-${name}`));
    const stops = [client, server].flatMap((agent, at) => [
      watch(agent, consul, files[at] ?? '', '-type=key', '-key=watched/key'),
      watch(agent, consul, files[at] ?? '', '-type=event', '-name=deploy'),
      watch(agent, consul, files[at] ?? '', '-type=service', '-service=watched'),
    ]);
    try {
      const seen = (text: string) =>
        until(`"${text}" in every watch`, WATCH_LIMIT_MS, () =>
          files.every((file) => readLines(file).some((line) => line.includes(text))),
        );
      await client.succeed('kv', 'put', 'watched/key', 'first');
      await seen(Buffer.from('first').toString('base64'));
      await server.succeed('kv', 'put', 'watched/key', 'second');
      await seen(Buffer.from('second').toString('base64'));
      await client.succeed('event', '-name=deploy', 'from a client');
      await seen(Buffer.from('from a client').toString('base64'));
      await server.succeed('event', '-name=deploy', 'from a server');
      await seen(Buffer.from('from a server').toString('base64'));
      await client.succeed('services', 'register', '-name=watched', '-port=4711');
      await seen('4711');
      await client.succeed('event', '-name=unheard', '-service=watched', 'to one');
      await client.succeed('event', '-name=unheard', '-node=^server', 'to servers');
      const heard = async (agent: Agent): Promise<number> =>
        (await agent.json<unknown[]>('/v1/event/list?name=unheard')).length;
      await untilEqual('the filtered events', () => Promise.all(both().map(heard)), [1, 1]);
      await client.succeed('services', 'deregister', '-id=watched');
    } finally {
      for (const stop of stops) stop();
    }
  });

  test('the log of an agent can be followed', async () => {
    const { consul } = datacenter();
    for (const agent of both()) {
      const env = { ...process.env, CONSUL_HTTP_ADDR: agent.http };
      let text = '';
      const child = execFile(consul, ['monitor', '-log-level=debug'], { env }, () => {});
      child.stdout?.on('data', (chunk) => {
        text += String(chunk);
      });
      try {
        await until(`${agent.name} telling of a failure`, WATCH_LIMIT_MS, async () => {
          await agent.put('/v1/agent/force-leave/seen-in-the-log');
          return text.includes('seen-in-the-log');
        });
      } finally {
        child.kill('SIGKILL');
      }
    }
  });
}

/**
 * Our RPC against a real Consul, both ways: our pool, dialer and snapshot exchange call a real
 * server, over plaintext, byte 3 and native TLS; a real client agent joins our gossip and calls our
 * server port.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { DirEntry, KeyRequest, KVSRequest } from '../../src/model/kv.ts';
import { SNAPSHOT_SAVE, SnapshotRequest } from '../../src/model/operator.ts';
import { callOnce, exchangeSnapshot } from '../../src/rpc/client/one-shot.ts';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer, type Dialer } from '../../src/rpc/dialer.ts';
import { serve } from '../../src/rpc/method.ts';
import { CATALOG_REGISTER } from '../../src/rpc/methods/catalog.ts';
import { KVS_APPLY, KVS_GET } from '../../src/rpc/methods/kvs.ts';
import { STATUS_LEADER, STATUS_PEERS, STATUS_PING } from '../../src/rpc/methods/status.ts';
import type { RpcServerEntry } from '../../src/rpc/router-view.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { TlsConfigurator, type TlsSettings } from '../../src/tls/configurator.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { startGossipMember } from '../support/gossip-member.ts';
import { CA, identity, SETTINGS } from '../support/port-fixture.ts';
import { collect } from '../support/stream-pair.ts';

const CONSUL = process.env['CONSUL_BIN'] ?? 'consul';
const installed = spawnSync(CONSUL, ['version']).status === 0;
if (!installed) process.stderr.write('SKIPPED: no consul on the PATH or in CONSUL_BIN\n');

const WAIT_MS = 40_000;
const folder = mkdtempSync(join(tmpdir(), 'mobius-consul-rpc-'));
const processes: ChildProcess[] = [];
const world = createNodeWorld();

const vectors = (name: string): string =>
  new URL(`../vectors/tls/${name}`, import.meta.url).pathname;

function startConsul(name: string, config: object): { readonly output: string[] } {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ node_name: name, data_dir: join(folder, name), ...config }));
  const child = spawn(CONSUL, ['agent', `-config-file=${file}`]);
  processes.push(child);
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  return { output };
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!(await done().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const noPorts = { dns: -1, grpc: -1, https: -1, serf_wan: -1 };
const inDc1 = DCSpecificRequest.of({ Datacenter: 'dc1' });

afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!installed)('our calls to a real server', () => {
  const server: RpcServerEntry = {
    node: 'node1',
    datacenter: 'dc1',
    address: { address: '127.0.0.1', port: 18_300 },
  };

  /** As a server of another datacenter, or as one of the own. */
  function dialerOf(datacenter: string, settings: Partial<TlsSettings>): Dialer {
    return createDialer({
      network: world.network,
      datacenter,
      role: 'server',
      tls: new TlsConfigurator(
        { ...SETTINGS, datacenter, ...settings },
        { caPem: [CA], identity: identity('server') },
      ),
      gateways: { pickGateway: () => '127.0.0.1:18300', reportFailure: () => {} },
    });
  }
  const ways = [
    ['plaintext', dialerOf('dc1', {})],
    ['byte 3', dialerOf('dc1', { verifyOutgoing: true, verifyServerHostname: true })],
    ['native TLS and ALPN', dialerOf('dc2', {})],
  ] as const;
  const plain = ways[0][1];

  beforeAll(async () => {
    startConsul('node1', {
      server: true,
      bootstrap_expect: 1,
      bind_addr: '127.0.0.1',
      ports: { ...noPorts, server: 18_300, serf_lan: 18_301, http: 18_500 },
      ca_file: vectors('ca.pem'),
      cert_file: vectors('server.pem'),
      key_file: vectors('server-key.pem'),
    });
    const pool = new RpcPool({ dialer: plain, clock: world.clock });
    await until(
      'the server leads',
      async () => (await pool.call(server, STATUS_LEADER, inDc1)) !== '',
    );
    pool.close();
  });

  test.each(ways)('over %s: hundreds at once, large values, errors', async (_name, dialer) => {
    const pool = new RpcPool({ dialer, clock: world.clock });
    const peers = await Promise.all(
      Array.from({ length: 300 }, () => pool.call(server, STATUS_PEERS, inDc1)),
    );
    expect(new Set(peers.flat())).toEqual(new Set(['127.0.0.1:18300']));
    const value = Buffer.alloc(500_000, 'v');
    const puts = Array.from({ length: 4 }, (_, n) =>
      pool.call(
        server,
        KVS_APPLY,
        KVSRequest.of({
          Datacenter: 'dc1',
          Op: 'set',
          DirEnt: DirEntry.of({ Key: `large/${n}`, Value: value }),
        }),
      ),
    );
    expect((await Promise.all(puts)).length).toBe(4);
    const gets = Array.from({ length: 8 }, (_, n) =>
      pool.call(server, KVS_GET, KeyRequest.of({ Datacenter: 'dc1', Key: `large/${n % 4}` })),
    );
    for (const { Entries } of await Promise.all(gets)) {
      expect(Buffer.from(Entries?.[0]?.Value ?? []).equals(value)).toBe(true);
    }
    const nowhere = pool.call(server, STATUS_LEADER, { ...inDc1, Datacenter: 'dc9' });
    await expect(nowhere).rejects.toThrow('rpc error making call: No path to datacenter');
    const unknown = pool.call(server, { ...STATUS_PING, name: 'Status.Nope' }, {});
    await expect(unknown).rejects.toThrow(
      "rpc error making call: rpc: can't find method Status.Nope",
    );
    await expect(pool.call(server, STATUS_PING, {})).resolves.toEqual({});
    expect(pool.sessionCount).toBe(1);
    pool.close();
  });

  test('a blocking query is woken by a write', async () => {
    const pool = new RpcPool({ dialer: plain, clock: world.clock });
    const put = (text: string): Promise<boolean> =>
      pool.call(
        server,
        KVS_APPLY,
        KVSRequest.of({
          Datacenter: 'dc1',
          Op: 'set',
          DirEnt: DirEntry.of({ Key: 'watched', Value: Buffer.from(text) }),
        }),
      );
    await put('one');
    const request = KeyRequest.of({ Datacenter: 'dc1', Key: 'watched' });
    const { Index } = await pool.call(server, KVS_GET, request);
    const waiting = pool.call(server, KVS_GET, {
      ...request,
      MinQueryIndex: Index,
      MaxQueryTime: 20e9,
    });
    await put('two');
    const woken = await waiting;
    expect(woken.Index).toBeGreaterThan(Index);
    expect(Buffer.from(woken.Entries?.[0]?.Value ?? []).toString()).toBe('two');
    pool.close();
  });

  test.each(ways)('over %s: a single call, and a snapshot', async (_name, dialer) => {
    const deps = { dialer, clock: world.clock };
    expect(await callOnce(deps, server, STATUS_LEADER, inDc1)).toBe('127.0.0.1:18300');
    const request = SnapshotRequest.of({ Datacenter: 'dc1', Op: SNAPSHOT_SAVE });
    const { response, archive } = await exchangeSnapshot(dialer, server, request);
    expect(response.Error).toBe('');
    const got = collect(archive);
    await until('the archive ends', async () => got.ended());
    expect(got.bytes().subarray(0, 2).toString('hex')).toBe('1f8b');
    archive.destroy();
  });

  test('a wrong node name is refused by us', async () => {
    const pool = new RpcPool({ dialer: ways[2][1], clock: world.clock });
    await expect(pool.call({ ...server, node: 'node2' }, STATUS_PING, {})).rejects.toThrow(
      /^rpc error getting client: failed to get conn: x509: certificate is valid for /,
    );
    pool.close();
  });
});

describe.skipIf(!installed)('a real client agent with our server', () => {
  test('finds it by gossip and calls it over its own pool', async () => {
    const registered: string[] = [];
    const rpc = new RpcServer({
      clock: world.clock,
      methods: [
        serve(STATUS_LEADER, () => Promise.resolve('192.0.2.77:8300')),
        serve(STATUS_PEERS, () => Promise.reject(new Error('peers are a secret'))),
        serve(STATUS_PING, () => Promise.resolve({})),
        serve(CATALOG_REGISTER, (request) => {
          registered.push(request.Node);
          return Promise.resolve({});
        }),
      ],
    });
    const listener = await world.network.listenTcp({ address: '127.0.0.1', port: 0 }, (stream) => {
      stream.listen({
        data: (chunk) => {
          stream.pause();
          expect(chunk[0]).toBe(4);
          if (chunk.length > 1) stream.unshift(chunk.subarray(1));
          rpc.serveMulti(stream);
        },
      });
    });
    const member = await startGossipMember({
      world,
      address: '127.0.0.1',
      config: {
        name: 'ours',
        tags: {
          role: 'consul',
          dc: 'dc1',
          port: String(listener.endpoint.port),
          id: '11111111-2222-3333-4444-555555555555',
          vsn: '2',
          vsn_min: '2',
          vsn_max: '3',
          raft_vsn: '3',
          build: '1.9.1:ca5c3894',
          segment: '',
        },
      },
    });
    const agent = startConsul('client1', {
      bind_addr: '127.0.0.1',
      ports: { ...noPorts, server: 18_310, serf_lan: 18_311, http: 18_510 },
      retry_join: [`127.0.0.1:${member.transport.endpoint.port}`],
      retry_interval: '1s',
    });
    const get = async (path: string): Promise<{ status: number; text: string }> => {
      const response = await fetch(`http://127.0.0.1:18510${path}`);
      return { status: response.status, text: (await response.text()).trim() };
    };
    try {
      await until(
        'the leader is known',
        async () => (await get('/v1/status/leader')).status === 200,
      );
      expect((await get('/v1/status/leader')).text).toBe('"192.0.2.77:8300"');
      expect(await get('/v1/status/peers')).toEqual({
        status: 500,
        text: 'rpc error making call: peers are a secret',
      });
      expect(await get('/v1/catalog/nodes')).toEqual({
        status: 500,
        text: "rpc error making call: rpc: can't find method Catalog.ListNodes",
      });
      const many = await Promise.all(Array.from({ length: 100 }, () => get('/v1/status/leader')));
      expect(new Set(many.map((answer) => answer.text))).toEqual(new Set(['"192.0.2.77:8300"']));
      const put = await fetch('http://127.0.0.1:18510/v1/catalog/register', {
        method: 'PUT',
        body: JSON.stringify({ Node: 'n1', Address: '10.0.0.1' }),
      });
      expect(put.status).toBe(200);
      expect(registered).toContain('n1');
      expect(rpc.counts().sessions).toBe(1);
    } catch (error) {
      throw new Error(`${String(error)}\n${agent.output.join('').slice(-2000)}`, { cause: error });
    } finally {
      member.kill();
      rpc.close();
      await listener.close();
    }
  });
});

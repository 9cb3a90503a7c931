import { describe, expect, it } from 'vitest';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import type { Dialer } from '../../src/rpc/dialer.ts';
import { type CallReport, RpcForwarder } from '../../src/rpc/forwarder.ts';
import { type RpcMethod, type ServedMethod, serve } from '../../src/rpc/method.ts';
import type { DatacenterView, RouterView, RpcServerEntry } from '../../src/rpc/router-view.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ECHO, type EchoReply, echo, WRITE, type WriteArgs } from '../support/rpc-fixture.ts';
import { settle, streamPair } from '../support/stream-pair.ts';

/** A write that always goes to the primary datacenter, and one that any server answers. */
const TO_PRIMARY: RpcMethod<WriteArgs, EchoReply> = {
  ...WRITE,
  name: 'Test.Primary',
  routing: { to: 'primary' },
};
const HERE: RpcMethod<WriteArgs, EchoReply> = {
  ...WRITE,
  name: 'Test.Here',
  routing: { to: 'here' },
};

interface Node {
  readonly entry: RpcServerEntry;
  readonly forwarder: RpcForwarder;
  readonly reports: CallReport[];
  view: RouterView;
  /** Set to make the node refuse connections. */
  down: boolean;
  /** Text that its handlers reject with; '' for none. */
  failure: string;
  /** Its process is stopped: calls arrive, and nothing is answered. */
  stopped: boolean;
}

class Cluster {
  readonly clock = new ManualClock();
  readonly nodes = new Map<string, Node>();
  readonly calls: string[] = [];

  add(name: string, datacenter = 'dc1', role: 'server' | 'client' = 'server'): Node {
    const entry: RpcServerEntry = {
      node: name,
      datacenter,
      address: { address: '10.0.0.1', port: 8300 },
    };
    const handle = (request: WriteArgs): Promise<EchoReply> => {
      this.calls.push(name);
      if (node.stopped) return new Promise(() => {});
      if (node.failure !== '') return Promise.reject(new Error(node.failure));
      return Promise.resolve({ Text: request.Text, Server: name });
    };
    const methods: readonly ServedMethod[] = [
      serve(ECHO, handle),
      ...[WRITE, TO_PRIMARY, HERE].map((method) => serve(method, handle)),
    ];
    const server = new RpcServer({
      clock: this.clock,
      methods,
      dispatch: (served, request, origin) => forwarder.dispatch(served, request, origin),
    });
    const dialer: Dialer = {
      dial: async (target) => {
        const to = this.nodes.get(target.node);
        if (to === undefined || to.down) throw new Error('dial tcp: connect: connection refused');
        const [near, far] = streamPair();
        to.entry === entry ? server.serveMulti(far) : servers.get(to)?.serveMulti(far);
        return near;
      },
    };
    const reports: CallReport[] = [];
    const forwarder = new RpcForwarder({
      role,
      node: name,
      primaryDatacenter: 'dc1',
      pool: new RpcPool({ dialer, clock: this.clock }),
      ...(role === 'server' && { registry: server.registry }),
      view: () => node.view,
      report: (report) => void reports.push(report),
      clock: this.clock,
      random: { bytes: (n) => new Uint8Array(n), uint32: () => 0, float: () => 0.5 },
    });
    const node: Node = {
      entry,
      forwarder,
      reports,
      down: false,
      failure: '',
      stopped: false,
      view: empty(datacenter),
    };
    this.nodes.set(name, node);
    servers.set(node, server);
    return node;
  }
}

const servers = new Map<Node, RpcServer>();

const empty = (datacenter: string): RouterView => ({
  datacenter,
  datacenters: [],
  leader: null,
  leading: false,
  heardFromLeader: false,
});

const dc = (
  name: string,
  list: readonly Node[],
  more: Partial<DatacenterView> = {},
): DatacenterView => ({
  name,
  servers: list.map((node) => ({ ...node.entry, datacenter: name })),
  unavailable: [],
  health: 'unknown',
  ...more,
});

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const write = (datacenter = 'dc1'): WriteArgs => ({ Datacenter: datacenter, Text: 'w' });

describe('a call', () => {
  it('is answered here by the leader, and by a follower only when stale is allowed', async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.add('a'), cluster.add('b')];
    b.view = { ...empty('dc1'), leading: true, heardFromLeader: true };
    a.view = { ...empty('dc1'), leader: b.entry, heardFromLeader: true };
    expect((await b.forwarder.call(ECHO, echo('x'))).Server).toBe('b');
    expect((await a.forwarder.call(ECHO, echo('x'))).Server).toBe('b');
    expect((await a.forwarder.call(ECHO, echo('x', { AllowStale: true }))).Server).toBe('a');
    expect((await a.forwarder.call(HERE, write())).Server).toBe('a');
    expect((await a.forwarder.call(WRITE, write(''))).Server).toBe('b');
    a.view = { ...a.view, leader: null, heardFromLeader: false };
    const stale = a.forwarder.call(ECHO, echo('x', { AllowStale: true })).catch(text);
    await cluster.clock.advance(8000);
    expect(await stale).toBe('No cluster leader');
  });

  it('gathers one prefix a hop', async () => {
    const cluster = new Cluster();
    const [a, b, x] = [cluster.add('a'), cluster.add('b'), cluster.add('x', 'dc2')];
    b.view = { ...empty('dc1'), leading: true };
    a.view = { ...empty('dc1'), leader: b.entry };
    x.view = { ...empty('dc2'), datacenters: [dc('dc1', [a])] };
    b.failure = 'Permission denied';
    expect(await b.forwarder.call(WRITE, write()).catch(text)).toBe('Permission denied');
    expect(await x.forwarder.call(WRITE, write('dc1')).catch(text)).toBe(
      'rpc error making call: rpc error making call: Permission denied',
    );
    expect(x.reports.filter((report) => report.type === 'call.failed')).toEqual([]);
  });

  it('waits for a leader as long as the hold time, then gives up', async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.add('a'), cluster.add('b')];
    b.view = { ...empty('dc1'), leading: true };
    const late = a.forwarder.call(WRITE, write());
    await cluster.clock.advance(3000);
    a.view = { ...empty('dc1'), leader: b.entry };
    await cluster.clock.advance(300);
    expect((await late).Server).toBe('b');
    a.view = empty('dc1');
    const never = a.forwarder.call(WRITE, write()).catch(text);
    const before = cluster.clock.now();
    await cluster.clock.advance(20_000);
    expect(await never).toBe('No cluster leader');
    expect(cluster.clock.now() - before).toBe(20_000);
  });

  it('is tried again after a broken stream when it reads, not when it writes', async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.add('a'), cluster.add('b')];
    b.view = { ...empty('dc1'), leading: true };
    a.view = { ...empty('dc1'), leader: b.entry };
    b.failure = 'EOF';
    const read = a.forwarder.call(ECHO, echo('x'));
    await cluster.clock.advance(1000);
    expect(cluster.calls.length).toBeGreaterThan(2);
    b.failure = '';
    await cluster.clock.advance(1000);
    expect((await read).Server).toBe('b');
    cluster.calls.length = 0;
    b.failure = 'EOF';
    expect(await a.forwarder.call(WRITE, write()).catch(text)).toBe('rpc error making call: EOF');
    expect(cluster.calls).toEqual(['b']);
  });

  it('to a leader that answers no more goes to the next one when it reads; a write is not repeated', async () => {
    const cluster = new Cluster();
    const [a, b, c] = [cluster.add('a'), cluster.add('b'), cluster.add('c')];
    b.view = { ...empty('dc1'), leading: true };
    b.stopped = true;
    c.view = { ...empty('dc1'), leading: true };
    a.view = { ...empty('dc1'), leader: b.entry };
    const read = a.forwarder.call(ECHO, echo('x'));
    const written = a.forwarder.call(WRITE, write()).catch(text);
    await cluster.clock.advance(5_000);
    expect(cluster.calls).toEqual(['b', 'b']);
    a.view = empty('dc1');
    a.forwarder.leaderChanged();
    a.view = { ...empty('dc1'), leader: c.entry };
    a.forwarder.leaderChanged();
    await cluster.clock.advance(500);
    expect((await read).Server).toBe('c');
    await cluster.clock.advance(1_000);
    expect(await written).toBe(
      'rpc error making call: leadership lost while committing log: ' +
        'c leads now, and b has not answered: the write may have been done',
    );
    expect(cluster.calls).toEqual(['b', 'b', 'c']);
    expect(a.reports.filter(({ type }) => type === 'call.failed')).toEqual([]);
  });

  it.each(['node is not the leader', 'leadership transfer in progress'])(
    'that a leader refuses with "%s" waits for the next one',
    async (refusal) => {
      const cluster = new Cluster();
      const [a, b] = [cluster.add('a'), cluster.add('b')];
      a.view = { ...empty('dc1'), leading: true };
      a.failure = refusal;
      b.view = { ...empty('dc1'), leading: true };
      const calls = [a.forwarder.call(WRITE, write()), a.forwarder.call(ECHO, echo('x'))];
      await settle();
      a.view = { ...empty('dc1'), leader: b.entry };
      a.forwarder.leaderChanged();
      await settle();
      const servers = (await Promise.all(calls)).map(({ Server }) => Server);
      expect(servers).toEqual(['b', 'b']);
    },
  );

  it('to another datacenter goes to its first server, once', async () => {
    const cluster = new Cluster();
    const [a, x, y] = [cluster.add('a'), cluster.add('x', 'dc2'), cluster.add('y', 'dc2')];
    x.view = { ...empty('dc2'), leading: true };
    a.view = { ...empty('dc1'), datacenters: [dc('dc2', [x, y])] };
    expect((await a.forwarder.call(WRITE, write('dc2'))).Server).toBe('x');
    expect(a.reports).toEqual([{ type: 'call.succeeded', datacenter: 'dc2' }]);
    y.down = true;
    a.view = { ...empty('dc1'), datacenters: [dc('dc2', [y, x], { health: 'reachable' })] };
    expect(await a.forwarder.call(WRITE, write('dc2')).catch(text)).toBe(
      'rpc error getting client: failed to get conn: dial tcp: connect: connection refused',
    );
    expect(a.reports[1]).toMatchObject({ type: 'call.failed', datacenter: 'dc2', node: 'y' });
    expect(cluster.calls).toEqual(['x']);
  });

  it('says at once when there is no way', async () => {
    const cluster = new Cluster();
    const [a, x] = [cluster.add('a'), cluster.add('x', 'dc2')];
    a.view = {
      ...empty('dc1'),
      datacenters: [dc('dc2', []), dc('dc3', [x], { health: 'offline' })],
    };
    const say = (name: string): Promise<unknown> =>
      a.forwarder.call(WRITE, write(name)).catch(text);
    expect(await say('dc2')).toBe('Remote DC has no server currently reachable');
    expect(await say('dc3')).toBe('Remote DC has no server currently reachable');
    expect(await say('dc4')).toBe('No path to datacenter');
    expect(await say('DC1')).toBe('No path to datacenter');
  });

  it('for the primary goes there whatever datacenter it names', async () => {
    const cluster = new Cluster();
    const [a, x] = [cluster.add('a'), cluster.add('x', 'dc2')];
    a.view = { ...empty('dc1'), leading: true };
    x.view = { ...empty('dc2'), leading: true, datacenters: [dc('dc1', [a])] };
    expect((await x.forwarder.call(TO_PRIMARY, write('dc2'))).Server).toBe('a');
    expect((await x.forwarder.call(TO_PRIMARY, write(''))).Server).toBe('a');
  });

  it('ends when servers take each other for the leader', async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.add('a'), cluster.add('b')];
    a.view = { ...empty('dc1'), leader: b.entry };
    b.view = { ...empty('dc1'), leader: a.entry };
    let ended = 0;
    const outcome = a.forwarder.call(WRITE, write()).catch((error) => {
      ended = cluster.clock.now();
      return text(error);
    });
    await cluster.clock.advance(60_000);
    expect(await outcome).toMatch(/No cluster leader$/);
    expect(ended).toBeLessThan(22_000);
  });

  it('ends when servers take each other for those of a third datacenter', async () => {
    const cluster = new Cluster();
    const [a, x] = [cluster.add('a'), cluster.add('x', 'dc2')];
    a.view = { ...empty('dc1'), datacenters: [dc('dc3', [x])] };
    x.view = { ...empty('dc2'), datacenters: [dc('dc3', [a])] };
    expect(await a.forwarder.call(WRITE, write('dc3')).catch(text)).toMatch(
      /No path to datacenter$/,
    );
    expect(cluster.calls).toEqual([]);
  });

  it('ends early when its caller is gone', async () => {
    const cluster = new Cluster();
    const a = cluster.add('a');
    const cancel = new AbortController();
    const outcome = a.forwarder.call(WRITE, write(), cancel.signal).catch(text);
    await settle();
    cancel.abort();
    expect(await outcome).toBe('No cluster leader');
    expect(cluster.clock.now()).toBe(0);
  });
});

describe('a client agent', () => {
  it('asks its first server, and others only as the router turns the list', async () => {
    const cluster = new Cluster();
    const [c, a, b] = [cluster.add('c', 'dc1', 'client'), cluster.add('a'), cluster.add('b')];
    a.view = { ...empty('dc1'), leading: true };
    b.view = { ...empty('dc1'), leader: a.entry };
    expect(await c.forwarder.call(WRITE, write()).catch(text)).toBe('No known Consul servers');
    c.view = { ...empty('dc1'), datacenters: [dc('dc1', [b, a])] };
    expect((await c.forwarder.call(WRITE, write())).Server).toBe('a');
    b.down = true;
    c.view = { ...empty('dc1'), datacenters: [dc('dc1', [b, a])] };
    servers.get(b)?.close();
    await settle();
    expect(await c.forwarder.call(WRITE, write()).catch(text)).toMatch(/connection refused$/);
    expect(c.reports.at(-1)).toMatchObject({ type: 'call.failed', node: 'b' });
  });
});

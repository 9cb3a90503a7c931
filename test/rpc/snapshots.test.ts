import { describe, expect, it } from 'vitest';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { silentLog } from '../../src/log.ts';
import { SNAPSHOT_RESTORE, SNAPSHOT_SAVE, SnapshotRequest } from '../../src/model/operator.ts';
import type { Dialer } from '../../src/rpc/dialer.ts';
import type { RouterView, RpcServerEntry } from '../../src/rpc/router-view.ts';
import { serveSnapshot } from '../../src/rpc/server/snapshot-conversation.ts';
import { createSnapshotSpool } from '../../src/rpc/snapshot-spool.ts';
import { createSnapshots, NO_ARCHIVE, type SnapshotCaller } from '../../src/rpc/snapshots.ts';
import { joined } from '../../src/rpc/stream-bytes.ts';
import { createMemoryDisk } from '../../src/world/memory-disk.ts';
import { unpacked } from '../support/archives.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { collect, settle, streamPair, type TestStream } from '../support/stream-pair.ts';

const STATE = Buffer.concat([...new Fsm({ log: silentLog }).freeze().chunks]);
const SERVER = { id: 'a', address: '10.0.0.1:8300', suffrage: 'voter' } as const;
const VIEW: RouterView = {
  datacenter: 'dc1',
  datacenters: [],
  leader: null,
  leading: true,
  heardFromLeader: true,
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* brokenOff(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  throw new Error('client disconnected');
}

/** Consensus that has one state and notes what it is given instead. */
function consensusOf(state: Uint8Array) {
  const restored: { readonly index: number; readonly bytes: Buffer }[] = [];
  const snapshot: StoredSnapshot = {
    id: '2-60-1',
    index: 60,
    term: 2,
    configuration: { servers: [SERVER] },
    configurationIndex: 1,
    size: state.length,
    chunks: () => once(state),
  };
  return {
    restored,
    snapshot: async () => snapshot,
    restore: async (order: {
      readonly index: number;
      readonly chunks: AsyncIterable<Uint8Array>;
    }) => {
      restored.push({ index: order.index, bytes: await joined(order.chunks, 1e6, 'too large') });
    },
    barrier: async () => {},
    view: () => ({ leader: SERVER, lastContactMs: 0 }) as never,
  };
}

function localOf(state: Uint8Array) {
  const spool = createSnapshotSpool({ disk: createMemoryDisk(), directory: '/snapshots' });
  return { consensus: consensusOf(state), spool };
}

function leaderSnapshots() {
  const consensus = consensusOf(STATE);
  const dialer: Dialer = { dial: () => Promise.reject(new Error('not dialed')) };
  const clock = new ManualClock();
  const disk = createMemoryDisk();
  const spool = createSnapshotSpool({ disk, directory: '/snapshots' });
  return {
    consensus,
    disk,
    snapshots: createSnapshots({ dialer, router: () => VIEW, clock, local: { consensus, spool } }),
  };
}

/** A server or client that reaches `target` over a connection, as `view` says where it is. */
function forwarding(target: SnapshotCaller, view: Partial<RouterView>, role: 'server' | 'client') {
  const dialed: string[] = [];
  const dialer: Dialer = {
    async dial({ node, datacenter, kind }) {
      dialed.push(`${kind} ${node}.${datacenter}`);
      const [near, far] = streamPair({ highWaterBytes: 500 });
      void serveSnapshot(far, target);
      return near;
    },
  };
  const snapshots = createSnapshots({
    dialer,
    router: () => ({ ...VIEW, leading: false, ...view }),
    clock: new ManualClock(),
    ...(role === 'server' && { local: localOf(STATE) }),
  });
  return { dialed, snapshots };
}

function entry(node: string, datacenter = 'dc1'): RpcServerEntry {
  return { node, datacenter, address: { address: '10.0.0.2', port: 8300 } };
}

const SAVE = SnapshotRequest.of({ Datacenter: 'dc1', Op: SNAPSHOT_SAVE });
const RESTORE = { ...SAVE, Op: SNAPSHOT_RESTORE };

async function saved(snapshots: SnapshotCaller, request = SAVE): Promise<Buffer> {
  const { response, archive } = await snapshots.exchange(request, NO_ARCHIVE);
  expect(response).toMatchObject({ Error: '', Index: 60, KnownLeader: true });
  return joined(archive, 1e6, 'too large');
}

describe('snapshots', () => {
  it('are saved as archives that hold state, index and configuration', async () => {
    const archive = await unpacked(await saved(leaderSnapshots().snapshots));
    expect(Buffer.from(archive.state).equals(STATE)).toBe(true);
    expect(archive.meta).toMatchObject({
      ID: '2-60-1',
      Index: 60,
      Term: 2,
      Configuration: { Servers: [{ Suffrage: 0, ID: 'a', Address: '10.0.0.1:8300' }] },
    });
  });

  it('are restored from an archive, once it has been read as a state', async () => {
    const { snapshots, consensus } = leaderSnapshots();
    const archive = await saved(snapshots);
    await snapshots.exchange(RESTORE, once(archive));
    expect(consensus.restored).toEqual([{ index: 60, bytes: STATE }]);
    const other = createSnapshots({
      dialer: { dial: () => Promise.reject(new Error('not dialed')) },
      router: () => VIEW,
      clock: new ManualClock(),
      local: localOf(Buffer.from('no state')),
    });
    const foreign = await saved(other);
    await expect(snapshots.exchange(RESTORE, once(foreign))).rejects.toThrow();
    expect(consensus.restored).toHaveLength(1);
  });

  it('are refused with the texts that clients know', async () => {
    const { snapshots } = leaderSnapshots();
    const ask = (request: SnapshotRequest, bytes = Buffer.alloc(0)) =>
      snapshots.exchange(request, once(bytes));
    const stale = { ...RESTORE, AllowStale: true };
    await expect(ask(stale)).rejects.toThrow('stale not allowed for restore');
    await expect(ask({ ...SAVE, Datacenter: 'dc9' })).rejects.toThrow('No path to datacenter');
    await expect(ask({ ...SAVE, Op: 7 })).rejects.toThrow('unrecognized snapshot op');
    await expect(ask(RESTORE)).rejects.toThrow('failed to decompress snapshot: EOF');
    const garbage = ask(RESTORE, Buffer.from('garbage'));
    await expect(garbage).rejects.toThrow('failed to decompress snapshot: unexpected EOF');
    const { snapshots: leaderless } = forwarding(snapshots, {}, 'server');
    await expect(leaderless.exchange(SAVE, NO_ARCHIVE)).rejects.toThrow('No cluster leader');
    const { snapshots: lonely } = forwarding(snapshots, {}, 'client');
    await expect(lonely.exchange(SAVE, NO_ARCHIVE)).rejects.toThrow('No known Consul servers');
  });

  it('change nothing when they are damaged, cut off or broken off, and leave nothing', async () => {
    const { snapshots, consensus, disk } = leaderSnapshots();
    const archive = await saved(snapshots);
    const damaged = Buffer.from(archive);
    damaged[archive.length >> 1] = (damaged[archive.length >> 1] ?? 0) ^ 0x55;
    const tries = [once(damaged), once(archive.subarray(0, -1)), brokenOff(archive)];
    for (const chunks of tries) {
      await expect(snapshots.exchange(RESTORE, chunks)).rejects.toThrow();
    }
    expect(consensus.restored).toEqual([]);
    expect(await disk.list('/snapshots')).toEqual([]);
    await snapshots.exchange(RESTORE, once(archive));
    expect(consensus.restored).toHaveLength(1);
    expect(await disk.list('/snapshots')).toEqual([]);
  });

  it('that nobody wants any more let go of the server they come from', async () => {
    const { snapshots: leader } = leaderSnapshots();
    const reached: TestStream[] = [];
    const dialer: Dialer = {
      async dial() {
        const [near, far] = streamPair({ highWaterBytes: 500 });
        reached.push(near as TestStream);
        serveSnapshot(far, leader).catch(() => {});
        return near;
      },
    };
    const router = (): RouterView => ({ ...VIEW, leading: false, leader: entry('s1') });
    const follower = createSnapshots({
      dialer,
      router,
      clock: new ManualClock(),
      local: localOf(STATE),
    });
    const { archive } = await follower.exchange(SAVE, NO_ARCHIVE);
    for await (const _ of archive) break;
    const { archive: unread } = await follower.exchange(SAVE, NO_ARCHIVE);
    await unread[Symbol.asyncIterator]().return?.();
    expect(reached.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it('go through a client, a follower and another datacenter to where they belong', async () => {
    const leader = leaderSnapshots();
    const follower = forwarding(leader.snapshots, { leader: entry('s1') }, 'server');
    const dc1 = {
      name: 'dc1',
      servers: [entry('s2')],
      unavailable: [],
      health: 'unknown',
    } as const;
    const abroad = forwarding(
      follower.snapshots,
      { datacenter: 'dc2', datacenters: [dc1] },
      'server',
    );
    const here = { ...dc1, name: 'dc2', servers: [entry('s3', 'dc2')] };
    const client = forwarding(
      abroad.snapshots,
      { datacenter: 'dc2', datacenters: [here] },
      'client',
    );
    const archive = await saved(client.snapshots);
    await client.snapshots.exchange(RESTORE, once(archive));
    expect(leader.consensus.restored).toEqual([{ index: 60, bytes: STATE }]);
    expect(follower.dialed).toEqual(['snapshot s1.dc1', 'snapshot s1.dc1']);
    expect(abroad.dialed[0]).toBe('snapshot s2.dc1');
    expect(client.dialed[0]).toBe('snapshot s3.dc2');
    const bad = client.snapshots.exchange(RESTORE, once(Buffer.from('no archive at all')));
    await expect(bad).rejects.toThrow('failed to decompress snapshot: gzip: invalid header');
  });

  it('may be taken of a follower that is asked for a stale one', async () => {
    const follower = forwarding(leaderSnapshots().snapshots, { leader: entry('s1') }, 'server');
    await saved(follower.snapshots, { ...SAVE, AllowStale: true });
    expect(follower.dialed).toEqual([]);
  });
});

describe('a snapshot connection', () => {
  it('is dropped when its request is none', async () => {
    const [near, far] = streamPair();
    const served = serveSnapshot(far, leaderSnapshots().snapshots);
    collect(near);
    near.write(Buffer.from('\x01 not a request'));
    near.end();
    await expect(served).rejects.toThrow('failed to decode request');
    await settle();
    expect((far as TestStream).destroyed).toBe(true);
  });
});

/** Connections of peers: what becomes of a snapshot whose sender is gone. */

import { describe, expect, it } from 'vitest';
import { Inbound } from '../../../actors/raft/inbound.ts';
import { encodeRequest } from '../../../src/wire/raft/transport.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

const SIZE = 100;
const REQUEST = encodeRequest({
  rpc: 'install-snapshot',
  body: {
    ProtocolVersion: 3,
    ID: 'b',
    Addr: 'b:8300',
    SnapshotVersion: 1,
    Term: 1,
    Leader: 'b:8300',
    LastLogIndex: 9,
    LastLogTerm: 1,
    Peers: null,
    Configuration: null,
    ConfigurationIndex: 1,
    Size: SIZE,
  },
});

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** A server that reads what `b` sends of a snapshot, and what it has read of it. */
async function scene() {
  const simulation = createSimulation({ seed: 1 });
  const a = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const b = simulation.host({ name: 'b', addresses: ['10.0.0.2'] });
  const lost: string[] = [];
  let read: Promise<number> | undefined;
  const inbound = new Inbound(a.world.clock, {
    requests: (requests) => {
      for (const { ticket } of requests) read = bytesOf(inbound.state(ticket));
      read?.catch(() => {});
    },
    lost: (_, reason) => lost.push(reason),
    leaderHungUp: () => {},
  });
  const at = { address: '10.0.0.1', port: 8300 };
  await simulation.settle(a.world.network.listenTcp(at, (stream) => inbound.accept(stream)));
  const dial = { host: at.address, port: at.port, timeoutMs: 1_000 };
  const stream = await simulation.settle(b.world.network.connectTcp(dial));
  stream.listen({ data: () => {} });
  stream.write(REQUEST);
  stream.write(new Uint8Array(10));
  await simulation.run(100);
  if (read === undefined) throw new Error('the request did not arrive');
  return { simulation, b, stream, lost, read };
}

describe('a snapshot on its way in', () => {
  it('is given up when its sender has lost power and nothing more comes', async () => {
    const { simulation, b, lost, read } = await scene();
    b.crash();
    await expect(simulation.settle(read, 11_000)).rejects.toThrow('short read');
    expect(lost).toEqual(['no byte of a snapshot came for 10000 ms: i/o timeout']);
  });

  it('may come as slowly as it likes, as long as it comes', async () => {
    const { simulation, stream, lost, read } = await scene();
    for (let left = SIZE - 10; left > 0; left -= 10) {
      await simulation.run(9_000);
      stream.write(new Uint8Array(10));
    }
    expect(await simulation.settle(read)).toBe(SIZE);
    expect(lost).toEqual([]);
  });
});

// The files of a pool: what is written is read again, also after the disk has failed for a while.

import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../../../actors/gossip/keyring-file.ts';
import { loadSnapshot, SnapshotFile } from '../../../actors/gossip/snapshot-file.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { EMPTY_SNAPSHOT, type SnapshotLine } from '../../../src/wire/gossip/snapshot.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

const PATH = '/data/local.snapshot';

function alive(index: number): SnapshotLine {
  return { kind: 'alive', name: `node ${index}`, address: `10.0.0.1:${index}` };
}

function setup() {
  const simulation = createSimulation({ seed: 1 });
  const host = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const log = createMemoryLog();
  const { world } = host;
  const file = new SnapshotFile({
    world,
    log,
    path: PATH,
    afterLeave: 'forget',
    facts: EMPTY_SNAPSHOT,
  });
  const load = () => simulation.settle(loadSnapshot(world, PATH, 'forget'));
  return { simulation, host, world, log, file, load };
}

describe('snapshot file', () => {
  test('grows, is written anew when too long, and says the same all the time', async () => {
    const { simulation, file, load, world } = setup();
    await simulation.settle(world.disk.makeDirectory('/data'));
    for (let round = 0; round < 12; round++) {
      file.append(Array.from({ length: 1_000 }, (_, index) => alive(index)));
      file.append([{ kind: 'clock', value: BigInt(round) }]);
      await simulation.run(1_000);
    }
    file.append([{ kind: 'not-alive', name: 'node 3' }]);
    await simulation.settle(file.close());
    const facts = await load();
    expect(facts.alive.size).toBe(999);
    expect(facts.clock).toBe(11n);
    const content = await simulation.settle(world.disk.readFile(PATH));
    expect(content.length).toBeLessThan(400_000);
  });

  test('a full disk is logged; what was missed is there once it works again', async () => {
    const { simulation, host, world, log, file, load } = setup();
    await simulation.settle(world.disk.makeDirectory('/data'));
    file.append([alive(1)]);
    await simulation.run(1_000);
    host.disk.fault = ({ kind }) => (kind === 'write' || kind === 'replace' ? 'ENOSPC' : undefined);
    file.append([alive(2)]);
    await simulation.run(1_000);
    expect(log.lines.map((line) => line.text)).toContain('writing the gossip snapshot failed');
    host.disk.fault = undefined;
    file.append([alive(3)]);
    await simulation.run(1_000);
    await simulation.settle(file.close());
    expect([...(await load()).alive.keys()]).toEqual(['node 1', 'node 2', 'node 3']);
  });
});

describe('key ring file', () => {
  test('is created from the configured key, and wins over another one later', async () => {
    const { simulation, world, log } = setup();
    await simulation.settle(world.disk.makeDirectory('/data'));
    const path = '/data/local.keyring';
    const first = Buffer.alloc(16, 1).toString('base64');
    const second = Buffer.alloc(16, 2).toString('base64');
    await simulation.settle(loadKeyRing(world, log, { encrypt: first, path }));
    const ring = await simulation.settle(loadKeyRing(world, log, { encrypt: second, path }));
    expect(ring.keys.map((key) => Buffer.from(key).toString('base64'))).toEqual([first]);
    expect(log.lines.map((line) => line.text)).toContain(
      "keyring doesn't include key provided with -encrypt, using keyring",
    );
  });

  test('keys and files that cannot be are refused', async () => {
    const { simulation, world, log } = setup();
    await simulation.settle(world.disk.makeDirectory('/data'));
    const load = (encrypt: string, path: string | null) =>
      simulation.settle(loadKeyRing(world, log, { encrypt, path }));
    await expect(load('AAAA', null)).rejects.toThrow('key size must be 16, 24 or 32 bytes');
    await simulation.settle(world.disk.writeFileAtomic('/data/bad', Buffer.from('{}')));
    await expect(load('', '/data/bad')).rejects.toThrow('an array of base64 keys was expected');
  });
});

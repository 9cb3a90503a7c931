/** One raft node on the real disk. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { RaftConfiguration } from '../../../src/consensus/configuration.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import { startRaftNode, type TestNode, until } from '../../support/raft/single.ts';

const folders: string[] = [];
const nodes: TestNode[] = [];
const CONFIGURATION: RaftConfiguration = {
  servers: [{ suffrage: 'voter', id: 'a', address: '127.0.0.1:8300' }],
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'raft-'));
  folders.push(path);
  return path;
}

function start(directory: string): TestNode {
  const node = startRaftNode({
    world: createNodeWorld(),
    directory,
    id: 'a',
    address: '127.0.0.1:8300',
    seed: 1,
  });
  nodes.push(node);
  return node;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop().catch(() => {});
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('a single server on a real disk', () => {
  it('bootstraps, elects itself, applies, and knows everything again after a restart', async () => {
    const directory = folder();
    const first = start(directory);
    await until(() => !first.consensus.hasState());
    await first.consensus.bootstrap(CONFIGURATION);
    await until(() => first.consensus.view().role === 'leader');
    expect(await first.consensus.apply(bytes('x'))).toBe('ok 3');
    const answers = await first.consensus.applyBatch([bytes('y'), bytes('z')]);
    expect(answers).toEqual(['ok 4', 'ok 5']);
    await first.consensus.barrier();
    await first.consensus.verifyLeader();
    await expect(first.consensus.bootstrap(CONFIGURATION)).rejects.toThrow(
      'bootstrap only works on new clusters',
    );
    await first.stop();
    await expect(first.consensus.apply(bytes('late'))).rejects.toThrow('raft is already shutdown');

    const second = start(directory);
    await until(() => second.consensus.view().role === 'leader');
    await second.consensus.barrier();
    expect(second.applied).toEqual(['x', 'y', 'z']);
    expect(second.consensus.view().term).toBe(3);
  });

  it('keeps the pieces of a split command as neighbours, with what tells them apart', async () => {
    const directory = folder();
    const first = start(directory);
    await until(() => !first.consensus.hasState());
    await first.consensus.bootstrap(CONFIGURATION);
    await until(() => first.consensus.view().role === 'leader');
    const piece = (data: string) => ({ data: bytes(data), extensions: bytes('whole') });
    const answers = Promise.all([
      first.consensus.apply(bytes('before')),
      first.consensus.applyPieces([piece('one'), piece('two')]),
      first.consensus.apply(bytes('after')),
    ]);
    expect(await answers).toEqual(['ok 3', ['ok 4', 'ok 5'], 'ok 6']);
    await first.stop();
    const second = start(directory);
    await until(() => second.consensus.view().role === 'leader');
    await second.consensus.barrier();
    expect(second.applied).toEqual(['before', 'one of whole', 'two of whole', 'after']);
  });

  it('takes the state of a snapshot from elsewhere, at an index behind everything', async () => {
    const directory = folder();
    const first = start(directory);
    await until(() => !first.consensus.hasState());
    await first.consensus.bootstrap(CONFIGURATION);
    await until(() => first.consensus.view().role === 'leader');
    const { consensus } = first;
    async function* state(): AsyncGenerator<Uint8Array> {
      yield bytes('["from",');
      yield bytes('"elsewhere"]');
    }
    await consensus.apply(bytes('lost'));
    await expect(consensus.restore({ index: 9, size: 21, chunks: state() })).rejects.toThrow(
      "failed to write snapshot, size didn't match (21 != 20)",
    );
    expect(first.applied).toEqual(['lost']);
    const restored = consensus.restore({ index: 500, size: 20, chunks: state() });
    const refused = consensus.apply(bytes('meanwhile'));
    await expect(refused).rejects.toThrow('timed out enqueuing operation');
    await restored;
    await consensus.barrier();
    expect(first.applied).toEqual(['from', 'elsewhere']);
    expect(consensus.view()).toMatchObject({ snapshotIndex: 501, role: 'leader' });
    expect(await consensus.apply(bytes('more'))).toBe('ok 504');
    await first.stop();
    const second = start(directory);
    await until(() => second.consensus.view().role === 'leader');
    await second.consensus.barrier();
    expect(second.applied).toEqual(['from', 'elsewhere', 'more']);
  });

  it('takes a snapshot and starts again from it and the tail', async () => {
    const directory = folder();
    const first = start(directory);
    await until(() => !first.consensus.hasState());
    await expect(first.consensus.snapshot()).rejects.toThrow('nothing new to snapshot');
    await first.consensus.bootstrap(CONFIGURATION);
    await until(() => first.consensus.view().role === 'leader');
    for (let at = 0; at < 50; at++) await first.consensus.apply(bytes(`k${at}`));
    const snapshot = await first.consensus.snapshot();
    expect(snapshot).toMatchObject({ index: 52, term: 2, configuration: CONFIGURATION });
    await first.consensus.apply(bytes('tail'));
    await first.stop();
    const second = start(directory);
    await until(() => second.consensus.view().role === 'leader');
    await second.consensus.barrier();
    expect(second.applied).toHaveLength(51);
    expect(second.applied.at(-1)).toBe('tail');
    expect(second.consensus.view().snapshotIndex).toBe(52);
  });
});

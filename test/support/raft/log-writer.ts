/** Appends to a write-ahead log for ever and prints each index that is durable. To be killed. */

import { LogStore } from '../../../actors/raft/log-store.ts';
import { silentLog } from '../../../src/log.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';

async function write(directory: string): Promise<never> {
  const { disk, clock, random } = createNodeWorld();
  const options = { disk, clock, random, log: silentLog, directory };
  const { store, entries } = await LogStore.open(options);
  for (let next = (entries.at(-1)?.Index ?? 0) + 1; ; next += 3) {
    const records = [next, next + 1, next + 2].map((Index) => ({
      kind: 'entry' as const,
      entry: {
        Index,
        Term: 1,
        Type: 0,
        Data: Buffer.alloc(100, Index & 0xff),
        Extensions: null,
        AppendedAt: undefined,
      },
    }));
    await store.append(records);
    process.stdout.write(`${next + 2}\n`);
  }
}

void write(process.argv[2] as string);

import { createMemoryDisk } from '../../src/world/memory-disk.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { diskCompliance } from './disk.ts';

diskCompliance('memory', async () => {
  const disk = createMemoryDisk();
  await disk.makeDirectory('/folder');
  return {
    world: { ...createNodeWorld(), disk },
    settle: (promise) => promise,
    folder: '/folder',
    close: async () => {},
  };
});

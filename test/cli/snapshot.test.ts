import { expect, test } from 'vitest';
import { snapshotCommands } from '../../src/cli/commands/snapshot.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { packArchive } from '../../src/fsm/archive.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { silentLog } from '../../src/log.ts';
import type { Disk } from '../../src/world/world.ts';

const state = Buffer.concat([...new Fsm({ log: silentLog }).freeze()]);
const meta = {
  Version: 1,
  ID: '2-60-1795409409926',
  Index: 60,
  Term: 2,
  Peers: '',
  Configuration: { Servers: [] },
  ConfigurationIndex: 1,
  Size: state.length,
};
const files = new Map<string, Uint8Array>([
  ['good.snap', await packArchive({ meta, state }, 0)],
  ['bad.snap', Buffer.from('x\n')],
]);
const disk = {
  readFile: async (path: string) => {
    const found = files.get(path);
    if (found === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    return found;
  },
} as Partial<Disk> as Disk;

async function run(...args: readonly string[]) {
  let out = '';
  let err = '';
  const code = await runCommandLine('mobius', snapshotCommands(disk), ['snapshot', ...args], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    readInput: async () => Buffer.alloc(0),
  });
  return { code, out, err };
}

test('inspect shows what the archive says of itself and counts its records', async () => {
  const { code, out } = await run('inspect', 'good.snap');
  expect(code).toBe(0);
  expect(out.split('\n').slice(0, 9)).toEqual([
    'ID           2-60-1795409409926',
    `Size         ${state.length}`,
    'Index        60',
    'Term         2',
    'Version      1',
    '',
    '',
    expect.stringMatching(/^ Type {2,}Count {6}Size {2,}$/),
    expect.stringMatching(/^ ---- {2,}---- {7}---- {2,}$/),
  ]);
  expect(out).toMatch(new RegExp(`\n Total {2,}${state.length}B\n$`));
});

test('files that are none, or are not there, are refused as Consul refuses them', async () => {
  expect(await run('inspect', 'bad.snap')).toEqual({
    code: 2,
    out: '',
    err: 'Error reading snapshot: failed to decompress snapshot: unexpected EOF\n',
  });
  expect(await run('restore', 'none.snap')).toEqual({
    code: 1,
    out: '',
    err: 'Error opening snapshot file: open none.snap: no such file or directory\n',
  });
  expect(await run('save')).toEqual({ code: 1, out: '', err: 'Missing FILE argument\n' });
});

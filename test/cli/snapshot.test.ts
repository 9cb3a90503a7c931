import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snapshotCommands } from '../../src/cli/commands/snapshot.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { packArchive } from '../../src/fsm/archive/pack.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import type { HttpContext } from '../../src/http/context.ts';
import { SNAPSHOT_ROUTES } from '../../src/http/handlers/snapshot.ts';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { RouteTable } from '../../src/http/router.ts';
import { silentLog } from '../../src/log.ts';
import { SNAPSHOT_RESTORE, SnapshotResponse } from '../../src/model/operator.ts';
import { NO_ARCHIVE, type SnapshotCaller } from '../../src/rpc/snapshots.ts';
import { createMemoryDisk } from '../../src/world/memory-disk.ts';
import type { Disk } from '../../src/world/world.ts';
import { packed } from '../support/archives.ts';
import { createMemoryTerminal } from '../support/terminal.ts';

const state = Buffer.concat([...new Fsm({ log: silentLog }).freeze().chunks]);
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
const good = await packed({ meta, state });

let disk: Disk;
let agent: HttpListener;
/** What the agent does with a request. */
let exchange: SnapshotCaller['exchange'];

beforeEach(async () => {
  disk = createMemoryDisk();
  await disk.writeFileAtomic('good.snap', good);
  await disk.writeFileAtomic('bad.snap', Buffer.from('x\n'));
  const snapshots: SnapshotCaller = { exchange: (...asked) => exchange(...asked) };
  agent = await listenHttp({
    at: { address: '127.0.0.1', port: 0 },
    table: new RouteTable(SNAPSHOT_ROUTES),
    context: { agent: { own: {}, defaultToken: () => '' }, snapshots } as unknown as HttpContext,
    aclDefaultPolicy: 'allow',
  });
});

afterEach(() => agent.close());

async function run(...args: readonly string[]) {
  const terminal = createMemoryTerminal({
    CONSUL_HTTP_ADDR: `127.0.0.1:${agent.endpoint.port}`,
  });
  const code = await runCommandLine(
    'mobius',
    snapshotCommands(disk),
    ['snapshot', ...args],
    terminal,
  );
  return { code, out: terminal.stdout(), err: terminal.stderr() };
}

const RESPONSE = SnapshotResponse.of({ Index: 60, KnownLeader: true });

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

describe('save', () => {
  test('keeps what the agent sends, once it is verified', async () => {
    exchange = async () => ({ response: RESPONSE, archive: packArchive(meta, [state], 0) });
    expect(await run('save', 'new.snap')).toEqual({
      code: 0,
      out: 'Saved and verified snapshot to index 60\n',
      err: '',
    });
    expect(Buffer.from(await disk.readFile('new.snap')).equals(good)).toBe(true);
    expect(await disk.list('.')).toEqual(['bad.snap', 'good.snap', 'new.snap']);
  });

  test('leaves the file that was there when the new one is damaged or cut off', async () => {
    const sends = (archive: AsyncIterable<Uint8Array>): void => {
      exchange = async () => ({ response: RESPONSE, archive });
    };
    const damaged = Buffer.from(good);
    damaged[60] = (damaged[60] ?? 0) ^ 0x55;
    sends(once(damaged));
    expect(await run('save', 'good.snap')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Error verifying snapshot file: '),
    });
    sends(once(good.subarray(0, -4)));
    expect(await run('save', 'good.snap')).toMatchObject({
      code: 1,
      err: 'Error verifying snapshot file: unexpected EOF\n',
    });
    sends(packArchive(meta, cutOff(state), 0));
    expect(await run('save', 'good.snap')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Error saving snapshot: '),
    });
    expect(Buffer.from(await disk.readFile('good.snap')).equals(good)).toBe(true);
    expect(await disk.list('.')).toEqual(['bad.snap', 'good.snap']);
  });
});

describe('restore', () => {
  test('sends the file, and says what the agent refuses it for', async () => {
    const sent: Buffer[] = [];
    exchange = async ({ Op }, archive) => {
      expect(Op).toBe(SNAPSHOT_RESTORE);
      for await (const piece of archive) sent.push(Buffer.from(piece));
      return { response: RESPONSE, archive: NO_ARCHIVE };
    };
    expect(await run('restore', 'good.snap')).toEqual({
      code: 0,
      out: 'Restored snapshot\n',
      err: '',
    });
    expect(Buffer.concat(sent).equals(good)).toBe(true);
    // Refused at its beginning, while most of it is not sent yet.
    await disk.writeFileAtomic('large.snap', Buffer.alloc(32 * 1024 * 1024));
    exchange = async (_, archive) => {
      for await (const _piece of archive) break;
      throw new Error('failed to decompress snapshot: gzip: invalid header');
    };
    expect(await run('restore', 'large.snap')).toEqual({
      code: 1,
      out: '',
      err:
        'Error restoring snapshot: Unexpected response code: 500 ' +
        '(failed to decompress snapshot: gzip: invalid header)\n',
    });
  });
});

describe('what is too large to be held', () => {
  const PIECE = createHash('sha256').update('x').digest().toString('hex').repeat(1024);
  const PIECES = 1024;
  /** What sockets of the loopback hold of it, both ends together, and some more. */
  const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024;

  /** A disk on which writing stands still until it is let go on. */
  function slowDisk() {
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let waits = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const open: Disk['open'] = async (path, mode) => {
      const file = await createMemoryDisk().open(path, mode);
      const write: typeof file.write = async () => {
        waits();
        await held;
      };
      return { ...file, write };
    };
    return { disk: { ...disk, open }, waiting, goOn };
  }

  test('is made no faster than it is written', async () => {
    let made = 0;
    exchange = async () => ({
      response: RESPONSE,
      archive: (async function* () {
        for (; made < PIECES; made += 1) yield Buffer.from(PIECE);
      })(),
    });
    const slow = slowDisk();
    disk = slow.disk;
    const saving = run('save', 'large.snap');
    await slow.waiting;
    let before = -1;
    while (made !== before) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(made * PIECE.length).toBeLessThan(UNDER_WAY_BYTES_MAX);
    slow.goOn();
    // The disk has dropped it all.
    expect(await saving).toMatchObject({ code: 1 });
    expect(made).toBe(PIECES);
  });

  test('is read from the file no faster than the agent takes it', async () => {
    const size = PIECES * PIECE.length;
    let given = 0;
    const files = disk;
    const open: Disk['open'] = async (path, mode) => {
      const file = await files.open(path, mode);
      return {
        ...file,
        read: async (offset, length) => {
          if (offset >= size) return new Uint8Array(0);
          given += length;
          return Buffer.alloc(length, PIECE);
        },
      };
    };
    let taken = 0;
    let aheadMost = 0;
    exchange = async (_, archive) => {
      for await (const piece of archive) {
        taken += piece.length;
        aheadMost = Math.max(aheadMost, given - taken);
        if (taken % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return { response: RESPONSE, archive: NO_ARCHIVE };
    };
    disk = { ...files, open };
    expect(await run('restore', 'good.snap')).toMatchObject({ code: 0 });
    expect(taken).toBe(size);
    expect(aheadMost).toBeLessThan(UNDER_WAY_BYTES_MAX);
  });
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* cutOff(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 5);
  throw new Error('the snapshot is damaged');
}

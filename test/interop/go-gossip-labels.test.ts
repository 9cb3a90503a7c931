// Labels, which keep pools apart that meet on one network: memberlist 0.3 and later has them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { goPeer, pathOr } from './peers/find.ts';
import { addressOf, join, logged, MixedPool, poolOf, untilTogether } from './peers/gossip-peer.ts';
import { until } from './program.ts';

const KEY = Buffer.alloc(32, 3).toString('base64');
const LIMIT_MS = 10_000;
const path = pathOr('gossip with labels', goPeer('gossip'));

describe.skipIf(path === null)('pools with labels', () => {
  let pool: MixedPool;
  beforeEach(() => {
    pool = new MixedPool(path as string);
  });
  afterEach(() => pool.end());

  test.each([
    { how: 'plain', keys: [] },
    { how: 'encrypted, the label bound into it', keys: [KEY] },
  ])('members of one label find together: $how', async ({ keys }) => {
    const encrypt = keys[0] ?? '';
    const a = await pool.go('go-a', { Label: 'blue', Keys: keys });
    const b = await pool.go('go-b', { Label: 'blue', Keys: keys });
    const x = await pool.ours('ours-x', { label: 'blue' }, { encrypt });
    expect(await join(x, a.address)).toBe(1);
    expect(await b.join(addressOf(x))).toBe(1);
    await untilTogether([a, b], [x]);
    await a.order('event', { Name: 'deploy', Payload: '' });
    await until('ours hears of the event', LIMIT_MS, () => x.events.length === 1);
    await a.gate({ DropPacketsIn: true });
    await until('pings over streams are answered', LIMIT_MS, () => {
      return logged(x, 'Was able to connect to go-a') && a.logged('Was able to connect to ours-x');
    });
    expect(poolOf(x).counts.packetsUnreadable).toBe(0);
  });

  test.each([
    { theirs: 'red', ours: 'blue' },
    { theirs: '', ours: 'blue' },
    { theirs: 'red', ours: '' },
  ])('label "$theirs" and label "$ours" refuse each other', async ({ theirs, ours }) => {
    const a = await pool.go('go-a', { Label: theirs });
    const x = await pool.ours('ours-x', { label: ours });
    await expect(join(x, a.address)).rejects.toThrow(/EOF|reset/);
    await expect(a.join(addressOf(x))).rejects.toThrow(/EOF|reset/);
    expect(a.logged(`discarding stream with unacceptable label "${ours}"`)).toBe(true);
    expect(logged(x, `discarding stream with unacceptable label "${theirs}"`)).toBe(true);
    await expect(a.order('ping', { To: addressOf(x), Name: 'ours-x' })).rejects.toThrow(
      /No response/,
    );
    expect(logged(x, `discarding packet with unacceptable label "${theirs}"`)).toBe(true);
  });

  test('a label that a peer takes for stripped already is an error that both survive', async () => {
    const a = await pool.go('go-a', { Label: 'blue', SkipInboundLabelCheck: true });
    const x = await pool.ours('ours-x', { label: 'blue' });
    await expect(join(x, a.address)).rejects.toThrow(/EOF|reset/);
    await until('the peer says why', LIMIT_MS, () => a.logged('unexpected double stream label'));
    // The other way round its request is labelled, and our answer never is.
    expect(await a.join(addressOf(x))).toBe(1);
  });

  test('the new time format changes nothing that gossip says', async () => {
    const a = await pool.go('go-a', { NewTimeFormat: true, Tags: { role: 'web' } });
    const x = await pool.ours('ours-x');
    expect(await join(x, a.address)).toBe(1);
    await untilTogether([a], [x]);
    const answers = await a.query({ Name: 'up', Payload: '' });
    expect([...answers.Acks].sort()).toEqual(['go-a', 'ours-x']);
  });
});

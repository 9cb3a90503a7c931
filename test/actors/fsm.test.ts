/** The fsm actor among the others: batches in, answers out, freeze, restore, death. */

import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { createFsmActor } from '../../actors/fsm.ts';
import type { StateSnapshot } from '../../machines/routes/raft.ts';
import type { Post } from '../../machines/routes.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { silentLog } from '../../src/log.ts';
import { LockDelays } from '../../src/store/lock-delays.ts';
import { kvGet } from '../../src/store/read/kv.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { once } from '../support/store-harness.ts';
import { vector } from '../support/vectors.ts';

interface Sent {
  readonly to: string;
  readonly message: { readonly type: string };
}

/** Each look at it takes some milliseconds, as work does. */
class WorkingClock extends ManualClock {
  lookMs = 0;
  #worked = 0;

  override monotonic(): number {
    this.#worked += this.lookMs;
    return super.monotonic() + this.#worked;
  }
}

function start() {
  const sent: Sent[] = [];
  const post = {
    send: (to: string, message: Sent['message']) => sent.push({ to, message }),
    ask: () => Promise.reject(new Error('asks nobody')),
  } as unknown as Post<'fsm'>;
  const fsm = new Fsm({ log: silentLog });
  const clock = new WorkingClock();
  const lockDelays = new LockDelays(clock);
  const actor = createActor(createFsmActor({ post, fsm, lockDelays, clock }));
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  return { actor, fsm, sent, errors, lockDelays, clock };
}

const data = Buffer.from(vector('raft.json', 'fsm_kv_set').hex, 'hex');
const entry = { index: 3, term: 1, data, extensions: null, appendedAtMs: undefined };

describe('the fsm actor', () => {
  it('applies, then answers', () => {
    const { actor, fsm, sent } = start();
    actor.send({ type: 'entries.committed', entries: [entry], throughIndex: 4 });
    expect(sent).toMatchObject([
      {
        to: 'raft',
        message: { type: 'entries.applied', throughIndex: 4, responses: [null] },
      },
    ]);
    expect(kvGet(fsm.store.view(), 'foo').result?.ModifyIndex).toBe(3);
  });

  it('lets others have a turn when it has applied batch after batch', async () => {
    const { actor, sent, clock } = start();
    clock.lookMs = 2;
    const answered = () => sent.filter(({ to }) => to === 'raft').length;
    for (let index = 3; index < 6; index++) {
      actor.send({
        type: 'entries.committed',
        entries: [{ ...entry, index }],
        throughIndex: index,
      });
    }
    expect(answered()).toBe(2);
    await clock.advance(0);
    expect(answered()).toBe(3);
  });

  it('shows what it has shown until as much has been applied again after a restart', async () => {
    const { actor, fsm } = start();
    const commit = (on: typeof actor, index: number, throughIndex: number): void => {
      on.send({ type: 'entries.committed', entries: [{ ...entry, index }], throughIndex });
    };
    const shown = () => fsm.store.view().appliedIndex;
    commit(actor, 3, 3);
    commit(actor, 9, 9);
    const again = createActor(actor.logic).start();
    expect(kvGet(fsm.store.view(), 'foo').result).not.toBeNull();
    commit(again, 3, 3);
    expect(shown()).toBe(9);
    // Snapshots hold what has been applied, not what is shown.
    const { index } = await new Promise<StateSnapshot>((answer, refuse) => {
      again.send({ type: 'state.freeze', reply: { answer, refuse } });
    });
    expect(index).toBe(3);
    commit(again, 9, 9);
    commit(again, 12, 12);
    expect(shown()).toBe(12);
  });

  it('freezes a version that later commands do not change, and restores it elsewhere', async () => {
    const { actor } = start();
    actor.send({ type: 'entries.committed', entries: [entry], throughIndex: 3 });
    const snapshot = await new Promise<StateSnapshot>((answer, refuse) => {
      actor.send({ type: 'state.freeze', reply: { answer, refuse } });
    });
    actor.send({ type: 'entries.committed', entries: [{ ...entry, index: 9 }], throughIndex: 9 });
    expect(snapshot.index).toBe(3);
    const other = start();
    await new Promise<null>((answer, refuse) => {
      const { index, chunks } = snapshot;
      other.actor.send({ type: 'state.restore', index, chunks, reply: { answer, refuse } });
    });
    expect(kvGet(other.fsm.store.view(), 'foo').result?.CreateIndex).toBe(3);
    expect(other.sent).toEqual([]);
    snapshot.release();
  });

  it('refuses a second restore, and goes on as before when the bytes are none', async () => {
    const { actor, fsm } = start();
    actor.send({ type: 'entries.committed', entries: [entry], throughIndex: 3 });
    const restore = (): Promise<null> =>
      new Promise((answer, refuse) => {
        const chunks = once(Buffer.from('nonsense'));
        actor.send({ type: 'state.restore', index: 1, chunks, reply: { answer, refuse } });
      });
    const [first, second] = await Promise.allSettled([restore(), restore()]);
    expect(String((first as PromiseRejectedResult).reason)).toContain('failed to restore snapshot');
    expect(String((second as PromiseRejectedResult).reason)).toContain('is being restored');
    expect(kvGet(fsm.store.view(), 'foo').result?.CreateIndex).toBe(3);
    expect(actor.getSnapshot().value).toBe('serving');
  });

  it('ends with an error at a command that it does not know', () => {
    const { actor, errors } = start();
    const unknown = { ...entry, data: Buffer.from([99, 0x80]) };
    actor.send({ type: 'entries.committed', entries: [unknown], throughIndex: 3 });
    expect(errors).toMatchObject([{ name: 'FatalCommandError' }]);
  });
});

/** A stream of what members tell each other: user events, queries and changes of tags. */

import { pause } from '../program.ts';
import type { MixedPool } from './mixed-pool.ts';

/** Between two events of ours, an event of serf's, a query, a change of tags on both sides. */
const PACE_MS = { ours: 100, serf: 1_000, query: 1_500, tags: 2_500 } as const;
const QUERY_TIMEOUT_MS = 3_000;

export interface TrafficCounts {
  events: number;
  queries: number;
  /** Acks that came for the queries, of those that all members would have sent. */
  acks: number;
  acksWanted: number;
  tagChanges: number;
  /** Changes of tags whose broadcast serf did not wait for to its end. */
  tagsNotAwaited: number;
}

export interface Traffic {
  /** Ends it, and waits for what is under way. Rejects with what went wrong in between. */
  stop(): Promise<TrafficCounts>;
}

/** Begins a stream that goes on until it is stopped. Takes turns among the members. */
export function startTraffic(pool: MixedPool): Traffic {
  const counts: TrafficCounts = {
    events: 0,
    queries: 0,
    acks: 0,
    acksWanted: 0,
    tagChanges: 0,
    tagsNotAwaited: 0,
  };
  let running = true;
  const repeat = async (everyMs: number, act: (turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; running; turn++) {
      await act(turn);
      await pause(everyMs);
    }
  };
  const loops = [
    repeat(PACE_MS.ours, async (turn) => {
      await inTurn(pool.ours, turn)?.fire('load', `ours ${turn}`);
      counts.events += 1;
    }),
    repeat(PACE_MS.serf, async (turn) => {
      await inTurn(pool.serf, turn)?.cli('event', 'load', `serf ${turn}`);
      counts.events += 1;
    }),
    repeat(PACE_MS.query, async (turn) => {
      counts.acksWanted += pool.peers.length;
      const payload = `turn ${turn}`;
      const order = { name: 'load', payload, filters: [], relayFactor: turn % 3 };
      const answers = await inTurn(pool.ours, turn)?.query({
        ...order,
        timeoutMs: QUERY_TIMEOUT_MS,
      });
      counts.queries += 1;
      counts.acks += answers?.acks.length ?? 0;
    }),
    repeat(PACE_MS.tags, async (turn) => {
      await inTurn(pool.ours, turn)?.setTags({ kind: 'member', turn: String(turn) });
      const awaited = await inTurn(pool.serf, turn)?.setTag('turn', String(turn));
      counts.tagChanges += 2;
      if (awaited === false) counts.tagsNotAwaited += 1;
    }),
  ];
  // What fails is kept until `stop` asks for it.
  const over = Promise.allSettled(loops);
  return {
    stop: async () => {
      running = false;
      for (const outcome of await over) if (outcome.status === 'rejected') throw outcome.reason;
      return counts;
    },
  };
}

function inTurn<T>(peers: readonly T[], turn: number): T | undefined {
  return peers[turn % peers.length];
}

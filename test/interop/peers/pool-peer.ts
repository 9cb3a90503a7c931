/** What the tests of mixed pools ask of a member, whoever made it. */

import { readFileSync } from 'node:fs';
import { pause, until } from '../program.ts';

export interface SeenMember {
  readonly status: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A change of a member as one peer has seen it, with the time at which this test heard of it. */
export interface SeenChange {
  readonly kind: string;
  readonly name: string;
  readonly atMs: number;
}

export interface PoolPeer {
  readonly name: string;
  readonly maker: 'serf' | 'mobius';
  readonly address: string;
  readonly pid: number;
  readonly changes: readonly SeenChange[];
  /** Names and payloads of the user events it has heard, as `name: payload`. */
  readonly events: readonly string[];
  members(): Promise<ReadonlyMap<string, SeenMember>>;
  join(addresses: readonly string[]): Promise<void>;
  /** Ends it without a word to anybody; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Waits until every peer sees exactly these as alive. */
export async function allSeeAlive(
  peers: readonly PoolPeer[],
  alive: readonly string[],
  limitMs: number,
): Promise<void> {
  const missing = new Map<string, string>();
  const agreed = async (): Promise<boolean> => {
    missing.clear();
    for (const peer of peers) {
      const seen = [...(await peer.members())].filter(([, { status }]) => status === 'alive');
      const names = new Set(seen.map(([name]) => name));
      const lacks = alive.filter((name) => !names.has(name));
      if (names.size === alive.length && lacks.length === 0) continue;
      missing.set(peer.name, `sees ${names.size} of ${alive.length}, lacks ${lacks.join(', ')}`);
      await pause(200);
      return false;
    }
    return true;
  };
  await until(`${alive.length} alive at all`, limitMs, agreed).catch((error: unknown) => {
    throw new Error(`not all alive: ${JSON.stringify([...missing])}`, { cause: error });
  });
}

/**
 * Milliseconds from `sinceMs` until the last of `peers` had heard that all of `gone` have failed.
 */
export async function agreementMs(
  peers: readonly PoolPeer[],
  gone: readonly string[],
  sinceMs: number,
  limitMs: number,
): Promise<number> {
  const heardMs = (peer: PoolPeer, name: string): number | undefined =>
    peer.changes.find((seen) => {
      return seen.atMs >= sinceMs && seen.kind === 'failed' && seen.name === name;
    })?.atMs;
  const open = (): readonly string[] =>
    peers.flatMap((peer) =>
      gone
        .filter((name) => heardMs(peer, name) === undefined)
        .map((name) => `${name}@${peer.name}`),
    );
  await until(`failure of ${gone.length} at all`, limitMs, () => open().length === 0).catch(
    (error: unknown) => {
      throw new Error(`not seen as failed: ${open().join(' ')}`, { cause: error });
    },
  );
  const times = peers.flatMap((peer) => gone.map((name) => heardMs(peer, name) ?? sinceMs));
  return Math.max(...times) - sinceMs;
}

/** Clock ticks a second in /proc. */
const TICKS = 100;

/** Seconds of CPU that a process has taken. */
export function cpuSeconds(peer: PoolPeer): number {
  const stat = readFileSync(`/proc/${peer.pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

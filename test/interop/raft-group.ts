// What tests ask of servers of one raft group, whosever they are.

import type { GoServer } from './go-raft-server.ts';
import { until } from './program.ts';
import type { HttpServer, ServerName } from './raft-server.ts';

const WRITERS = 32;

/** Snapshots often, and little of the log kept behind them. */
export const COMPACTING = {
  raft_snapshot_threshold: 30,
  raft_snapshot_interval: '500ms',
  raft_trailing_logs: 5,
};

export type RaftServer = HttpServer | GoServer;

/** `count` keys below `prefix`, each with a value of its own. */
export function numbered(prefix: string, count: number): ReadonlyMap<string, string> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return new Map(numbers.map((number) => [`${prefix}/${number}`, `${prefix} value ${number}`]));
}

/** The one that leads, once there is one that all of these would name. */
export async function leaderOf(
  servers: readonly RaftServer[],
  limitMs = 20_000,
): Promise<RaftServer> {
  let leader: RaftServer | undefined;
  await until(`a leader among ${servers.map(({ name }) => name.node)}`, limitMs, async () => {
    const standings = await Promise.all(servers.map((server) => server.standing()));
    const terms = new Set(standings.map(({ term }) => term));
    leader = servers[standings.findIndex(({ state }) => state === 'Leader')];
    return leader !== undefined && terms.size === 1;
  });
  return leader as RaftServer;
}

export async function leads(server: RaftServer, limitMs = 20_000): Promise<void> {
  await until(`${server.name.node} leads`, limitMs, async () => {
    return (await server.standing()).state === 'Leader';
  });
}

/** Until a server has a snapshot, taken or received, of more than the log up to `index`. */
export async function snapshotBehind(server: RaftServer, index: number): Promise<void> {
  await until(`a snapshot of ${server.name.node} behind ${index}`, 20_000, async () => {
    return (await server.standing()).snapshotIndex > index;
  });
}

/** Until a server has these keys below `prefix`. */
export async function holds(
  server: RaftServer,
  prefix: string,
  keys: ReadonlyMap<string, string>,
  limitMs = 20_000,
): Promise<void> {
  let missing: readonly string[] = [];
  await until(`${server.name.node} holds all of ${prefix}`, limitMs, async () => {
    const held = await server.keys(prefix);
    missing = [...keys].filter(([key, value]) => held.get(key) !== value).map(([key]) => key);
    return missing.length === 0;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: missing ${missing.length}: ${missing.slice(0, 5)}`);
  });
}

/** Until all see the same configuration. Autopilot takes its time before it gives a vote. */
export async function configured(
  servers: readonly RaftServer[],
  members: readonly (readonly [ServerName, 'Voter' | 'Nonvoter'])[],
): Promise<void> {
  const wanted = JSON.stringify(
    members.map(([{ id, address }, suffrage]) => [id, address, suffrage]).sort(),
  );
  let seen: readonly string[] = [];
  await until('the same configuration everywhere', 45_000, async () => {
    const lists = await Promise.all(servers.map((server) => server.servers()));
    seen = lists.map((list) =>
      JSON.stringify(list.map(({ ID, Address, Suffrage }) => [ID, Address, Suffrage]).sort()),
    );
    return seen.every((one) => one === wanted);
  }).catch((error: Error) => {
    throw new Error([error.message, `wanted ${wanted}`, ...seen].join('\n'));
  });
}

/** Writes all keys, some at a time; rejects when one is not acknowledged. */
export async function writeAll(
  server: HttpServer,
  keys: ReadonlyMap<string, string>,
): Promise<void> {
  const left = keys.entries();
  const writeOn = async (): Promise<void> => {
    for (const [key, value] of left) {
      if (!(await server.put(key, value))) throw new Error(`${key} was not acknowledged`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writeOn));
}

/** What all have said since their last start, when `INTEROP_LOGS` asks for it. */
export function tellLogs(servers: readonly RaftServer[]): void {
  if (process.env['INTEROP_LOGS'] === undefined) return;
  for (const { name, lines } of servers) {
    process.stdout.write(`--- ${name.node}\n${lines.join('\n')}\n`);
  }
}

/** Writes one key after the other until it is ended, and remembers what was acknowledged. */
export class Writer {
  readonly acknowledged = new Map<string, string>();
  readonly prefix: string;
  readonly #done: Promise<void>;
  #ended = false;

  constructor(prefix: string, write: (key: string, value: string) => Promise<boolean>) {
    this.prefix = prefix;
    const run = async (): Promise<void> => {
      for (let number = 0; !this.#ended; number += 1) {
        const [key, value] = [`${prefix}/${number}`, `value ${number}`];
        if (await write(key, value).catch(() => false)) this.acknowledged.set(key, value);
        else await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    this.#done = run();
  }

  end(): Promise<void> {
    this.#ended = true;
    return this.#done;
  }
}

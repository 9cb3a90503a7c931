// Writes keys of no interest, to see whether servers do their work.

import { pause, until } from '../program.ts';
import type { HttpCalls } from './calls.ts';
import type { Node } from './cluster.ts';

const WRITE_LIMIT_MS = 4_000;
const READ_LIMIT_MS = 1_000;
const RETRY_MS = 20;
/** Until writes go on, or a server has followed, at the latest. */
const RECOVERY_LIMIT_MS = 20_000;

export class Probe {
  readonly #calls: HttpCalls;
  #count = 0;

  constructor(calls: HttpCalls) {
    this.#calls = calls;
  }

  async put(node: Node, key: string, value: string): Promise<boolean> {
    const path = `/v1/kv/${key}`;
    const call = { method: 'PUT', path, body: value, limitMs: WRITE_LIMIT_MS } as const;
    const outcome = await this.#calls.call(node.end.bound, call);
    return outcome.kind === 'answered' && outcome.text.trim() === 'true';
  }

  /** Until one of these acknowledges a write; how many milliseconds that took. */
  async writesGoOn(nodes: readonly Node[]): Promise<number> {
    this.#count += 1;
    return this.written(nodes, keyOf(this.#count), 'probed');
  }

  /** Has all of these write until one is acknowledged; how many milliseconds that took. */
  async written(nodes: readonly Node[], key: string, value: string): Promise<number> {
    const began = performance.now();
    let acknowledged = false;
    const attempts = nodes.map(async (node) => {
      while (!acknowledged && performance.now() - began < RECOVERY_LIMIT_MS) {
        if (await this.put(node, key, value)) acknowledged = true;
        else await pause(RETRY_MS);
      }
      if (!acknowledged) throw new Error(`not through ${node.server.name.node}`);
    });
    await Promise.any(attempts).catch((cause: unknown) => {
      const names = nodes.map(({ server }) => server.name.node).join(', ');
      const what = `no write is acknowledged through ${names} within ${RECOVERY_LIMIT_MS} ms`;
      throw new Error(what, { cause });
    });
    return performance.now() - began;
  }

  /** Until a server itself has what went on last. */
  async follows(node: Node): Promise<void> {
    const path = `/v1/kv/${keyOf(this.#count)}?stale`;
    const call = { method: 'GET', path, limitMs: READ_LIMIT_MS } as const;
    await until(`${node.server.name.node} follows`, RECOVERY_LIMIT_MS, async () => {
      const outcome = await this.#calls.call(node.end.bound, call);
      return outcome.kind === 'answered' && outcome.status === 200;
    });
  }
}

/** One each time: a write that was given up may still arrive. */
function keyOf(count: number): string {
  return `probe/${count}`;
}

// Writes one key again and again, to see whether servers do their work.

import { pause, until } from '../program.ts';
import { textOf } from '../raft-server.ts';
import type { HttpCalls } from './calls.ts';
import type { Node } from './cluster.ts';

const KEY = 'probe';
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
    const began = performance.now();
    this.#count += 1;
    const value = String(this.#count);
    let acknowledged = false;
    const attempts = nodes.map(async (node) => {
      while (!acknowledged && performance.now() - began < RECOVERY_LIMIT_MS) {
        if (await this.put(node, KEY, value)) acknowledged = true;
        else await pause(RETRY_MS);
      }
      if (!acknowledged) throw new Error(`no write through ${node.server.name.node}`);
    });
    await Promise.any(attempts);
    return performance.now() - began;
  }

  /** Until a server itself has what was acknowledged last, or something newer. */
  async follows(node: Node): Promise<void> {
    const wanted = this.#count;
    const what = `${node.server.name.node} follows`;
    await until(what, RECOVERY_LIMIT_MS, async () => {
      const path = `/v1/kv/${KEY}?stale`;
      const call = { method: 'GET', path, limitMs: READ_LIMIT_MS } as const;
      const outcome = await this.#calls.call(node.end.bound, call);
      if (outcome.kind !== 'answered') return false;
      if (outcome.status === 404) return wanted === 0;
      const [pair] = JSON.parse(outcome.text) as [{ Value: string }];
      return Number(textOf(pair.Value)) >= wanted;
    });
  }
}

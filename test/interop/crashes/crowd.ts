// All clients of the servers together: callers that share some keys, and writers each of which has
// keys of its own that nobody ever writes again.

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import { KeyWriter } from '../key-writer.ts';
import { pause } from '../program.ts';
import { Caller, CallRecord } from './caller.ts';
import type { HttpCalls } from './calls.ts';
import type { CrashCluster, Node } from './cluster.ts';
import type { Probe } from './probe.ts';

const CALLERS = 12;
const KEYS = 6;
/** Shared keys are left for others after so many faults: each history lives through some of them. */
const FAULTS_OF_KEYS = 8;
const WRITER_PAUSE_MS = 30;
const OWN_PREFIX = 'own';
const OWN_LIMIT_MS = 60_000;

export interface CrowdOptions {
  readonly cluster: CrashCluster;
  readonly calls: HttpCalls;
  readonly probe: Probe;
  readonly random: SeededRandom;
}

export class Crowd {
  readonly record = new CallRecord();
  readonly #options: CrowdOptions;
  readonly #callers: readonly Caller[];
  readonly #writers: readonly KeyWriter[];
  #faults = 0;

  constructor(options: CrowdOptions) {
    const { cluster, calls, probe, random } = options;
    const { hosts } = cluster;
    const { record } = this;
    this.#options = options;
    this.#callers = Array.from({ length: CALLERS }, (_, number) => {
      const name = `c${number}`;
      const keys = () => this.#keys();
      return new Caller({ name, calls, record, random: random.fork(name), hosts, keys });
    });
    this.#writers = cluster.nodes.map((node) => {
      const write = async (key: string, value: string): Promise<boolean> => {
        await pause(WRITER_PAUSE_MS);
        return probe.put(node, key, value);
      };
      return new KeyWriter({ prefix: `${OWN_PREFIX}/${node.server.name.node}`, write });
    });
  }

  begin(): void {
    for (const one of [...this.#callers, ...this.#writers]) one.begin();
  }

  /** Another fault is over. */
  faultIsOver(): void {
    this.#faults += 1;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#callers, ...this.#writers].map((one) => one.end()));
  }

  /** Reads all shared keys of all servers, in both ways. */
  async readAll(): Promise<void> {
    const [reader] = this.#callers as [Caller];
    for (const key of this.record.histories.keys()) {
      for (const host of this.#options.cluster.hosts) {
        await reader.readLast(host, key, 'consistent');
        await reader.readLast(host, key, 'default');
      }
    }
  }

  /** Own keys of which a write was acknowledged. */
  get acknowledged(): number {
    return this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  }

  /** Those of them that a server does not have, a line each. */
  async lost({ end }: Node): Promise<readonly string[]> {
    const path = `/v1/kv/${OWN_PREFIX}?recurse&consistent`;
    const call = { method: 'GET', path, limitMs: OWN_LIMIT_MS } as const;
    const answer = await this.#options.calls.call(end.bound, call);
    if (answer.kind !== 'answered') throw new Error(`${path}: ${answer.text}`);
    return this.#writers.flatMap((writer) => writer.lost(JSON.parse(answer.text)));
  }

  #keys(): readonly string[] {
    const period = Math.floor(this.#faults / FAULTS_OF_KEYS);
    return Array.from({ length: KEYS }, (_, key) => `shared/${period}/${key}`);
  }
}

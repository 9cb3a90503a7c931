/** A host with a whole server agent on it, which can lose its process, its power, and come back. */

import { setMaxListeners } from 'node:events';
import { type RunningAgent, startAgent } from '../../../actors/agent/start.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { createMemoryLog, type MemoryLog, silentLog } from '../../../src/log.ts';
import type { SimulatedAuthority } from '../../../src/world/simulated/certificates.ts';
import type { SimulatedHost, Simulation } from '../../../src/world/simulated/simulation.ts';
import type { AgentAtWork } from './agent-client.ts';
import { type Dc, nodeName, serverPlaces, serverPlan } from './plan.ts';

/** Restarted with each other. */
const TOGETHER = ['fsm', 'raft'];

/** Requests and writes under way at one agent. */
const LISTENERS_MAX = 1_000;

export interface WholeServerOptions {
  readonly simulation: Simulation;
  readonly authority: SimulatedAuthority;
  readonly dc: Dc;
  readonly number: number;
  readonly servers: number;
}

interface RaftChanged {
  readonly type: string;
  readonly view: RaftView;
}

interface Running extends AgentAtWork {
  readonly agent: RunningAgent;
  raft: RaftView | undefined;
}

export class WholeServer {
  readonly dc: Dc;
  readonly node: string;
  /** `server1.dc1`, its name in the WAN pool. */
  readonly name: string;
  readonly host: SimulatedHost;
  /** Of all processes, the present one last. */
  readonly logs: MemoryLog[] = [];
  /** How agents ended that nobody killed. */
  readonly surrenders: string[] = [];
  /** Actors that were made to fail. */
  readonly expectedFailures = new Set<string>();
  readonly #options: WholeServerOptions;
  #run = 0;
  #starting = false;
  #running: Running | undefined;
  #gone = new AbortController();

  constructor(options: WholeServerOptions) {
    const { dc, number, simulation } = options;
    this.#options = options;
    this.dc = dc;
    this.node = nodeName(dc, number);
    this.name = `${this.node}.${dc}`;
    this.host = simulation.host({ name: this.name, addresses: serverPlaces(dc, number) });
  }

  get up(): boolean {
    return this.#running !== undefined;
  }

  get agent(): RunningAgent | undefined {
    return this.#running?.agent;
  }

  /** The term in which it holds itself for the leader. */
  get leadingTerm(): number | undefined {
    const raft = this.#running?.raft;
    return raft?.role === 'leader' ? raft.term : undefined;
  }

  get atWork(): AgentAtWork | undefined {
    return this.#running;
  }

  start(): void {
    if (this.#starting || this.up) return;
    this.#starting = true;
    this.#run += 1;
    this.logs.push(createMemoryLog());
    void this.#begin(this.#run);
  }

  expectFailure(actor: string): void {
    const group = TOGETHER.includes(actor) ? TOGETHER : [actor];
    for (const name of group) this.expectedFailures.add(name);
  }

  /** As `kill -9` does. */
  kill(): void {
    this.#end();
    this.host.kill();
  }

  /** Loss of power. */
  crash(): void {
    this.#end();
    this.host.crash();
  }

  async #begin(run: number): Promise<void> {
    const { dc, number, servers, authority } = this.#options;
    const names = [`${this.node}.server.${dc}.consul`, `server.${dc}.consul`];
    const identity = authority.issue({ commonName: `server.${dc}.consul`, names });
    const gone = new AbortController();
    setMaxListeners(LISTENERS_MAX, gone.signal);
    this.#gone = gone;
    try {
      const agent = await startAgent({
        plan: serverPlan({ dc, number, servers }),
        material: { caPem: [authority.pem], identity },
        world: this.host.world,
        log: this.logs.at(-1) ?? silentLog,
      });
      if (run !== this.#run) return;
      this.#starting = false;
      const running: Running = {
        agent,
        context: agent.context,
        gone: gone.signal,
        raft: undefined,
      };
      agent.bus.observe(({ message }) => {
        if (message.type === 'raft.changed') running.raft = (message as RaftChanged).view;
      });
      this.#running = running;
      const ending = await agent.ended.then(
        ({ kind }) => kind,
        (error: unknown) => String(error),
      );
      if (run === this.#run) this.#surrendered(ending);
    } catch (error) {
      if (run === this.#run) this.#surrendered(String(error));
    }
  }

  #surrendered(why: string): void {
    if (!this.expectedFailures.has('raft')) this.surrenders.push(`${this.name}: ${why}`);
    this.kill();
  }

  #end(): void {
    this.#run += 1;
    this.#starting = false;
    this.#running = undefined;
    this.#gone.abort();
  }
}

/** A group of servers under one simulated time, watched at every step. */

import { consulSettings, type RaftSettings } from '../../../machines/raft/limits.ts';
import type { RaftNode } from '../../../machines/raft/node.ts';
import type { RaftConfiguration } from '../../../src/consensus/configuration.ts';
import { DEFAULT_DISK, type DiskSettings } from '../../../src/world/simulated/disk.ts';
import { DEFAULT_LINK, type LinkSettings } from '../../../src/world/simulated/links.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import { createSimulation, type Simulation } from '../../../src/world/simulated/simulation.ts';
import type { Clock } from '../../../src/world/world.ts';
import { Invariants } from './invariants.ts';
import type { Questioner } from './questioner.ts';
import { type ServerObserver, SimulatedServer } from './server.ts';
import { MessageTrace } from './trace.ts';

/** Snapshots and compaction come often, so that seconds are enough to see them. */
const BUSY: Partial<RaftSettings> = {
  snapshotThreshold: 60,
  trailingLogs: 20,
  snapshotIntervalMs: 1_500,
};

export interface ClusterOptions {
  readonly seed: number;
  readonly servers: number;
  /** How disks and links are while nothing befalls them. */
  readonly disk?: Partial<DiskSettings>;
  readonly link?: Partial<LinkSettings>;
  /** Told what befalls the servers, as it does. */
  readonly told?: (line: string) => void;
  /** Somebody who looks on: sees all that happens, and says when simulated time may go on. */
  readonly onlooker?: Onlooker;
}

export interface Onlooker extends Pick<ServerObserver, 'inspected' | 'delivered'> {
  /** Resolves when `ms` of simulated time may pass. */
  pace(ms: number): Promise<void>;
}

/** Sees a step of a server; true: has seen what it waited for. */
export type Lurker = (server: SimulatedServer, before: RaftNode, after: RaftNode) => boolean;

/** Simulated time that passes at once while somebody looks on. */
const PACE_MS = 20;

export class Cluster {
  readonly simulation: Simulation;
  readonly servers: readonly SimulatedServer[];
  readonly invariants = new Invariants();
  readonly messages: MessageTrace;
  readonly disk: DiskSettings;
  readonly link: LinkSettings;
  /** Of nobody in the group, and always right. */
  readonly clock: Clock;
  /** What befell the servers, in order. */
  readonly story: string[] = [];
  /** The first thing that should never have happened. */
  violation: Error | undefined;
  /** Whom faults may send to a server, once there is somebody. */
  questioner: Questioner | undefined;
  readonly #onlooker: Onlooker | undefined;
  readonly #told: ((line: string) => void) | undefined;
  readonly #lurkers = new Set<Lurker>();
  #healed = false;

  constructor({ seed, servers, disk, link, told, onlooker }: ClusterOptions) {
    this.#onlooker = onlooker;
    this.#told = told;
    this.disk = { ...DEFAULT_DISK, ...disk };
    this.link = { ...DEFAULT_LINK, ...link };
    this.simulation = createSimulation({ seed, link: this.link });
    this.clock = this.simulation.host({ name: 'outside', addresses: [] }).world.clock;
    this.messages = new MessageTrace(() => this.simulation.nowMs);
    const settings = { ...consulSettings(1), ...BUSY };
    const observer: ServerObserver = {
      stepped: (server, before, after) => {
        this.#guarded(() => this.invariants.stepped(server, before, after));
        if (before === undefined) return;
        for (const lurker of this.#lurkers) {
          if (lurker(server, before, after)) this.#lurkers.delete(lurker);
        }
      },
      refused: (server, damage) =>
        this.#guarded(() => this.invariants.refused(server, damage.message)),
      inspected: onlooker?.inspected,
      delivered: (server, letter) => {
        onlooker?.delivered(server, letter);
        this.messages.delivered(server.host.name, letter);
        this.#guarded(() => this.invariants.delivered(server, letter.message));
      },
    };
    this.servers = Array.from(
      { length: servers },
      (_, at) => new SimulatedServer(this.simulation, at + 1, settings, observer),
    );
    for (const { host } of this.servers) host.disk.settings = this.disk;
  }

  note(text: string): void {
    const line = `${(this.simulation.nowMs / 1000).toFixed(3)} s  ${text}`;
    this.story.push(line);
    this.#told?.(line);
  }

  /** Returns the way to give up waiting. */
  lieInWait(lurker: Lurker): () => void {
    this.#lurkers.add(lurker);
    return () => void this.#lurkers.delete(lurker);
  }

  /** Does harm in `ms`, unless all is healed by then. */
  strikeIn(ms: number, harm: () => void): void {
    this.clock.setTimeout(() => {
      if (!this.#healed) harm();
    }, ms);
  }

  /** Whatever befell servers, disks, clocks and links is over. */
  heal(): void {
    this.note('healed');
    this.#healed = true;
    this.#lurkers.clear();
    const { network } = this.simulation;
    network.heal();
    network.link('*', '*', this.link);
    for (const { host } of this.servers) {
      host.disk.settings = this.disk;
      host.disk.fault = undefined;
      host.clockSkewMs = 0;
      host.clockRate = 1;
    }
    this.startAll();
  }

  get random(): SeededRandom {
    return this.simulation.random;
  }

  /** Who says of itself that it leads; of several the one of the highest term. */
  get leader(): SimulatedServer | undefined {
    return this.servers
      .filter(({ node }) => node?.role === 'leader')
      .sort((a, b) => (b.node?.term ?? 0) - (a.node?.term ?? 0))[0];
  }

  /** Starts all, and founds the group with them. */
  async found(): Promise<void> {
    for (const server of this.servers) server.start();
    await this.until(() => this.servers.every(({ node }) => node !== undefined), 5_000);
    const configuration: RaftConfiguration = {
      servers: this.servers.map(({ id, address }) => ({ suffrage: 'voter', id, address })),
    };
    const founded = this.servers.map(({ consensus }) => consensus?.bootstrap(configuration));
    await this.simulation.settle(Promise.all(founded));
    await this.until(() => this.leader !== undefined, 20_000);
  }

  startAll(): void {
    for (const server of this.servers) server.start();
  }

  /** Lets time pass until it holds. Whether it does; ends at once when something went wrong. */
  async until(holds: () => boolean, limitMs: number): Promise<boolean> {
    const done = (): boolean => this.violation !== undefined || holds();
    const endMs = this.simulation.nowMs + limitMs;
    while (!done() && this.simulation.nowMs < endMs) {
      const leftMs = endMs - this.simulation.nowMs;
      const sliceMs = this.#onlooker === undefined ? leftMs : Math.min(leftMs, PACE_MS);
      await this.#onlooker?.pace(sliceMs);
      await this.#slice(sliceMs, done);
    }
    if (this.violation !== undefined) throw this.violation;
    return holds();
  }

  async #slice(ms: number, done: () => boolean): Promise<void> {
    const endMs = this.simulation.nowMs + ms;
    await this.simulation.runUntil(() => done() || this.simulation.nowMs >= endMs, ms + 1);
  }

  /** Everybody in the configuration has applied everything, and a leader is there to say so. */
  get settled(): boolean {
    const leader = this.leader?.node;
    if (leader === undefined || leader.commitIndex < leader.log.lastIndex) return false;
    const { members } = this;
    if (members.length < (latest(leader)?.servers.length ?? 0)) return false;
    return members.every(
      ({ node }) =>
        node !== undefined &&
        node.appliedIndex === leader.log.lastIndex &&
        node.log.lastIndex === leader.log.lastIndex,
    );
  }

  /** Servers of the leader's configuration. */
  get members(): readonly SimulatedServer[] {
    const ids = new Set(latest(this.leader?.node)?.servers.map(({ id }) => id));
    return this.servers.filter(({ id }) => ids.has(id));
  }

  /** Whether a server has lost its disk, or will when it looks at it. */
  get replaced(): boolean {
    return this.servers.some(({ replaced }) => replaced);
  }

  /** What operators do about servers that lost their disk: the old one goes, the new one comes. */
  readmit(): void {
    const consensus = this.leader?.consensus;
    const known = latest(this.leader?.node)?.servers ?? [];
    for (const { id, address } of this.servers) {
      const former = known.find((one) => one.address === address && one.id !== id);
      if (former === undefined || consensus === undefined) continue;
      const options = { prevIndex: 0 };
      const exchanged = consensus
        .removeServer(former.id, options)
        .then(() => consensus.addVoter(id, address, options));
      // Who does not lead any more refuses; it is tried again with the next leader.
      exchanged.catch(() => {});
    }
  }

  /** Where everybody stands, a line each. */
  describe(): readonly string[] {
    return this.servers.map((server) => `${server.host.name}: ${standing(server.node)}`);
  }

  end(): void {
    for (const server of this.servers) server.end('kill');
  }

  #guarded(check: () => void): void {
    if (this.violation !== undefined) return;
    try {
      check();
    } catch (error) {
      this.violation = error as Error;
    }
  }
}

function latest(node: RaftNode | undefined): RaftConfiguration | undefined {
  return node?.configurations.at(-1)?.configuration;
}

function standing(node: RaftNode | undefined): string {
  if (node === undefined) return 'down';
  const { role, term, log, commitIndex, appliedIndex } = node;
  const servers = node.configurations.at(-1)?.configuration.servers ?? [];
  const members = servers.map(({ id, suffrage }) => (suffrage === 'voter' ? id : `(${id})`));
  return (
    `${role}, term ${term}, log ${log.firstIndex}..${log.lastIndex}, ` +
    `commit ${commitIndex}, applied ${appliedIndex}, members ${members.join(' ')}`
  );
}

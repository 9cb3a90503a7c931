/** Pools of real serf agents and of our members, every one a process with an address of its own. */

import { join } from 'node:path';
import type { MemberProgram } from '../../support/gossip-process/start.ts';
import { NETWORK } from '../program.ts';
import { type OurMember, startOurMember } from './our-member.ts';
import type { PoolPeer } from './pool-peer.ts';
import { GOSSIP_PORT, type SerfAgent, startSerfAgent } from './serf-agent.ts';

export interface PoolPlan {
  /** Path of the serf program. */
  readonly serfPath: string;
  readonly member: MemberProgram;
  /** For key rings; removed by whoever made it. */
  readonly folder: string;
  /** Base64. */
  readonly key: string;
  /** Begins the names of serf's and of our members. Of one length, so that tables look alike. */
  readonly names: { readonly serf: string; readonly ours: string };
  /** Third byte of the addresses of serf's members; ours have the next one. */
  readonly subnet: number;
  readonly serf: number;
  readonly ours: number;
  readonly serfFlags?: readonly string[];
}

export class MixedPool {
  readonly #plan: PoolPlan;
  readonly #peers: PoolPeer[] = [];
  #serf: SerfAgent[] = [];
  #ours: OurMember[] = [];

  constructor(plan: PoolPlan) {
    this.#plan = plan;
  }

  get serf(): readonly SerfAgent[] {
    return this.#serf;
  }

  get ours(): readonly OurMember[] {
    return this.#ours;
  }

  /** All that run, serf's first. */
  get peers(): readonly PoolPeer[] {
    return [...this.#serf, ...this.#ours];
  }

  get names(): readonly string[] {
    return this.peers.map(({ name }) => name);
  }

  /** Starts all; nobody has joined anybody yet. */
  async start(): Promise<void> {
    const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);
    await Promise.all([
      ...numbers(this.#plan.serf).map((number) => this.startSerf(number)),
      ...numbers(this.#plan.ours).map((number) => this.startOurs(number)),
    ]);
    const byName = (a: PoolPeer, b: PoolPeer): number => a.name.localeCompare(b.name);
    this.#serf.sort(byName);
    this.#ours.sort(byName);
  }

  async startSerf(number: number): Promise<SerfAgent> {
    const { serfPath, folder, key, names, subnet, serfFlags = [] } = this.#plan;
    const agent = await startSerfAgent({
      path: serfPath,
      name: nameOf(names.serf, number),
      address: `${NETWORK}.${subnet}.${number}`,
      folder,
      key,
      flags: ['-tag', 'kind=member', ...serfFlags],
    });
    this.#serf.push(agent);
    this.#peers.push(agent);
    return agent;
  }

  async startOurs(number: number): Promise<OurMember> {
    const { member, folder, key, names, subnet } = this.#plan;
    const peer = await startOurMember(member, {
      name: nameOf(names.ours, number),
      address: `${NETWORK}.${subnet + 1}.${number}`,
      port: GOSSIP_PORT,
      encrypt: key,
      keyRing: join(folder, `${names.ours}-${number}.keyring`),
      tags: { kind: 'member' },
    });
    this.#ours.push(peer);
    this.#peers.push(peer);
    return peer;
  }

  /** Everybody joins the first of the other kind, or the first of all. */
  async joinAll(): Promise<void> {
    const [firstSerf] = this.#serf;
    const [firstOurs] = this.#ours;
    const first = firstSerf ?? firstOurs;
    if (first === undefined) return;
    await Promise.all(
      this.peers.map(async (peer) => {
        const other = peer.maker === 'serf' && firstOurs !== undefined ? firstOurs : first;
        if (other !== peer) await peer.join([other.address]);
      }),
    );
  }

  /** Kills without a word, and forgets. */
  async kill(peers: readonly PoolPeer[]): Promise<void> {
    await killAll(peers);
    const dead = new Set<PoolPeer>(peers);
    this.#serf = this.#serf.filter((agent) => !dead.has(agent));
    this.#ours = this.#ours.filter((member) => !dead.has(member));
  }

  async stop(): Promise<void> {
    await killAll(this.#peers);
  }
}

/** Name of a member; all of one pool are equally long. */
export function nameOf(begin: string, number: number): string {
  return `${begin}-${String(number).padStart(2, '0')}`;
}

async function killAll(peers: readonly PoolPeer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.kill()));
}

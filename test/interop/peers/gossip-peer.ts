/** Members of HashiCorp's memberlist and serf in one Go process, beside members of ours. */

import {
  LAN_TIMING,
  type PoolConfig,
  SERF_TIMING,
  SERF_VERSIONS,
} from '../../../machines/gossip/config.ts';
import { joinHostPort } from '../../../src/host-port.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import {
  type GossipMember,
  type GossipMemberOptions,
  startGossipMember,
} from '../../support/gossip-member.ts';
import { NETWORK, until } from '../program.ts';
import { LinePeer } from './line-peer.ts';

/** The address of members, which differ in their ports; and another one, for those that must not. */
export const ADDRESS = `${NETWORK}.11.1`;
export const OTHER_ADDRESS = `${NETWORK}.11.2`;

/**
 * Timers that make a failure show within a second or two, for both sides, and tables meet so often
 * that what gossip happens to miss is soon made good.
 */
export const FAST = { probeIntervalMs: 200, probeTimeoutMs: 100, pushPullIntervalMs: 1_500 };
const OUR_TIMING = { ...LAN_TIMING, ...FAST };

/** `options` of `peers/gossip/member.go`. */
export interface GoOptions {
  readonly Bind?: string;
  readonly Port?: number;
  readonly Bare?: boolean;
  readonly Meta?: string;
  readonly Tags?: Readonly<Record<string, string>>;
  readonly Label?: string;
  readonly Keys?: readonly string[];
  readonly Protocol?: number;
  readonly Plain?: boolean;
  readonly SkipInboundLabelCheck?: boolean;
  readonly NewTimeFormat?: boolean;
  readonly PacketBytes?: number;
  readonly ProbeIntervalMs?: number;
  readonly ProbeTimeoutMs?: number;
  readonly PushPullIntervalMs?: number;
  readonly ReclaimMs?: number;
  readonly NoTCPPings?: boolean;
  readonly NoConflictResolution?: boolean;
}

/** `rules` of `peers/gossip/gate.go`. */
export interface GateRules {
  readonly DropPacketsIn?: boolean;
  readonly DropPacketsOut?: boolean;
  readonly DropStreams?: boolean;
  readonly DelayMs?: number;
  readonly From?: string;
  readonly PacketsTo?: string;
}

interface GossipReport {
  readonly Node: string;
  readonly Kind: 'log' | 'event' | 'query' | 'message';
  readonly Text: string;
  readonly Payload: string | null;
}

interface SeenMember {
  readonly Name: string;
  readonly Address: string;
  readonly Status: string;
  readonly Tags: Readonly<Record<string, string>> | null;
}

interface SeenNode {
  readonly Name: string;
  readonly Address: string;
  readonly Meta: string | null;
  readonly State: number;
}

interface GoQueryOutcome {
  readonly Acks: readonly string[];
  readonly Responses: Readonly<Record<string, string>>;
}

export interface GoMember {
  readonly name: string;
  readonly address: string;
  order<T = null>(verb: string, fields?: object): Promise<T>;
  join(...addresses: readonly string[]): Promise<number>;
  members(): Promise<readonly SeenMember[]>;
  nodes(): Promise<readonly SeenNode[]>;
  /** Serf's word for how a member is, or `none`. */
  status(name: string): Promise<string>;
  query(fields: object): Promise<GoQueryOutcome>;
  gate(rules: GateRules): Promise<null>;
  /** Sends bytes from the member's own socket. */
  raw(to: string, bytes: Uint8Array): Promise<null>;
  logged(text: string): boolean;
  heard(kind: 'event' | 'query' | 'message'): readonly { name: string; payload: string }[];
}

/** A process of Go members and the members of ours that play with them. */
export class MixedPool {
  readonly #peer: LinePeer<GossipReport>;
  readonly #ours: GossipMember[] = [];

  constructor(path: string) {
    this.#peer = new LinePeer(path);
  }

  async go(name: string, options: GoOptions = {}): Promise<GoMember> {
    const peer = this.#peer;
    const order = <T = null>(verb: string, fields: object = {}): Promise<T> =>
      peer.order<T>(verb, { ...fields, Node: name });
    const Options = {
      Bind: ADDRESS,
      ProbeIntervalMs: FAST.probeIntervalMs,
      ProbeTimeoutMs: FAST.probeTimeoutMs,
      PushPullIntervalMs: FAST.pushPullIntervalMs,
      ...options,
    };
    const port = await order<number>('start', { Options });
    const said = (kind: GossipReport['Kind']) =>
      peer.reports.filter((report) => report.Node === name && report.Kind === kind);
    const members = (): Promise<readonly SeenMember[]> => order('members');
    return {
      name,
      address: joinHostPort(Options.Bind, port),
      order,
      join: (...addresses) => order('join', { Addresses: addresses }),
      members,
      nodes: () => order('nodes'),
      status: async (other) =>
        (await members()).find((member) => member.Name === other)?.Status ?? 'none',
      query: (fields) => order('query', { TimeoutMs: 1_000, Acks: true, ...fields }),
      gate: (rules) => order('gate', { Gate: rules }),
      raw: (to, bytes) => order('raw', { To: to, Payload: Buffer.from(bytes).toString('base64') }),
      logged: (text) => said('log').some((report) => report.Text.includes(text)),
      heard: (kind) =>
        said(kind).map(({ Text, Payload }) => ({
          name: Text,
          payload: Buffer.from(Payload ?? '', 'base64').toString('latin1'),
        })),
    };
  }

  /** A member of ours with serf's manners and fast timers. */
  async ours(
    name: string,
    config: Partial<PoolConfig> = {},
    more: Partial<GossipMemberOptions> = {},
  ): Promise<GossipMember> {
    const member = await startGossipMember({
      world: createNodeWorld(),
      address: ADDRESS,
      config: {
        name,
        tags: { role: 'ours' },
        versions: SERF_VERSIONS,
        timing: OUR_TIMING,
        serf: SERF_TIMING,
        nameConflict: 'resolve',
        ...config,
      },
      ...more,
    });
    this.#ours.push(member);
    return member;
  }

  /** Ends all of it without a word. */
  end(): void {
    for (const member of this.#ours) member.kill();
    this.#peer.kill();
  }
}

export function addressOf(member: GossipMember): string {
  const { address, port } = member.transport.endpoint;
  return joinHostPort(address, port);
}

/** Joins; answers how many took part. */
export async function join(member: GossipMember, ...addresses: readonly string[]): Promise<number> {
  const outcome = await member.post.ask(
    'gossip.lan',
    { type: 'members.join', addresses, oldEvents: 'ignore' },
    { timeoutMs: 15_000 },
  );
  return outcome.joined;
}

export function logged(member: GossipMember, text: string): boolean {
  return member.log.lines.some((line) => line.text.includes(text));
}

/** Waits until each of the members sees each other, and itself, alive. */
export async function untilTogether(
  go: readonly GoMember[],
  ours: readonly GossipMember[],
): Promise<void> {
  const names = [...go, ...ours].map((member) => member.name);
  let missing: string[] = [];
  const looked = async (): Promise<boolean> => {
    missing = [];
    for (const name of names) {
      for (const member of [...ours, ...go]) {
        const status = await member.status(name);
        if (status !== 'alive') missing.push(`${name} is ${status} to ${member.name}`);
      }
    }
    return missing.length === 0;
  };
  await until('all together', 10_000, looked).catch((error: Error) => {
    throw new Error(`${error.message}: ${missing.join(', ')}`);
  });
}

/** The state of a member's machine. */
export function poolOf(member: GossipMember) {
  return member.actor.getSnapshot().context.pool;
}

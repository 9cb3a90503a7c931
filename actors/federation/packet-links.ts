/** The links of a wanfed transport: one for each foreign server that packets are under way to. */

import { type AnyActorRef, createActor } from 'xstate';
import {
  type LinkContext,
  type LinkEvent,
  type LinkPacket,
  packetLinkMachine,
} from '../../machines/federation/packet-link.ts';
import type { RemotePackets } from '../../machines/federation/wanfed-transport.ts';
import type { GossipPeer } from '../../machines/routes/gossip.ts';
import { toError } from '../../src/error-text.ts';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { WanName } from '../../src/federation/wan-name.ts';
import {
  dialWanfed,
  PACKET_ALPN,
  type WanfedDialOptions,
} from '../../src/federation/wanfed-dial.ts';
import type { GatewayStream } from '../../src/rpc/gateway-dial.ts';
import { encodePacketFrame } from '../../src/wire/wanfed/packets.ts';
import type { ByteStream, Clock, TimerId } from '../../src/world/world.ts';

/** Destinations at a time; packets to more are refused. */
export const LINKS_MAX = 4096;
/** How often links are looked at for being idle or stalled. */
const TICK_MS = 1000;

/** Counts since the start, but for `openNow`. */
export interface LinkCounts {
  dialed: number;
  dialsFailed: number;
  packetsWritten: number;
  writes: number;
  packetsFailed: number;
  packetsResent: number;
  openNow: number;
}

export const createLinkCounts = (): LinkCounts => ({
  dialed: 0,
  dialsFailed: 0,
  packetsWritten: 0,
  writes: 0,
  packetsFailed: 0,
  packetsResent: 0,
  openNow: 0,
});

export interface PacketLinksOptions extends WanfedDialOptions {
  readonly clock: Clock;
  readonly counts: LinkCounts;
  readonly failed: (
    failures: readonly { readonly to: GossipPeer; readonly error: Error }[],
  ) => void;
  /** The actor that the links' machines are children of. */
  readonly parent: AnyActorRef;
}

interface Link {
  readonly name: string;
  readonly target: WanName;
  readonly send: (event: LinkEvent) => void;
  stream: ByteStream | undefined;
  via: string;
}

export class PacketLinks {
  readonly #options: PacketLinksOptions;
  readonly #links = new Map<string, Link>();
  #timer: TimerId | undefined;
  #closed = false;

  constructor(options: PacketLinksOptions) {
    this.#options = options;
  }

  send(remote: readonly RemotePackets[]): void {
    for (const { name, target, packets } of remote) {
      const link = this.#links.get(name) ?? this.#open(name, target);
      if (link === undefined) {
        this.#fail(packets, new Error(`wanfed: more than ${LINKS_MAX} destinations`));
        continue;
      }
      link.send({
        type: 'packets.queued',
        packets: packets.map((packet) => ({ ...packet, sending: 'first' })),
        nowMs: this.#options.clock.monotonic(),
      });
    }
  }

  /** Links through gateways that are gone from the lists end, so that no path outlives its gateway. */
  update(choices: GatewayChoices): void {
    const valid = new Set([...choices.local, ...choices.primary, ...choices.fallback]);
    for (const link of [...this.#links.values()]) {
      if (link.stream !== undefined && !valid.has(link.via)) link.send({ type: 'path.ended' });
    }
  }

  /** Ends every link; packets that still wait are reported. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    for (const link of [...this.#links.values()]) {
      link.send({ type: 'dial.failed', error: new Error('wanfed: connection pool is closed') });
      this.#remove(link);
      link.stream?.end();
    }
  }

  #open(name: string, target: WanName): Link | undefined {
    if (this.#links.size >= LINKS_MAX) return undefined;
    const machine = packetLinkMachine.provide({
      actions: {
        dial: () => void this.#dial(link),
        write: (_, { packets }) => this.#write(link, packets),
        report: (_, { failures }) => this.#report(failures),
        end: () => link.stream?.end(),
        drop: () => link.stream?.destroy(new Error('wanfed: the connection takes no more bytes')),
      },
    });
    const actor = createActor(machine, {
      input: { name, nowMs: this.#options.clock.monotonic() },
      parent: this.#options.parent,
      id: 'packet-link',
    });
    const send = (event: LinkEvent): void => {
      if (actor.getSnapshot().status !== 'active') return;
      actor.send(event);
      if (actor.getSnapshot().status !== 'active') this.#remove(link);
    };
    const link: Link = { name, target, send, stream: undefined, via: '' };
    this.#links.set(name, link);
    this.#options.counts.openNow = this.#links.size;
    actor.start();
    this.#arm();
    return link;
  }

  #remove(link: Link): void {
    if (this.#links.get(link.name) === link) this.#links.delete(link.name);
    this.#options.counts.openNow = this.#links.size;
  }

  async #dial(link: Link): Promise<void> {
    const { counts, clock } = this.#options;
    counts.dialed += 1;
    let dialed: GatewayStream;
    try {
      dialed = await dialWanfed(this.#options, link.target, PACKET_ALPN);
    } catch (error) {
      counts.dialsFailed += 1;
      const cause = toError(error);
      link.send({ type: 'dial.failed', error: cause });
      return;
    }
    if (this.#links.get(link.name) !== link) {
      dialed.stream.destroy();
      return;
    }
    this.#adopt(link, dialed);
    link.send({ type: 'dial.succeeded', nowMs: clock.monotonic() });
  }

  #adopt(link: Link, { stream, via }: GatewayStream): void {
    link.stream = stream;
    link.via = via;
    const lost = (error: Error): void => {
      if (link.stream !== stream) return;
      link.stream = undefined;
      stream.destroy();
      link.send({ type: 'stream.lost', error, nowMs: this.#options.clock.monotonic() });
    };
    stream.listen({
      // The peer never writes on this protocol.
      data: () => lost(new Error('wanfed: unexpected bytes from the peer')),
      end: () => lost(new Error('EOF')),
      drain: () => link.send({ type: 'stream.drained', nowMs: this.#options.clock.monotonic() }),
      closed: (error) => lost(error ?? new Error('EOF')),
    });
  }

  #write(link: Link, packets: readonly LinkPacket[]): void {
    const { stream } = link;
    const [first] = packets;
    if (stream === undefined || first === undefined) return;
    const { counts, clock } = this.#options;
    counts.writes += 1;
    counts.packetsWritten += packets.length;
    for (const packet of packets) if (packet.sending === 'again') counts.packetsResent += 1;
    const bytes =
      packets.length === 1
        ? encodePacketFrame(first.bytes)
        : Buffer.concat(packets.map((packet) => encodePacketFrame(packet.bytes)));
    if (!stream.write(bytes)) link.send({ type: 'stream.congested', nowMs: clock.monotonic() });
  }

  #report(failures: LinkContext['failed']): void {
    if (failures.length === 0) return;
    this.#options.counts.packetsFailed += failures.length;
    this.#options.failed(failures.map(({ packet, error }) => ({ to: packet.to, error })));
  }

  #fail(packets: RemotePackets['packets'], error: Error): void {
    this.#options.counts.packetsFailed += packets.length;
    this.#options.failed(packets.map(({ to }) => ({ to, error })));
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      const nowMs = this.#options.clock.monotonic();
      for (const link of [...this.#links.values()]) link.send({ type: 'ticked', nowMs });
      if (this.#links.size > 0) this.#arm();
    }, TICK_MS);
  }
}

/**
 * Gossip between datacenters that cannot reach each other's addresses. Wraps the plain transport of
 * the WAN pool: what is for the own datacenter goes to sockets as always; what is for another goes
 * through mesh gateways, by name, since the address of a foreign server means nothing here.
 */

import { fromCallback, sendTo, setup } from 'xstate';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import { namelessText, readWanName, type WanName } from '../../src/federation/wan-name.ts';
import type { MembersView } from '../../src/model/member.ts';
import type { ByteStream } from '../../src/world/world.ts';
import type { Message } from '../messages.ts';
import type { GossipPeer, OutgoingPacket } from '../routes/gossip.ts';

export type WanfedEvent = Message<
  | 'gateways.changed'
  | 'packets.received'
  | 'packets.send'
  | 'stream.accepted'
  | 'stream.open'
  | 'wan-members.changed'
>;

/** Packets for one server of another datacenter. */
export interface RemotePackets {
  readonly target: WanName;
  /** Full WAN name. */
  readonly name: string;
  readonly packets: readonly OutgoingPacket[];
}

/** What the pool of links is told. */
export type LinksCommand =
  | { readonly type: 'packets.sorted'; readonly sorted: SortedPackets }
  | {
      readonly type: 'remote-stream.open';
      readonly id: number;
      readonly target: WanName;
      readonly timeoutMs: number;
    }
  | { readonly type: 'choices.updated'; readonly choices: GatewayChoices };

export interface SortedPackets {
  readonly local: readonly OutgoingPacket[];
  readonly remote: readonly RemotePackets[];
  readonly nameless: readonly { readonly to: GossipPeer; readonly error: Error }[];
}

export interface WanfedContext {
  readonly datacenter: string;
  /** Datacenters of the WAN pool. */
  readonly datacenters: ReadonlySet<string>;
}

/** Sorts packets by where they go; those for one server stay together, in order. */
export function sortPackets(
  context: WanfedContext,
  packets: readonly OutgoingPacket[],
): SortedPackets {
  const local: OutgoingPacket[] = [];
  const nameless: { to: GossipPeer; error: Error }[] = [];
  const remote = new Map<string, { target: WanName; name: string; packets: OutgoingPacket[] }>();
  for (const packet of packets) {
    const { name } = packet.to;
    const known = remote.get(name);
    if (known !== undefined) {
      known.packets.push(packet);
      continue;
    }
    const target = readWanName(name, context.datacenters);
    if (target === undefined)
      nameless.push({ to: packet.to, error: new Error(namelessText(name)) });
    else if (target.datacenter === context.datacenter) local.push(packet);
    else remote.set(name, { target, name, packets: [packet] });
  }
  return { local, remote: [...remote.values()], nameless };
}

function datacentersOf(view: MembersView, own: string): ReadonlySet<string> {
  const found = new Set([own]);
  for (const member of view.members.values()) {
    const dc = member.tags['dc'];
    if (dc !== undefined && dc !== '') found.add(dc);
  }
  return found;
}

type StreamWay = 'plain' | 'gateway' | 'none';

function streamWay(context: WanfedContext, name: string): StreamWay {
  const target = readWanName(name, context.datacenters);
  if (target === undefined) return 'none';
  return target.datacenter === context.datacenter ? 'plain' : 'gateway';
}

const s = setup({
  types: {
    context: {} as WanfedContext,
    events: {} as WanfedEvent,
    input: {} as { readonly datacenter: string },
  },
  actors: {
    /** The links and whatever else is under way, as long as the transport lives. */
    links: fromCallback<LinksCommand>(() => {}),
  },
  actions: {
    openPlain: (_, _params: Omit<Message<'stream.open'>, 'type'>) => {},
    failStream: (_, _params: { readonly id: number; readonly error: Error }) => {},
    deliver: (_, _params: Omit<Message<'packets.received'>, 'type'>) => {},
    handOver: (_, _params: { readonly stream: ByteStream }) => {},
  },
  guards: {
    streamGoes: ({ context, event }, params: { readonly way: StreamWay }) =>
      event.type === 'stream.open' && streamWay(context, event.to.name) === params.way,
  },
});

export const wanfedTransportMachine = s.createMachine({
  id: 'wanfed-transport',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    datacenter: input.datacenter,
    datacenters: new Set([input.datacenter]),
  }),
  invoke: { src: 'links', id: 'links' },
  on: {
    'packets.send': {
      actions: sendTo('links', ({ context, event }) => ({
        type: 'packets.sorted',
        sorted: sortPackets(context, event.packets),
      })),
    },
    'stream.open': [
      {
        guard: { type: 'streamGoes', params: { way: 'plain' } },
        actions: { type: 'openPlain', params: ({ event }) => event },
      },
      {
        guard: { type: 'streamGoes', params: { way: 'gateway' } },
        actions: sendTo('links', ({ context, event }) => ({
          type: 'remote-stream.open',
          id: event.id,
          target: readWanName(event.to.name, context.datacenters),
          timeoutMs: event.timeoutMs,
        })),
      },
      {
        actions: {
          type: 'failStream',
          params: ({ event }) => ({ id: event.id, error: new Error(namelessText(event.to.name)) }),
        },
      },
    ],
    'packets.received': { actions: { type: 'deliver', params: ({ event }) => event } },
    'stream.accepted': {
      actions: { type: 'handOver', params: ({ event }) => ({ stream: event.stream }) },
    },
    'gateways.changed': {
      actions: sendTo('links', ({ event }) => ({
        type: 'choices.updated',
        choices: event.choices,
      })),
    },
    'wan-members.changed': {
      actions: s.assign(({ context, event }) =>
        event.type === 'wan-members.changed'
          ? { datacenters: datacentersOf(event.view, context.datacenter) }
          : {},
      ),
    },
  },
});

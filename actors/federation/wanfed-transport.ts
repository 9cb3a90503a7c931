/** Binds the transport of WAN gossip to gateways, sockets and the pool. */

import { fromCallback } from 'xstate';
import {
  type LinksCommand,
  type SortedPackets,
  wanfedTransportMachine,
} from '../../machines/federation/wanfed-transport.ts';
import type { Post } from '../../machines/routes.ts';
import type { FailoverPicker } from '../../src/federation/gateway-picker.ts';
import { dialWanfed, STREAM_ALPN } from '../../src/federation/wanfed-dial.ts';
import type { TlsConfigurator } from '../../src/tls/configurator.ts';
import type { World } from '../../src/world/world.ts';
import { type LinkCounts, PacketLinks } from './packet-links.ts';

/** Streams being opened at a time; more are refused. */
export const OPENING_STREAMS_MAX = 256;

export interface WanfedTransportDeps {
  readonly world: World;
  readonly post: Post<'wanfed-transport'>;
  readonly tls: TlsConfigurator;
  /** Shared with the other dialers of this server; kept up to date by this actor. */
  readonly picker: FailoverPicker;
  readonly counts: LinkCounts;
  /** Whether there is a WAN pool that takes what comes in. */
  readonly gossip: 'taken' | 'refused';
}

export function createWanfedTransportActor(
  deps: WanfedTransportDeps,
): typeof wanfedTransportMachine {
  const { post } = deps;
  return wanfedTransportMachine.provide({
    actors: { links: createLinks(deps) },
    actions: {
      openPlain: (_, { id, to, timeoutMs }) =>
        post.send('socket-transport.wan', { type: 'stream.open', id, to, timeoutMs }),
      failStream: (_, { id, error }) =>
        post.send('gossip.wan', { type: 'stream.failed', id, error }),
      deliver: (_, { packets }) => {
        if (deps.gossip === 'taken') post.send('gossip.wan', { type: 'packets.received', packets });
      },
      handOver: (_, { stream }) => {
        if (deps.gossip === 'taken') post.send('gossip.wan', { type: 'stream.accepted', stream });
        else stream.destroy();
      },
    },
  });
}

function createLinks(deps: WanfedTransportDeps) {
  const { world, post, tls, picker, counts } = deps;
  const dialing = { network: world.network, tls, picker };
  return fromCallback<LinksCommand>(({ receive, self }) => {
    const links = new PacketLinks({
      ...dialing,
      clock: world.clock,
      counts,
      failed: (failures) => post.send('gossip.wan', { type: 'packets.failed', failures }),
      parent: self,
    });
    const streams = new StreamDials(deps);
    receive((command) => {
      switch (command.type) {
        case 'packets.sorted':
          return deliverSorted(deps, links, command.sorted);
        case 'remote-stream.open':
          return streams.open(command);
        case 'choices.updated':
          picker.update(command.choices);
          return links.update(command.choices);
        default:
          command satisfies never;
      }
    });
    return () => {
      links.close();
      streams.close();
    };
  });
}

function deliverSorted(
  { post }: WanfedTransportDeps,
  links: PacketLinks,
  { local, remote, nameless }: SortedPackets,
): void {
  if (local.length > 0) post.send('socket-transport.wan', { type: 'packets.send', packets: local });
  if (nameless.length > 0) {
    post.send('gossip.wan', { type: 'packets.failed', failures: nameless });
  }
  links.send(remote);
}

type OpenStream = Extract<LinksCommand, { type: 'remote-stream.open' }>;

/** Streams on their way: each is one connection of its own, answered once, in time. */
class StreamDials {
  readonly #deps: WanfedTransportDeps;
  readonly #open = new Map<number, (error: Error) => void>();

  constructor(deps: WanfedTransportDeps) {
    this.#deps = deps;
  }

  open({ id, target, timeoutMs }: OpenStream): void {
    const { world, post, tls, picker } = this.#deps;
    if (this.#open.size >= OPENING_STREAMS_MAX) {
      const error = new Error(`wanfed: more than ${OPENING_STREAMS_MAX} streams are being opened`);
      post.send('gossip.wan', { type: 'stream.failed', id, error });
      return;
    }
    const settle = (): boolean => {
      world.clock.clearTimeout(timer);
      return this.#open.delete(id);
    };
    const fail = (error: Error): void => {
      if (settle()) post.send('gossip.wan', { type: 'stream.failed', id, error });
    };
    const timer = world.clock.setTimeout(() => fail(new Error('i/o timeout')), timeoutMs);
    this.#open.set(id, fail);
    dialWanfed({ network: world.network, tls, picker }, target, STREAM_ALPN).then(
      ({ stream }) => {
        if (settle()) post.send('gossip.wan', { type: 'stream.opened', id, stream });
        else stream.destroy();
      },
      (error: Error) => fail(error),
    );
  }

  close(): void {
    for (const fail of [...this.#open.values()]) {
      fail(new Error('wanfed: connection pool is closed'));
    }
  }
}

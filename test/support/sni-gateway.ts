/** A mesh gateway as small as can be: routes connections by server name and decrypts nothing. */

import { decodeClientHello } from '../../src/world/simulated/client-hello.ts';
import type { ByteStream, Endpoint, Listener, World } from '../../src/world/world.ts';

export interface SniGateway {
  /** Server names seen, in order of connections. */
  readonly seen: string[];
  /** Server name → where to. `undefined`: the connection is dropped. */
  routes: Map<string, Endpoint>;
  /** Server names whose connections are accepted and never answered. */
  readonly mute: Set<string>;
  /** Cuts all connections through it. */
  cut(): void;
  close(): Promise<void>;
}

const RECORD_HEADER_BYTES = 5;

export async function sniGateway(
  world: World,
  at: readonly Endpoint[],
  routes: Readonly<Record<string, Endpoint>>,
): Promise<SniGateway> {
  const open = new Set<ByteStream>();
  const keep = (stream: ByteStream): void => void open.add(stream);
  const gateway: SniGateway = {
    seen: [],
    routes: new Map(Object.entries(routes)),
    mute: new Set(),
    cut() {
      for (const stream of open) stream.destroy();
      open.clear();
    },
    async close() {
      gateway.cut();
      for (const listener of listeners) await listener.close();
    },
  };
  const accept = (inside: ByteStream): void => {
    keep(inside);
    let head = Buffer.alloc(0);
    inside.listen({
      end: () => inside.destroy(),
      data(piece) {
        head = Buffer.concat([head, piece]);
        if (head.length < RECORD_HEADER_BYTES) return;
        const end = RECORD_HEADER_BYTES + head.readUInt16BE(RECORD_HEADER_BYTES - 2);
        if (head.length < end) return;
        inside.pause();
        const hello = decodeClientHello(head.subarray(RECORD_HEADER_BYTES, end));
        gateway.seen.push(hello?.servername ?? '');
        if (gateway.mute.has(hello?.servername ?? '')) {
          inside.resume();
          return;
        }
        const to = gateway.routes.get(hello?.servername ?? '');
        if (to === undefined) inside.destroy();
        else void splice(world, inside, head, to, keep);
      },
    });
  };
  const listeners: Listener[] = [];
  for (const endpoint of at) listeners.push(await world.network.listenTcp(endpoint, accept));
  return gateway;
}

async function splice(
  world: World,
  inside: ByteStream,
  first: Uint8Array,
  to: Endpoint,
  keep: (stream: ByteStream) => void,
): Promise<void> {
  try {
    const outside = await world.network.connectTcp({
      host: to.address,
      port: to.port,
      timeoutMs: 5000,
    });
    keep(outside);
    outside.write(first);
    pipe(inside, outside);
    pipe(outside, inside);
    inside.resume();
  } catch {
    inside.destroy();
  }
}

function pipe(from: ByteStream, to: ByteStream): void {
  from.listen({
    data: (chunk) => {
      to.write(chunk);
    },
    end: () => to.end(),
    closed: () => to.destroy(),
  });
}

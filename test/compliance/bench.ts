/** What a compliance suite runs on: a world, and a way to let it go on. */

import { readFileSync } from 'node:fs';
import type { ByteStream, TlsIdentity, World } from '../../src/world/world.ts';

export interface Bench {
  readonly world: World;
  /** Lets the world go on until `promise` has settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** A folder that tests may fill. */
  readonly folder: string;
  close(): Promise<void>;
}

export type OpenBench = () => Promise<Bench>;

const vector = (name: string): string =>
  readFileSync(new URL(`../vectors/tls/${name}.pem`, import.meta.url), 'utf8');

export const authority = vector('ca');
export const foreignAuthority = vector('foreign-ca');

export function identity(name: 'server' | 'client' | 'foreign' | 'expired'): TlsIdentity {
  return { certPem: vector(name), keyPem: vector(`${name}-key`) };
}

/** Everything that a stream told its listener. */
export interface Heard {
  readonly text: string;
  readonly bytes: number;
  readonly ended: boolean;
  readonly drains: number;
  readonly closings: readonly (Error | undefined)[];
  /** Resolves when `condition` holds; it is looked at each time something is heard. */
  until(condition: (heard: Heard) => boolean): Promise<Heard>;
}

/** Listens to a stream and keeps what is heard. */
export function hear(stream: ByteStream): Heard {
  const decoder = new TextDecoder();
  const waiting = new Set<() => void>();
  const heard = {
    text: '',
    bytes: 0,
    ended: false,
    drains: 0,
    closings: [] as (Error | undefined)[],
    until: (condition: (heard: Heard) => boolean) =>
      new Promise<Heard>((resolve) => {
        const look = (): void => {
          if (!condition(heard)) return;
          waiting.delete(look);
          resolve(heard);
        };
        waiting.add(look);
        look();
      }),
  };
  const changed = (): void => {
    for (const look of waiting) look();
  };
  stream.listen({
    data: (chunk) => {
      if (chunk.constructor !== Uint8Array) throw new Error('a chunk is not plain bytes');
      heard.bytes += chunk.length;
      if (heard.bytes < 65_536) heard.text += decoder.decode(chunk, { stream: true });
      changed();
    },
    end: () => {
      heard.ended = true;
      changed();
    },
    drain: () => {
      heard.drains++;
      changed();
    },
    closed: (error) => {
      heard.closings.push(error);
      changed();
    },
  });
  return heard;
}

export const isClosed = (heard: Heard): boolean => heard.closings.length > 0;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Accepts one stream on a free port of `address` and connects to it. */
export async function streamPair(
  bench: Bench,
  address = '127.0.0.1',
): Promise<{ client: ByteStream; server: ByteStream; close: () => Promise<void> }> {
  const { network } = bench.world;
  let accepted: (stream: ByteStream) => void = () => {};
  const incoming = new Promise<ByteStream>((resolve) => {
    accepted = resolve;
  });
  const listener = await bench.settle(network.listenTcp({ address, port: 0 }, accepted));
  const port = listener.endpoint.port;
  const dialing = network.connectTcp({ host: address, port, timeoutMs: 5000 });
  const [client, server] = await bench.settle(Promise.all([dialing, incoming]));
  return { client, server, close: () => listener.close() };
}

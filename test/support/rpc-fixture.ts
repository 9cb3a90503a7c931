/** A server and a pool joined by streams in memory, and methods to call. */

import { RpcPool } from '../../src/rpc/client/pool.ts';
import type { Dialer, DialTarget } from '../../src/rpc/dialer.ts';
import { type RpcMethod, type ServedMethod, serve } from '../../src/rpc/method.ts';
import type { RpcServerEntry } from '../../src/rpc/router-view.ts';
import { RpcServer, type RpcServerOptions } from '../../src/rpc/server/server.ts';
import { bool, duration, str, struct, type TypeOf, u64 } from '../../src/wire/msgpack/schema.ts';
import { ManualClock } from './manual-clock.ts';
import { streamPair, type TestStream } from './stream-pair.ts';

const EchoArgs = struct({
  Datacenter: str,
  Text: str,
  AllowStale: bool,
  MinQueryIndex: u64,
  MaxQueryTime: duration,
});
export type EchoArgs = TypeOf<typeof EchoArgs>;
const EchoReply = struct({ Text: str, Server: str });
export type EchoReply = TypeOf<typeof EchoReply>;

/** A read: it has `AllowStale`. */
export const ECHO: RpcMethod<EchoArgs, EchoReply> = {
  name: 'Test.Echo',
  request: EchoArgs,
  reply: EchoReply,
};
const WriteArgs = struct({ Datacenter: str, Text: str });
export type WriteArgs = TypeOf<typeof WriteArgs>;
/** A write: it has not. */
export const WRITE: RpcMethod<WriteArgs, EchoReply> = {
  name: 'Test.Write',
  request: WriteArgs,
  reply: EchoReply,
};

export const echo = (text: string, more: Partial<EchoArgs> = {}): EchoArgs =>
  EchoArgs.of({ Text: text, Datacenter: 'dc1', ...more });

export function echoMethods(server = 's1'): readonly ServedMethod[] {
  return [
    serve(ECHO, (request) => Promise.resolve({ Text: request.Text, Server: server })),
    serve(WRITE, (request) => Promise.resolve({ Text: request.Text, Server: server })),
  ];
}

export const entry = (node: string, datacenter = 'dc1', port = 8300): RpcServerEntry => ({
  node,
  datacenter,
  address: { address: '10.0.0.1', port },
});

export interface RpcFixture {
  readonly clock: ManualClock;
  readonly server: RpcServer;
  readonly pool: RpcPool;
  readonly dials: DialTarget[];
  /** Server ends of the connections made so far. */
  readonly connections: TestStream[];
  /** Set to make dials fail. */
  failure: Error | undefined;
}

export function rpcFixture(
  methods: readonly ServedMethod[] = echoMethods(),
  options: Partial<RpcServerOptions> = {},
): RpcFixture {
  const clock = new ManualClock();
  const server = new RpcServer({ clock, methods, ...options });
  const dials: DialTarget[] = [];
  const connections: TestStream[] = [];
  const dialer: Dialer = {
    async dial(target) {
      dials.push(target);
      await Promise.resolve();
      if (fixture.failure !== undefined) throw fixture.failure;
      const [near, far] = streamPair();
      connections.push(far);
      if (target.kind === 'rpc-multi') server.serveMulti(far);
      else server.serveSingle(far);
      return near;
    },
  };
  const pool = new RpcPool({ dialer, clock });
  const fixture: RpcFixture = { clock, server, pool, dials, connections, failure: undefined };
  return fixture;
}

/** The machine's sockets. */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { codeOf, endpointText, systemError, systemErrorFrom } from '../errors.ts';
import type {
  ByteStream,
  ConnectOptions,
  Endpoint,
  Listener,
  Network,
  UdpListener,
  UdpSocket,
} from '../world.ts';
import { NodeStream, plainBytes } from './stream.ts';
import { TlsContexts, tlsClient, tlsServer } from './tls.ts';

/** A gossip burst must fit while the event loop is busy (memberlist asks for 2 MiB too). */
const UDP_RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;

/** Go's default: dead peers without traffic are noticed. */
const KEEP_ALIVE_MS = 15_000;

const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
} as const;

export function createNodeNetwork(): Network {
  const contexts = new TlsContexts();
  return {
    listenTcp,
    connectTcp,
    bindUdp,
    tlsClient: (stream, options) => tlsClient(contexts, stream, options),
    tlsServer: (stream, options) => tlsServer(contexts, stream, options),
    resolve,
    interfaces,
  };
}

function listenTcp(at: Endpoint, accepted: (stream: ByteStream) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer(SOCKET_OPTIONS, (socket) => accepted(new NodeStream(socket)));
    server.once('error', (error) => {
      reject(systemErrorFrom(error, `listen tcp ${endpointText(at)}`));
    });
    server.listen({ host: at.address, port: at.port }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound ? bound.port : at.port;
      resolve({
        endpoint: { address: at.address, port },
        // Node's callback waits for accepted sockets too; the port is free at once.
        close: async () => void server.close(),
      });
    });
  });
}

function connectTcp(options: ConnectOptions): Promise<ByteStream> {
  const attempt = `dial tcp ${endpointText({ address: options.host, port: options.port })}`;
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...SOCKET_OPTIONS,
      host: options.host,
      port: options.port,
      ...(options.sourceAddress === undefined ? {} : { localAddress: options.sourceAddress }),
    });
    const timer = setTimeout(() => failed(systemError('ETIMEDOUT', attempt)), options.timeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      const verb = codeOf(error) === 'ECONNREFUSED' ? `${attempt}: connect` : attempt;
      reject(systemErrorFrom(error, verb));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      const stream = new NodeStream(socket);
      socket.off('error', failed);
      resolve(stream);
    });
  });
}

function bindUdp(at: Endpoint, listener: UdpListener): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const type = isIPv6(at.address) ? 'udp6' : 'udp4';
    const socket = createSocket({ type, lookup: isAddress });
    socket.on('message', (datagram, from) => {
      listener.received(plainBytes(datagram), { address: from.address, port: from.port });
    });
    const failed = (error: Error): void => {
      reject(systemErrorFrom(error, `listen udp ${endpointText(at)}`));
    };
    socket.once('error', failed);
    socket.bind({ address: at.address, port: at.port }, () => {
      socket.off('error', failed);
      socket.on('error', (error) => listener.failed?.(error, at));
      resolve(openedUdp(socket, listener, at.address));
    });
  });
}

/** Datagrams go to addresses, never to names: there is nothing to look up, nor to wait for. */
function isAddress(
  address: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, isIP(address));
}

function openedUdp(socket: DatagramSocket, listener: UdpListener, address: string): UdpSocket {
  socket.setRecvBufferSize(UDP_RECEIVE_BUFFER_BYTES);
  let open = true;
  return {
    endpoint: { address, port: socket.address().port },
    send: (datagram, to) => {
      const failed = (code: unknown): void =>
        listener.failed?.(systemErrorFrom(code, `write udp ${endpointText(to)}`), to);
      if (!open) return;
      try {
        socket.send(datagram, to.port, to.address, (error) => error && failed(error));
      } catch (error) {
        failed(error);
      }
    },
    close: () =>
      new Promise((resolve) => {
        if (!open) return resolve();
        open = false;
        socket.close(() => resolve());
      }),
  };
}

async function resolve(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch (error) {
    throw systemErrorFrom(error, `lookup ${host}`);
  }
}

function interfaces(): { name: string; address: string; internal: boolean }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, internal }) => ({ name, address, internal })),
  );
}

// What the checks of an agent look at: an HTTP and a TCP server and a file, each failing on demand.

import { rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';

export interface Target {
  /** `http://…`, `host:port` or a path. */
  readonly at: string;
  pass(): void | Promise<void>;
  fail(): void | Promise<void>;
  close(): void;
}

export async function httpTarget(): Promise<Target> {
  let status = 200;
  const server = createHttpServer((_, answer) => {
    answer.writeHead(status, { 'content-type': 'text/plain' });
    answer.end(status === 200 ? 'all is well' : 'on fire');
  });
  const port = await listen(server, 0);
  return {
    at: `http://127.0.0.1:${port}/health`,
    pass: () => {
      status = 200;
    },
    fail: () => {
      status = 503;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function tcpTarget(): Promise<Target> {
  let server: Server | null = createServer((socket) => socket.destroy());
  const port = await listen(server, 0);
  const close = (): void => {
    server?.close();
    server = null;
  };
  return {
    at: `127.0.0.1:${port}`,
    pass: async () => {
      server = createServer((socket) => socket.destroy());
      await listen(server, port);
    },
    fail: close,
    close,
  };
}

/** For a script check: `test -f` this file. */
export function fileTarget(path: string): Target {
  const pass = (): void => writeFileSync(path, 'here');
  const fail = (): void => rmSync(path, { force: true });
  pass();
  return { at: path, pass, fail, close: fail };
}

function listen(server: Server | HttpServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}

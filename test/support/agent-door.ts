/** An agent's HTTP door as small as a gateway needs it: blocking queries and registrations. */

import http from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = { readonly status: number; readonly body: string };

export class TestAgent {
  readonly #server = http.createServer((request, response) => this.#serve(request, response));
  readonly #content = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  readonly services = new Map<string, unknown>();
  /** Method and path of what changed something, in order. */
  readonly log: string[] = [];
  /** When set, answers every request. */
  outage: Answer | undefined;
  #index = 10;
  url = '';

  constructor(datacenter: string) {
    this.set('/v1/agent/self', {
      Config: { Datacenter: datacenter },
      DebugConfig: { DNSDomain: 'consul.' },
    });
    this.set('/v1/health/service/consul', []);
    this.set('/v1/internal/federation-states/mesh-gateways', {});
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    this.url = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Changes a resource and wakes whoever waits for it. */
  set(path: string, body: unknown): void {
    this.#content.set(path, JSON.stringify(body));
    this.#index += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://agent');
    const send = (status: number, body: string): void => {
      response.writeHead(status, { 'X-Consul-Index': String(this.#index) }).end(body);
    };
    if (this.outage) {
      send(this.outage.status, this.outage.body);
    } else if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#put(url.pathname, Buffer.concat(chunks).toString());
        send(200, '');
      });
    } else if (url.pathname.startsWith('/v1/agent/service')) {
      this.#sendServices(url.pathname, send);
    } else if (Number(url.searchParams.get('index')) < this.#index) {
      send(200, this.#content.get(url.pathname) ?? '');
    } else {
      const wake = (): void => {
        this.#waiting.delete(wake);
        send(200, this.#content.get(url.pathname) ?? '');
      };
      this.#waiting.add(wake);
      response.on('close', () => this.#waiting.delete(wake));
    }
  }

  #sendServices(path: string, send: (status: number, body: string) => void): void {
    const id = /^\/v1\/agent\/service\/(.+)$/.exec(path)?.[1];
    if (id === undefined) {
      send(200, JSON.stringify(Object.fromEntries(this.services)));
      return;
    }
    const service = this.services.get(id);
    send(service ? 200 : 404, service ? JSON.stringify(service) : 'unknown service');
  }

  #put(path: string, body: string): void {
    this.log.push(`PUT ${path}`);
    if (path === '/v1/agent/service/register') {
      const service = JSON.parse(body) as { ID: string; Name: string };
      this.services.set(service.ID, { ...service, Service: service.Name });
    } else {
      this.services.delete(path.split('/').at(-1) ?? '');
    }
  }
}

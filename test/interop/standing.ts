// A federation of real processes that a test keeps up, kills and starts again, by the demo's plan.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createDemoFiles } from '../../src/demo/files.ts';
import { type DemoPlan, type DemoServer, planDemo } from '../../src/demo/plan.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import {
  killProgram,
  NETWORK,
  type Program,
  pause,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

export interface StandingOptions {
  /** Servers of each datacenter, dc1 first. */
  readonly servers: readonly number[];
  /** Gateways of each datacenter; one each when absent. */
  readonly gateways?: readonly number[];
  /** Further configuration of a server. */
  readonly config?: (server: DemoServer) => Readonly<Record<string, unknown>>;
}

const GATEWAY_HOST = 100;
const STAND_LIMIT_MS = 90_000;
const ANSWER_LIMIT_MS = 30_000;
const ALIVE = 1;

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly tookMs: number;
}

/** Where the gateway `number` (0 the first) of a datacenter listens for the others. */
export function wanAddress(dc: number, number = 0): string {
  return `${NETWORK}.${dc}.${GATEWAY_HOST + number}:8444`;
}

export class Standing {
  readonly plan: DemoPlan;
  readonly #folder = temporaryFolder();
  readonly #arguments = new Map<string, readonly string[]>();
  readonly #programs = new Map<string, Program>();
  readonly #files: ReturnType<typeof createDemoFiles>;

  private constructor(options: StandingOptions) {
    const plan = planDemo({
      network: NETWORK,
      datacenters: options.servers.length,
      servers: Math.max(...options.servers),
      folder: `${this.#folder.path}/federation`,
      encrypt: randomBytes(32).toString('base64'),
      inspect: false,
    });
    mkdirSync(plan.settings.folder);
    const servers = plan.servers
      .filter(({ dc, node }) => numberOf(node) <= (options.servers[numberOf(dc) - 1] ?? 0))
      .map((server) => ({
        ...server,
        config: {
          ...server.config,
          bootstrap_expect: options.servers[numberOf(server.dc) - 1],
          ...options.config?.(server),
        },
      }));
    this.plan = { ...plan, servers };
    this.#files = createDemoFiles(createNodeWorld(), plan.settings.folder, 'remove');
    for (const { id, args } of servers) this.#arguments.set(id, args);
    options.servers.forEach((_, index) => {
      const count = options.gateways?.[index] ?? 1;
      for (let number = 0; number < count; number += 1) this.addGateway(index + 1, number);
    });
  }

  /** Starts everything and resolves when all know all and answer for all. */
  static async start(options: StandingOptions): Promise<Standing> {
    const standing = new Standing(options);
    await standing.#files.write(standing.plan);
    for (const id of standing.#arguments.keys()) standing.up(id);
    await standing.healthy(STAND_LIMIT_MS);
    return standing;
  }

  /** Plans a gateway: `dc1-gateway`, `dc1-gateway-1`, …; each has an address of its own. */
  addGateway(dc: number, number: number, proxyId = 'mesh-gateway'): string {
    const id = number === 0 ? `dc${dc}-gateway` : `dc${dc}-gateway-${number}`;
    const address = `${NETWORK}.${dc}.${GATEWAY_HOST + number}`;
    this.#arguments.set(id, [
      'connect',
      'gateway',
      '-gateway=mesh',
      '-register',
      '-expose-servers',
      `-proxy-id=${number === 0 ? proxyId : `${proxyId}-${number}`}`,
      `-http-addr=${NETWORK}.${dc}.1:8500`,
      `-address=${address}:8443`,
      `-wan-address=${address}:8444`,
    ]);
    return id;
  }

  get ids(): readonly string[] {
    return [...this.#arguments.keys()];
  }

  up(id: string): void {
    const args = this.#arguments.get(id);
    if (args === undefined) throw new Error(`no process ${id} is planned`);
    if (this.#programs.has(id)) throw new Error(`${id} runs already`);
    this.#programs.set(id, startProgram(args));
  }

  async kill(id: string): Promise<void> {
    const program = this.#programs.get(id);
    if (program === undefined) throw new Error(`${id} does not run`);
    this.#programs.delete(id);
    await killProgram(program);
  }

  lines(id: string): readonly string[] {
    return this.#programs.get(id)?.lines ?? [];
  }

  pid(id: string): number | undefined {
    return this.#programs.get(id)?.child.pid;
  }

  /** Processes that ended although nobody killed them, with their last words. */
  fallen(): readonly string[] {
    return [...this.#programs].flatMap(([id, { child, lines }]) =>
      child.exitCode === null && child.signalCode === null
        ? []
        : [`${id}: ${child.exitCode ?? child.signalCode}: ${lines.slice(-5).join('\n')}`],
    );
  }

  server(dc: number, number = 1): DemoServer {
    const found = this.plan.servers.find(({ id }) => id === `dc${dc}-server${number}`);
    if (found === undefined) throw new Error(`no server ${number} in dc${dc}`);
    return found;
  }

  /** Asks a server's API; a connection that breaks answers with status 0. */
  async ask(server: DemoServer, path: string, put?: string): Promise<Answer> {
    const began = performance.now();
    const done = (status: number, text: string): Answer => ({
      status,
      text,
      tookMs: performance.now() - began,
    });
    try {
      const answer = await fetch(`${server.http}${path}`, {
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
        ...(put === undefined ? {} : { method: 'PUT', body: put }),
      });
      return done(answer.status, await answer.text());
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return done(0, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** What does not hold yet of: all alive everywhere, all states everywhere, all answer for all. */
  async missing(): Promise<readonly string[]> {
    const missing: string[] = [];
    const servers = this.plan.servers;
    const states = this.plan.datacenters;
    await Promise.all(
      servers.map(async (server) => {
        const members = await this.#list(server, '/v1/agent/members?wan=1');
        const alive = members.filter((member) => member['Status'] === ALIVE).length;
        if (alive !== servers.length) missing.push(`${server.id}: ${alive} alive in the WAN`);
        const known = await this.#list(server, '/v1/internal/federation-states?stale');
        const complete = known.filter((state) => Array.isArray(state['MeshGateways']));
        if (complete.length !== states.length) {
          missing.push(`${server.id}: ${complete.length} federation states`);
        }
        for (const dc of states) {
          const answer = await this.ask(server, `/v1/catalog/nodes?dc=${dc}`);
          if (answer.status !== 200) missing.push(`${server.id} for ${dc}: ${answer.text}`);
        }
      }),
    );
    return missing;
  }

  async healthy(limitMs: number): Promise<void> {
    let missing: readonly string[] = [];
    await until('a healthy federation', limitMs, async () => {
      missing = await this.missing();
      return missing.length === 0;
    }).catch((error: Error) => {
      throw new Error([error.message, ...missing, ...this.fallen()].join('\n'));
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#programs.keys()].map((id) => this.kill(id)));
    this.#folder.remove();
  }

  async #list(
    server: DemoServer,
    path: string,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { status, text } = await this.ask(server, path);
    const parsed: unknown = status === 200 ? JSON.parse(text) : [];
    return Array.isArray(parsed) ? parsed : [];
  }
}

function numberOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0]);
}

export interface Polling {
  readonly failures: readonly Answer[];
  readonly slowestMs: number;
  /** Milliseconds from the beginning until the answers became and stayed good; undefined: not yet. */
  healedAfterMs(): number | undefined;
  stop(): Promise<void>;
}

/** Asks for the nodes of another datacenter again and again, each time on its own, until stopped. */
export function poll(standing: Standing, from: DemoServer, path: string, everyMs: number): Polling {
  const began = performance.now();
  const failures: Answer[] = [];
  let slowestMs = 0;
  let goodSince: number | undefined;
  let stopped = false;
  const run = (async () => {
    while (!stopped) {
      const askedAt = performance.now();
      const answer = await standing.ask(from, path);
      slowestMs = Math.max(slowestMs, answer.tookMs);
      if (answer.status === 200) goodSince ??= performance.now();
      else {
        goodSince = undefined;
        failures.push(answer);
      }
      await pause(Math.max(0, everyMs - (performance.now() - askedAt)));
    }
  })();
  return {
    failures,
    get slowestMs() {
      return slowestMs;
    },
    healedAfterMs: () =>
      failures.length > 0 && goodSince !== undefined ? goodSince - began : undefined,
    stop: () => {
      stopped = true;
      return run;
    },
  };
}

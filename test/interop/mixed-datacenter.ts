// One datacenter of servers and client agents, each a process of mobius or of a real Consul.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCa, createCertificate, type Issued } from '../../src/tls/pki/certificate.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { NETWORK, pause, temporaryFolder, until } from './program.ts';

export type Maker = 'mobius' | 'consul';
export type Role = 'server' | 'client';

const BUNDLE = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const DATACENTER = 'dc1';
const LAN_PORT = 8301;
const READY_LIMIT_MS = 60_000;
const LEAVE_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 30_000;
const CERTIFICATE_DAYS = 30;
const ALIVE = 1;

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface Request {
  readonly method?: string;
  readonly body?: string | object;
}

export interface MixedOptions {
  /** The real program. */
  readonly consul: string;
  /** Third byte of all addresses: two datacenters of one run keep apart by it. */
  readonly subnet: number;
  readonly servers: readonly Maker[];
  readonly clients: readonly Maker[];
  /** `closed`: gossip keys, and certificates that everyone has to show. `given`: the same, but that
   * clients start with none and get theirs from the servers. */
  readonly security: 'open' | 'closed' | 'given';
}

/** An agent that is started and ended; what it kept on disk stays. */
export class Agent {
  readonly name: string;
  readonly maker: Maker;
  readonly role: Role;
  readonly address: string;
  /** Everything it has written, of all its runs. */
  readonly lines: string[] = [];
  readonly #command: readonly string[];
  readonly #consul: string;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    facts: Pick<Agent, 'name' | 'maker' | 'role' | 'address'> & {
      readonly consul: string;
      readonly configPath: string;
    },
  ) {
    this.name = facts.name;
    this.maker = facts.maker;
    this.role = facts.role;
    this.address = facts.address;
    this.#consul = facts.consul;
    const program = facts.maker === 'consul' ? [facts.consul] : [process.execPath, BUNDLE];
    this.#command = [...program, 'agent', `-config-file=${facts.configPath}`];
  }

  get http(): string {
    return `http://${this.address}:8500`;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) collectLines(stream, this.lines);
    this.#ended = new Promise((resolve) =>
      child.once('close', () => {
        running.delete(child);
        resolve();
      }),
    );
  }

  async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    await this.ended();
  }

  /** Resolves when the process is gone; kills it, and says so, when that takes too long. */
  async ended(): Promise<void> {
    const late = pause(LEAVE_LIMIT_MS).then(() => 'late' as const);
    if ((await Promise.race([this.#ended, late])) === undefined) return;
    this.#child?.kill('SIGKILL');
    throw new Error(`${this.name} did not end by itself:\n${this.lines.slice(-20).join('\n')}`);
  }

  /** Asks its API; a connection that breaks answers with status 0. */
  async ask(path: string, { method = 'GET', body }: Request = {}): Promise<Answer> {
    try {
      const answer = await fetch(`${this.http}${path}`, {
        method,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    } catch (error) {
      return { status: 0, text: String(error), headers: new Headers() };
    }
  }

  put(path: string, body: string | object = ''): Promise<Answer> {
    return this.ask(path, { method: 'PUT', body });
  }

  /** The JSON of a successful answer. */
  async json<T>(path: string): Promise<T> {
    const { status, text } = await this.ask(path);
    if (status !== 200) throw new Error(`${this.name} ${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** The real command line against its API. */
  consul(...args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const env = { ...process.env, CONSUL_HTTP_ADDR: this.http };
      const options = { env, encoding: 'utf8' as const, timeout: ANSWER_LIMIT_MS };
      execFile(this.#consul, [...args], options, (error, out, err) => {
        const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1;
        resolve({ code, out, err });
      });
    });
  }

  /** What the command printed; rejects when it failed. */
  async succeed(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.consul(...args);
    if (code !== 0)
      throw new Error(`consul ${args.join(' ')} at ${this.name}: ${code} ${out}${err}`);
    return out;
  }
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class MixedDatacenter {
  readonly servers: readonly Agent[];
  readonly clients: readonly Agent[];
  readonly folder: string;
  readonly consul: string;
  /** The gossip key; null without encryption. */
  readonly encrypt: string | null;
  readonly #options: MixedOptions;
  readonly #ca: Issued | null;
  readonly #temporary = temporaryFolder();

  private constructor(options: MixedOptions) {
    this.#options = options;
    this.folder = this.#temporary.path;
    this.consul = options.consul;
    const closed = options.security !== 'open';
    this.encrypt = closed ? randomBytes(32).toString('base64') : null;
    this.#ca = closed ? createCa({ days: CERTIFICATE_DAYS }, making()) : null;
    if (this.#ca !== null) writeFileSync(join(this.folder, 'ca.pem'), this.#ca.certPem);
    this.servers = options.servers.map((maker, at) => this.#agent(maker, 'server', at + 1));
    this.clients = options.clients.map((maker, at) => this.#agent(maker, 'client', at + 1));
  }

  /** Starts everything and resolves when all know all, and each client's node is in the catalog. */
  static async start(options: MixedOptions): Promise<MixedDatacenter> {
    const datacenter = new MixedDatacenter(options);
    for (const agent of datacenter.agents) agent.start();
    await datacenter.healthy();
    return datacenter;
  }

  get agents(): readonly Agent[] {
    return [...this.servers, ...this.clients];
  }

  /** What does not hold yet of: all alive everywhere, one leader, all nodes in the catalog. */
  async missing(): Promise<readonly string[]> {
    const missing: string[] = [];
    const all = this.agents.map(({ name }) => name).toSorted();
    await Promise.all(
      this.agents.map(async (agent) => {
        const members = await list(agent, '/v1/agent/members');
        const alive = members.filter(({ Status }) => Status === ALIVE).map(({ Name }) => Name);
        if (alive.toSorted().join() !== all.join()) missing.push(`${agent.name} sees ${alive}`);
        const leader = await agent.ask('/v1/status/leader');
        if (leader.status !== 200 || leader.text.length < 5) {
          missing.push(`${agent.name} knows no leader: ${leader.text}`);
        }
        const nodes = await list(agent, '/v1/catalog/nodes');
        const names = nodes.map(({ Node }) => Node).toSorted();
        if (names.join() !== all.join()) missing.push(`${agent.name} lists ${names}`);
        const health = await list(agent, '/v1/health/state/critical');
        const serf = health.filter(({ CheckID }) => CheckID === 'serfHealth');
        if (serf.length > 0) missing.push(`${agent.name} has ${serf.length} failed nodes`);
      }),
    );
    return missing;
  }

  async healthy(limitMs = READY_LIMIT_MS): Promise<void> {
    let missing: readonly string[] = [];
    await until('a healthy datacenter', limitMs, async () => {
      missing = await this.missing();
      return missing.length === 0;
    }).catch((error: Error) => {
      const last = this.agents.map(({ name, lines }) => `${name}: ${lines.slice(-8).join('\n  ')}`);
      throw new Error([error.message, ...missing, ...last].join('\n'));
    });
  }

  /** The server that leads, once one does. */
  async leader(): Promise<Agent> {
    let found: Agent | undefined;
    await until('a leader', READY_LIMIT_MS, async () => {
      for (const server of this.servers.filter((each) => each.running)) {
        const { status, text } = await server.ask('/v1/status/leader');
        const address = status === 200 ? String(JSON.parse(text)).split(':')[0] : '';
        found = this.servers.find((each) => each.running && each.address === address);
        if (found !== undefined) return true;
      }
      return false;
    });
    if (found === undefined) throw new Error('no leader');
    return found;
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.end('SIGKILL')));
    this.#temporary.remove();
  }

  #agent(maker: Maker, role: Role, number: number): Agent {
    const { consul, subnet, servers } = this.#options;
    const name = `${role}${number}`;
    const address = `${NETWORK}.${subnet}.${role === 'server' ? number : 100 + number}`;
    const configPath = join(this.folder, `${name}.json`);
    mkdirSync(join(this.folder, name));
    const config = {
      node_name: name,
      datacenter: DATACENTER,
      data_dir: join(this.folder, name),
      ...(role === 'server' ? { server: true, bootstrap_expect: servers.length } : {}),
      bind_addr: address,
      client_addr: address,
      retry_join: servers.map((_, at) => `${NETWORK}.${subnet}.${at + 1}:${LAN_PORT}`),
      retry_interval: '1s',
      enable_script_checks: true,
      disable_update_check: true,
      connect: { enabled: true },
      log_level: 'info',
      performance: { raft_multiplier: 1, leave_drain_time: '1s' },
      ports: { dns: -1, grpc: -1, ...(role === 'server' ? {} : { serf_wan: -1 }) },
      ...(this.encrypt === null ? {} : { encrypt: this.encrypt }),
      ...this.#tls(name, role),
    };
    writeFileSync(configPath, JSON.stringify(config));
    return new Agent({ name, maker, role, address, consul, configPath });
  }

  #tls(name: string, role: Role): Readonly<Record<string, unknown>> {
    if (this.#ca === null) return {};
    const given = this.#options.security === 'given';
    const common = {
      ca_file: join(this.folder, 'ca.pem'),
      verify_incoming: true,
      verify_outgoing: true,
      verify_server_hostname: true,
    };
    if (given && role === 'client') return { ...common, auto_encrypt: { tls: true } };
    const own = `${role}.${DATACENTER}.consul`;
    const request = {
      commonName: own,
      days: CERTIFICATE_DAYS,
      dnsNames: [own, 'localhost', ...(role === 'server' ? [`${name}.${own}`] : [])],
      ipAddresses: ['127.0.0.1'],
      extendedUsage: ['serverAuth', 'clientAuth'] as const,
    };
    const issued = createCertificate(request, this.#ca, making());
    const [certFile, keyFile] = [
      join(this.folder, `${name}.pem`),
      join(this.folder, `${name}-key.pem`),
    ];
    writeFileSync(certFile, issued.certPem);
    writeFileSync(keyFile, issued.keyPem);
    return {
      ...common,
      ...(given ? { auto_encrypt: { allow_tls: true } } : {}),
      cert_file: certFile,
      key_file: keyFile,
    };
  }
}

const world = createNodeWorld();

function making(): { readonly random: typeof world.random; readonly nowMs: number } {
  return { random: world.random, nowMs: world.clock.now() };
}

async function list(
  agent: Agent,
  path: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { status, text } = await agent.ask(path);
  const parsed: unknown = status === 200 ? JSON.parse(text) : [];
  return Array.isArray(parsed) ? parsed : [];
}

function collectLines(stream: NodeJS.ReadableStream, lines: string[]): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  stream.on('end', () => {
    if (rest !== '') lines.push(rest);
  });
}

/**
 * The flags and environment variables that every command shares which talks to an agent, and the
 * client that follows from them.
 */

import { textOf } from '../error-text.ts';
import type { FlagSpec, Flags } from '../flags.ts';
import { HttpClient, type HttpRequest, UnexpectedStatusError } from '../http-client/client.ts';
import type { Disk } from '../world/world.ts';
import { CommandError, type Terminal } from './command.ts';

const DEFAULT_ADDRESS = 'http://127.0.0.1:8500';

/** Flags of all commands that talk to an agent. */
export const AGENT_FLAGS: readonly FlagSpec[] = [
  {
    name: 'http-addr',
    kind: 'string',
    help: 'Address of the agent. Also CONSUL_HTTP_ADDR.',
    fallback: DEFAULT_ADDRESS,
  },
  { name: 'token', kind: 'string', help: 'ACL token to send. Also CONSUL_HTTP_TOKEN.' },
  { name: 'token-file', kind: 'string', help: 'File that holds the ACL token.' },
  { name: 'ca-file', kind: 'string', help: 'CA certificate for https. Also CONSUL_CACERT.' },
  { name: 'client-cert', kind: 'string', help: 'Client certificate. Also CONSUL_CLIENT_CERT.' },
  { name: 'client-key', kind: 'string', help: 'Key of the client certificate.' },
  { name: 'tls-server-name', kind: 'string', help: 'Name to verify the agent by.' },
];

/** Flags of commands that read or write data of a datacenter. */
export const DATACENTER_FLAGS: readonly FlagSpec[] = [
  { name: 'datacenter', kind: 'string', help: 'Datacenter to ask; the agent’s own when absent.' },
  { name: 'stale', kind: 'bool', help: 'Allow any server to answer, not only the leader.' },
];

/** An agent's API as the commands use it: JSON in and out, errors as Consul's tools word them. */
export interface AgentApi {
  get(path: string, query?: Query): Promise<Buffer>;
  put(path: string, query?: Query, body?: Uint8Array | string): Promise<Buffer>;
  post(path: string, query?: Query, body?: Uint8Array | string): Promise<Buffer>;
  delete(path: string, query?: Query, body?: Uint8Array | string): Promise<Buffer>;
  /** As `get`, handed over piece by piece, at the pace of `take`; ends with what that throws. */
  download(path: string, take: (piece: Uint8Array) => Promise<void>): Promise<void>;
  /** As `put`, sent at the pace of the agent. */
  upload(path: string, body: AsyncIterable<Uint8Array>): Promise<void>;
  close(): void;
}

/** Query parameters: `true` gives the bare name, `undefined` and `false` leave it out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** Opens the client that flags and environment name. Rejects when a named file cannot be read. */
export async function openHttpClient(
  flags: Flags,
  terminal: Terminal,
  disk: Disk,
): Promise<HttpClient> {
  const environment = terminal.environment;
  const url = urlOf(flags, terminal);
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined || path === ''
      ? undefined
      : Buffer.from(await disk.readFile(path)).toString('utf8');
  const tokenFile = flags.string('token-file') ?? environment['CONSUL_HTTP_TOKEN_FILE'];
  const token =
    flags.string('token') ?? (await read(tokenFile))?.trim() ?? environment['CONSUL_HTTP_TOKEN'];
  const caPem = await read(flags.string('ca-file') ?? environment['CONSUL_CACERT']);
  const certPem = await read(flags.string('client-cert') ?? environment['CONSUL_CLIENT_CERT']);
  const keyPem = await read(flags.string('client-key') ?? environment['CONSUL_CLIENT_KEY']);
  const serverName = flags.string('tls-server-name') ?? environment['CONSUL_TLS_SERVER_NAME'];
  const secure = environment['CONSUL_HTTP_SSL'] === 'true' && !/^[a-z]+:\/\//.test(url);
  return new HttpClient({
    url: secure ? `https://${url}` : url,
    ...(token ? { token } : {}),
    ...(caPem === undefined ? {} : { caPem }),
    ...(certPem === undefined ? {} : { certPem }),
    ...(keyPem === undefined ? {} : { keyPem }),
    ...(serverName === undefined ? {} : { serverName }),
    verify: environment['CONSUL_HTTP_SSL_VERIFY'] !== 'false',
  });
}

function urlOf(flags: Flags, { environment }: Terminal): string {
  return flags.string('http-addr') ?? environment['CONSUL_HTTP_ADDR'] ?? DEFAULT_ADDRESS;
}

/** Opens the API that flags and environment name. Rejects when a named file cannot be read. */
export async function openAgentApi(
  flags: Flags,
  terminal: Terminal,
  disk: Disk,
): Promise<AgentApi> {
  const client = await openHttpClient(flags, terminal, disk);
  const url = urlOf(flags, terminal);
  const shown = url.includes('://') ? url : `http://${url}`;
  const common: Query = {
    dc: flags.has('datacenter') ? flags.string('datacenter') : undefined,
    stale: flags.has('stale') ? flags.bool('stale') : undefined,
  };
  /** Says of a failed exchange which it was. */
  const told = async <Request extends HttpRequest, T>(
    request: Request,
    exchange: (request: Request) => Promise<T>,
  ): Promise<T> => {
    try {
      return await exchange(request);
    } catch (error) {
      if (error instanceof UnexpectedStatusError) throw error;
      const verb = `${request.method[0]}${request.method.slice(1).toLowerCase()}`;
      throw new Error(`${verb} "${shown}${request.path}": ${dialText(error)}`, { cause: error });
    }
  };
  const send = async (
    method: HttpRequest['method'],
    path: string,
    query: Query,
    body?: Uint8Array | string,
  ): Promise<Buffer> => {
    const full = `${path}${queryText({ ...common, ...query })}`;
    const request = { method, path: full, ...(body === undefined ? {} : { body }) };
    return (await told(request, (asked) => client.expectOk(asked))).body;
  };
  return {
    get: (path, query = {}) => send('GET', path, query),
    put: (path, query = {}, body) => send('PUT', path, query, body),
    post: (path, query = {}, body) => send('POST', path, query, body),
    delete: (path, query = {}, body) => send('DELETE', path, query, body),
    download: (path, take) =>
      told({ method: 'GET', path: `${path}${queryText(common)}` }, (request) =>
        client.stream(request, take),
      ),
    upload: async (path, body) => {
      const request = { method: 'PUT', path: `${path}${queryText(common)}` } as const;
      await told(request, (asked) => client.upload(asked, body));
    },
    close: () => client.close(),
  };
}

/** What a command does with the agent; resolves to the exit code. */
export type ApiWork = (api: AgentApi, flags: Flags, terminal: Terminal) => Promise<number>;

/** A command's `run` that opens the API before its work and closes it after. */
export function withAgentApi(
  disk: Disk,
  work: ApiWork,
): (flags: Flags, terminal: Terminal) => Promise<number> {
  return async (flags, terminal) => {
    const api = await openAgentApi(flags, terminal, disk);
    try {
      return await work(api, flags, terminal);
    } finally {
      api.close();
    }
  };
}

/** Runs `work`, wrapping what it throws as `<attempt>: <text>`. */
export async function attempt<T>(text: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = textOf(error);
    throw new CommandError(`${text}: ${cause}`, { cause: error });
  }
}

function queryText(query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    if (value === true) return [name];
    const values = Array.isArray(value) ? value : [value];
    return values.map((item) => `${name}=${encodeURIComponent(String(item))}`);
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

const DIAL_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENOENT: 'no such file or directory',
  ETIMEDOUT: 'connection timed out',
};

/** Node's dial errors in the words that scripts written against Consul look for. */
function dialText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as Error & {
    code?: string;
    address?: string;
    port?: number;
  };
  const text = code === undefined ? undefined : DIAL_TEXTS[code];
  if (text === undefined) return error.message;
  return `dial tcp ${address ?? ''}${port === undefined ? '' : `:${port}`}: connect: ${text}`;
}

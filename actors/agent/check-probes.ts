/** One run of an HTTP or TCP check over the world's network. Never rejects: a failure is a result. */

import { textOf } from '../../src/error-text.ts';
import type { CheckRun } from '../../src/local/definitions.ts';
import { type ProbeAnswer, probeHttp } from '../../src/local/http-probe.ts';
import type { ByteStream, World } from '../../src/world/world.ts';

export interface ProbeResult {
  readonly status: 'passing' | 'warning' | 'critical';
  readonly output: string;
}

type TcpRun = Extract<CheckRun, { kind: 'tcp' }>;
type HttpRun = Extract<CheckRun, { kind: 'http' }>;

const REDIRECTS_MAX = 10;

const CONNECT_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  ENOTFOUND: 'no such host',
};

export async function probeTcpCheck(world: World, run: TcpRun): Promise<ProbeResult> {
  const { host, port } = splitAddress(run.address);
  try {
    const stream = await world.network.connectTcp({ host, port, timeoutMs: run.timeoutMs });
    stream.listen({ data: () => {} });
    stream.destroy();
    return { status: 'passing', output: `TCP connect ${run.address}: Success` };
  } catch (error) {
    return { status: 'critical', output: dialText(run.address, error) };
  }
}

export async function probeHttpCheck(
  world: World,
  run: HttpRun,
  caPem: readonly string[],
  outputBytesMax: number,
): Promise<ProbeResult> {
  const limit = new TimeLimit(world, run.timeoutMs);
  try {
    const answer = await Promise.race([
      follow(world, run, caPem, outputBytesMax, limit),
      limit.over,
    ]);
    const text = answer.body.toString('utf8');
    return {
      status: statusOf(answer.status),
      output: `HTTP ${run.method} ${run.url}: ${answer.statusText} Output: ${text}`,
    };
  } catch (error) {
    const text = textOf(error);
    const method = run.method.charAt(0) + run.method.slice(1).toLowerCase();
    return { status: 'critical', output: `${method} "${run.url}": ${text}` };
  } finally {
    limit.end();
  }
}

function statusOf(code: number): ProbeResult['status'] {
  if (code >= 200 && code < 300) return 'passing';
  return code === 429 ? 'warning' : 'critical';
}

/** Ends whatever stream is open when the time is over. */
class TimeLimit {
  readonly over: Promise<never>;
  #stream: ByteStream | null = null;
  readonly end: () => void;

  constructor(world: World, timeoutMs: number) {
    let timer: ReturnType<World['clock']['setTimeout']> | null = null;
    this.over = new Promise((_resolve, reject) => {
      timer = world.clock.setTimeout(() => {
        this.#stream?.destroy();
        reject(
          new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
        );
      }, timeoutMs);
    });
    this.over.catch(() => {});
    this.end = () => {
      if (timer !== null) world.clock.clearTimeout(timer);
    };
  }

  watch(stream: ByteStream): ByteStream {
    this.#stream = stream;
    return stream;
  }
}

async function follow(
  world: World,
  run: HttpRun,
  caPem: readonly string[],
  outputBytesMax: number,
  limit: TimeLimit,
): Promise<ProbeAnswer> {
  let url = new URL(run.url);
  for (let redirects = 0; ; redirects++) {
    const stream = limit.watch(await connect(world, run, url, caPem));
    const answer = await probeHttp(
      stream,
      {
        method: run.method,
        target: `${url.pathname}${url.search}`,
        host: url.host,
        header: run.header,
        body: run.body,
      },
      outputBytesMax,
    );
    const redirected = answer.status >= 301 && answer.status <= 308 && answer.location !== null;
    if (!redirected || answer.status === 304) return answer;
    if (redirects >= REDIRECTS_MAX) throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
    url = new URL(answer.location ?? '', url);
  }
}

async function connect(
  world: World,
  run: HttpRun,
  url: URL,
  caPem: readonly string[],
): Promise<ByteStream> {
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') {
    throw new Error(`unsupported protocol scheme "${url.protocol.replace(/:$/, '')}"`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (secure ? 443 : 80);
  let stream: ByteStream;
  try {
    stream = await world.network.connectTcp({ host, port, timeoutMs: run.timeoutMs });
  } catch (error) {
    throw new Error(dialText(`${url.hostname}:${port}`, error), { cause: error });
  }
  if (!secure) return stream;
  return world.network.tlsClient(stream, {
    caPem,
    servername: host,
    verify: run.tlsSkipVerify ? 'none' : 'name',
    minVersion: 'TLSv1.2',
    handshakeTimeoutMs: run.timeoutMs,
  });
}

/** As Go's dialer words a failure. */
function dialText(address: string, error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  const known = typeof code === 'string' ? CONNECT_TEXTS[code] : undefined;
  const text = known ?? textOf(error);
  return `dial tcp ${address}: ${text}`;
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  if (colon < 0) return { host: address, port: 0 };
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(address.slice(colon + 1)) };
}

// 100,000 random, truncated and damaged streams and as many datagrams against a running server: it
// answers as before, its memory does not grow, and its log does not either.

import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCa, createCertificate } from '../../src/tls/pki/certificate.ts';
import { encodePing } from '../../src/wire/gossip/messages.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import {
  figure,
  killProgram,
  NETWORK,
  type Program,
  pause,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

const STREAMS = Number(process.env['MOBIUS_INTEROP_STREAMS'] ?? 100_000);
const WARM_UP = Math.floor(STREAMS / 5);
const AT_ONCE = 64;
/** A server that keeps something of each stream grows by much more; what V8 keeps free varies. */
const GROWTH_MIB_MAX = 48;
const LOG_LINES_MAX = 2_000;
/** Three places tell of strangers, each at most ten a second: a slow machine has more seconds. */
const LOG_LINES_MAX_PER_SECOND = 33;
const ADDRESS = `${NETWORK}.9.1`;
/** As many clients, so that the limit of connections for each is not all that is tested. */
const SOURCES = 32;

const temporary = temporaryFolder();
let server: Program;

beforeAll(async () => {
  const world = createNodeWorld();
  const making = { random: world.random, nowMs: world.clock.now() };
  const ca = createCa({ days: 2 }, making);
  const dnsNames = ['n1.server.dc1.consul', 'server.dc1.consul', 'localhost'];
  const issued = createCertificate(
    {
      commonName: 'server.dc1.consul',
      days: 2,
      dnsNames,
      ipAddresses: ['127.0.0.1'],
      extendedUsage: ['serverAuth', 'clientAuth'],
    },
    ca,
    making,
  );
  const file = (name: string, content: string): string => {
    const path = join(temporary.path, name);
    writeFileSync(path, content);
    return path;
  };
  const config = {
    server: true,
    bootstrap_expect: 1,
    node_name: 'n1',
    data_dir: join(temporary.path, 'data'),
    bind_addr: ADDRESS,
    client_addr: ADDRESS,
    ca_file: file('ca.pem', ca.certPem),
    cert_file: file('cert.pem', issued.certPem),
    key_file: file('key.pem', issued.keyPem),
    // Plaintext is not refused and gossip is not sealed: what comes gets as deep as it can.
    verify_outgoing: true,
    verify_server_hostname: true,
    connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    performance: { raft_multiplier: 1 },
  };
  server = startProgram(['agent', '-config-file', file('config.json', JSON.stringify(config))]);
  await until('the server leads', 20_000, healthy);
});

afterAll(async () => {
  await killProgram(server);
  temporary.remove();
});

async function healthy(): Promise<boolean> {
  const url = `http://${ADDRESS}:8500/v1/kv/is-well`;
  const put = await fetch(url, { method: 'PUT', body: 'yes' }).catch(() => undefined);
  if (put?.status !== 200) return false;
  const got = await fetch(`${url}?raw&consistent`).catch(() => undefined);
  return (await got?.text()) === 'yes';
}

function residentMiB(): number {
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** Datagrams that the kernel of this machine has dropped because nobody was quick enough. */
function dropped(): number {
  const rows = readFileSync('/proc/net/snmp', 'utf8').match(/^Udp: .*$/gm) ?? [];
  const [names = [], values = []] = rows.map((row) => row.split(' '));
  return Number(values[names.indexOf('RcvbufErrors')]);
}

/** Which lines there are most of. */
function loudest(lines: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [, actor = ''] = /"actor":"([^"]*)"/.exec(line) ?? [];
    const [, text = line] = /"msg":"([^"]*)"/.exec(line) ?? [];
    const key = `${actor}: ${text}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.slice(0, 4).map(([text, count]) => `${count} × ${text}`);
}

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomBytes(random: (below: number) => number, most: number): Buffer {
  const bytes = Buffer.allocUnsafe(random(most + 1));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = random(256);
  return bytes;
}

/** What a TLS client says first, with one of the protocols of the server port. */
function clientHello(protocol: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = createServer((socket) => {
      socket.once('data', (hello) => {
        socket.destroy();
        listener.close();
        resolve(hello);
      });
      socket.on('error', () => {});
    });
    listener.listen(0, '127.0.0.1', () => {
      const at = listener.address();
      if (at === null || typeof at === 'string') throw new Error('no port');
      const options = { host: '127.0.0.1', port: at.port, ALPNProtocols: [protocol] };
      connectTls({ ...options, servername: 'server.dc1.consul' }).on('error', () => {});
    });
  });
}

/** Beginnings that lead a stream past the first byte. */
async function beginnings(): Promise<readonly Buffer[]> {
  const hellos = await Promise.all(
    ['consul/rpc-multi', 'consul/wan-gossip/packet', 'consul/raft', 'h2'].map(clientHello),
  );
  const yamuxOpen = Buffer.from([4, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
  const yamuxData = Buffer.from([4, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
  const request = Buffer.from([0, 0x82, 0xa3, ...Buffer.from('Seq'), 1, 0xad]);
  const types = Array.from({ length: 9 }, (_, type) => Buffer.from([type]));
  const tlsInside = hellos.map((hello) => Buffer.concat([Buffer.from([3]), hello]));
  return [Buffer.alloc(0), ...types, yamuxOpen, yamuxData, request, ...hellos, ...tlsInside];
}

/** A beginning, damaged or cut or not, and noise. */
function hostile(random: (below: number) => number, starts: readonly Buffer[]): Buffer {
  const start = starts[random(starts.length)] ?? Buffer.alloc(0);
  const bytes = Buffer.concat([start, randomBytes(random, random(4) === 0 ? 2_000 : 60)]);
  switch (random(4)) {
    case 0:
      return bytes.subarray(0, random(bytes.length + 1));
    case 1:
      if (bytes.length > 0) bytes[random(bytes.length)] = random(256);
      return bytes;
    default:
      return bytes;
  }
}

/** One stream: sends, then half-closes or vanishes, at once or after an answer. */
function sendStream(bytes: Buffer, source: string, ending: number): Promise<'sent' | 'refused'> {
  return new Promise((resolve) => {
    let opened = false;
    const socket = connect({ host: ADDRESS, port: 8300, localAddress: source });
    socket.on('error', () => {});
    socket.on('close', () => resolve(opened ? 'sent' : 'refused'));
    socket.on('connect', () => {
      opened = true;
      if (ending === 0) socket.end(bytes);
      else socket.write(bytes, () => socket.resetAndDestroy());
      if (ending === 0) socket.setTimeout(200, () => socket.destroy());
      socket.resume();
    });
  });
}

async function sendStreams(
  count: number,
  seed: number,
  starts: readonly Buffer[],
): Promise<number> {
  const random = generator(seed);
  let left = count;
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const source = `${NETWORK}.10.${1 + random(SOURCES)}`;
      const outcome = await sendStream(hostile(random, starts), source, random(4));
      if (outcome === 'sent') sent += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sent;
}

test(`${STREAMS} hostile streams against the server port`, { timeout: 400_000 }, async () => {
  const starts = await beginnings();
  await sendStreams(WARM_UP, 1, starts);
  await pause(6_000);
  const before = residentMiB();
  const linesBefore = server.lines.length;
  const began = performance.now();
  const sent = await sendStreams(STREAMS, 2, starts);
  const tookMs = performance.now() - began;
  expect(await healthy()).toBe(true);
  // Streams that said nothing end with the time limit of the handshake.
  await pause(6_000);
  const after = residentMiB();
  const seconds = (performance.now() - began) / 1000;
  figure(
    `${sent} of ${STREAMS} streams in ${Math.round(tookMs)} ms; resident ${Math.round(before)} → ` +
      `${Math.round(after)} MiB; ${server.lines.length - linesBefore} log lines`,
  );
  for (const line of loudest(server.lines.slice(linesBefore))) figure(`  ${line}`);
  expect(sent).toBeGreaterThan(STREAMS * 0.99);
  expect(after - before).toBeLessThan(GROWTH_MIB_MAX);
  expect(server.lines.length - linesBefore).toBeLessThan(seconds * LOG_LINES_MAX_PER_SECOND);
  expect(await healthy()).toBe(true);
});

test(`${STREAMS} hostile datagrams against the gossip ports`, { timeout: 400_000 }, async () => {
  const source = { SourceAddr: Buffer.of(127, 0, 0, 1), SourcePort: 8301, SourceNode: 'x' };
  const ping = Buffer.from(encodePing({ SeqNo: 7, Node: 'n1', ...source }));
  const types = Array.from({ length: 16 }, (_, type) => Buffer.from([type]));
  const marked = [244, 245, 246, 247, 255].map((mark) => Buffer.from([mark, 0, 1, 200, 5]));
  const starts = [Buffer.alloc(0), ping, ...types, ...marked];
  const send = async (count: number, seed: number): Promise<void> => {
    const random = generator(seed);
    const socket = createSocket('udp4');
    socket.on('error', () => {});
    for (let number = 0; number < count; number += 1) {
      const bytes = hostile(random, starts).subarray(0, 1_400);
      const port = number % 2 === 0 ? 8301 : 8302;
      await new Promise<void>((resolve) => socket.send(bytes, port, ADDRESS, () => resolve()));
      if (number % 40 === 0) await pause(1);
    }
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  };
  await send(WARM_UP, 3);
  await pause(1_000);
  const before = residentMiB();
  const linesBefore = server.lines.length;
  const droppedBefore = dropped();
  const began = performance.now();
  await send(STREAMS, 4);
  const tookMs = performance.now() - began;
  expect(await healthy()).toBe(true);
  const after = residentMiB();
  figure(
    `${STREAMS} datagrams in ${Math.round(tookMs)} ms, ${dropped() - droppedBefore} lost on the ` +
      `way; resident ${Math.round(before)} → ${Math.round(after)} MiB; ` +
      `${server.lines.length - linesBefore} log lines`,
  );
  expect(dropped() - droppedBefore).toBeLessThan(STREAMS / 10);
  expect(after - before).toBeLessThan(GROWTH_MIB_MAX);
  expect(server.lines.length - linesBefore).toBeLessThan(LOG_LINES_MAX);
  const members = await fetch(`http://${ADDRESS}:8500/v1/agent/members`);
  expect(((await members.json()) as readonly { Name: string }[]).map(({ Name }) => Name)).toEqual([
    'n1',
  ]);
});

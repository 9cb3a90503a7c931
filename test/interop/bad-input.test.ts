// What cannot work is refused with one clear line and an exit code, before anybody has heard of it;
// what comes in and is foreign is refused with one line of the log.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCa, createCertificate, type Issued } from '../../src/tls/pki/certificate.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import {
  type Ending,
  figure,
  killProgram,
  NETWORK,
  occupy,
  type Program,
  skipLoudly,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

const world = createNodeWorld();
const temporary = temporaryFolder();
const folder = temporary.path;
const started = new Set<Program>();

const GOSSIP_KEY = Buffer.alloc(32, 1).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 2).toString('base64');
const REFUSAL_LIMIT_MS = 15_000;

function file(name: string, content: string | object): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const making = () => ({ random: world.random, nowMs: world.clock.now() });

function authority(name: string): Issued {
  const ca = createCa({ days: 30 }, making());
  file(`${name}.pem`, ca.certPem);
  return ca;
}

function certificate(name: string, ca: Issued, dnsNames: readonly string[]): void {
  const request = {
    commonName: dnsNames[0] ?? '',
    days: 30,
    dnsNames,
    ipAddresses: ['127.0.0.1'],
    extendedUsage: ['serverAuth', 'clientAuth'] as const,
  };
  const issued = createCertificate(request, ca, making());
  file(`${name}.pem`, issued.certPem);
  file(`${name}-key.pem`, issued.keyPem);
}

const own = authority('ca');
const foreign = authority('other-ca');
certificate('good', own, ['n1.server.dc1.consul', 'server.dc1.consul', 'localhost']);
certificate('second', own, ['n2.server.dc1.consul', 'server.dc1.consul', 'localhost']);
certificate('nameless', own, ['server.dc1.consul', 'localhost']);
certificate('foreign', foreign, ['n2.server.dc1.consul', 'server.dc1.consul', 'localhost']);

const tlsOf = (name: string, ca = 'ca') => ({
  ca_file: join(folder, `${ca}.pem`),
  cert_file: join(folder, `${name}.pem`),
  key_file: join(folder, `${name}-key.pem`),
  verify_incoming_rpc: true,
  verify_outgoing: true,
  verify_server_hostname: true,
});

/** A server of its own address; `host` is the last byte. */
function serverConfig(host: number, more: object = {}): Readonly<Record<string, unknown>> {
  const address = `${NETWORK}.9.${host}`;
  return {
    server: true,
    bootstrap_expect: 1,
    node_name: `n${host}`,
    datacenter: 'dc1',
    data_dir: join(folder, `data-${host}`),
    bind_addr: address,
    client_addr: address,
    performance: { raft_multiplier: 1 },
    ...more,
  };
}

let files = 0;
function withConfig(config: object): readonly string[] {
  files += 1;
  return ['agent', '-config-file', file(`config-${files}.json`, config)];
}

function start(args: readonly string[]): Program {
  const program = startProgram(args);
  started.add(program);
  return program;
}

async function end(program: Program): Promise<void> {
  started.delete(program);
  await killProgram(program);
}

/** Runs what must be refused; ends it after a while, so that it shows when it is not. */
async function refused(args: readonly string[]): Promise<Ending & { lines: readonly string[] }> {
  const program = start(args);
  const limit = setTimeout(() => program.child.kill('SIGKILL'), REFUSAL_LIMIT_MS);
  const ending = await program.ended;
  clearTimeout(limit);
  started.delete(program);
  return { ...ending, lines: program.lines.filter((line) => line.trim() !== '') };
}

function url(host: number, path: string): string {
  return `http://${NETWORK}.9.${host}:8500${path}`;
}

async function leads(host: number): Promise<void> {
  await until(`n${host} leads`, 20_000, async () => {
    const answer = await fetch(url(host, '/v1/status/leader')).catch(() => undefined);
    return answer?.ok === true && (await answer.text()) !== '""';
  });
}

async function put(host: number, key: string, value: string | Buffer): Promise<number> {
  const body = new Uint8Array(Buffer.from(value));
  const answer = await fetch(url(host, `/v1/kv/${key}`), { method: 'PUT', body });
  await answer.text();
  return answer.status;
}

afterEach(async () => {
  for (const program of [...started]) await end(program);
  for (const host of [1, 2]) rmSync(join(folder, `data-${host}`), { recursive: true, force: true });
});

afterAll(() => temporary.remove());

interface Refusal {
  readonly name: string;
  readonly args: () => readonly string[];
  readonly says: RegExp;
}

const base = ['agent', `-bind=${NETWORK}.9.1`, `-client=${NETWORK}.9.1`] as const;
const gateway = ['connect', 'gateway'] as const;

const REFUSALS: readonly Refusal[] = [
  { name: 'an unknown command', args: () => ['agnet'], says: /^Unknown command: agnet$/ },
  {
    name: 'an unknown flag',
    args: () => [...base, '-serve'],
    says: /^flag provided but not defined: -serve$/,
  },
  {
    name: 'a flag that is no number',
    args: () => [...base, '-bootstrap-expect=x'],
    says: /invalid value "x" for flag -bootstrap-expect/,
  },
  {
    name: 'a flag without its value',
    args: () => [...base, '-datacenter'],
    says: /flag needs an argument: -datacenter/,
  },
  {
    name: 'an argument that nobody asked for',
    args: () => [...base, 'more'],
    says: /[Uu]nexpected (extra )?argument/,
  },
  {
    name: 'a file that is not there',
    args: () => [...base, '-config-file=/nowhere.json'],
    says: /^==> .*\/nowhere\.json.*no such file or directory/,
  },
  {
    name: 'a file that is no JSON',
    args: () => [...base, '-config-file', file('broken.json', '{')],
    says: /^==> failed to parse .*broken\.json: /,
  },
  {
    name: 'an unknown key',
    args: () => withConfig({ ...serverConfig(1), sever: true }),
    says: /\* invalid config key sever/,
  },
  {
    name: 'a key of the wrong type',
    args: () => withConfig({ ...serverConfig(1), server: 'maybe' }),
    says: /\* 'server' expected type 'bool', got unconvertible type 'string'/,
  },
  {
    name: 'no data folder',
    args: () => [...base, '-server'],
    says: /^==> data_dir cannot be empty/,
  },
  {
    name: 'a data folder that is a file',
    args: () => [...base, `-data-dir=${file('a-file', '')}`],
    says: /^==> .*a-file/,
  },
  {
    name: 'an address that is not of this host',
    args: () => [
      'agent',
      '-bind=192.0.2.1',
      `-client=${NETWORK}.9.1`,
      `-data-dir=${folder}/data-1`,
    ],
    says: /^==> Error starting agent: .*192\.0\.2\.1:8301: cannot assign requested address/,
  },
  {
    name: 'an address that is none',
    args: () => ['agent', '-bind=1.2.3', `-data-dir=${folder}/data-1`],
    says: /^==> bind_addr cannot be empty$/,
  },
  {
    name: 'a name of a datacenter that is none',
    args: () => [...base, `-data-dir=${folder}/data-1`, '-datacenter=dc 1'],
    says: /^==> datacenter can only contain lowercase alphanumeric, - or _ characters/,
  },
  {
    name: 'a gossip key that is no base64',
    args: () => withConfig(serverConfig(1, { encrypt: 'abc' })),
    says: /^==> encrypt has invalid key: /,
  },
  {
    name: 'a gossip key of a wrong length',
    args: () => withConfig(serverConfig(1, { encrypt: Buffer.alloc(7).toString('base64') })),
    says: /^==> encrypt has invalid key: /,
  },
  {
    name: 'a certificate without the name of the node, for a federation',
    args: () =>
      withConfig(
        serverConfig(1, {
          ...tlsOf('nameless'),
          connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
        }),
      ),
    says: /^==> .*n1\.server\.dc1\.consul/,
  },
  {
    name: 'a certificate of another authority, for a federation',
    args: () =>
      withConfig(
        serverConfig(2, {
          ...tlsOf('foreign'),
          connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
        }),
      ),
    says: /^==> .*(authority|CA|verif)/,
  },
  {
    name: 'a certificate with the key of another',
    args: () =>
      withConfig(serverConfig(1, { ...tlsOf('good'), key_file: join(folder, 'second-key.pem') })),
    says: /^==> .*key/,
  },
  {
    name: 'a certificate that is not there',
    args: () => withConfig(serverConfig(1, { ...tlsOf('good'), cert_file: '/nowhere.pem' })),
    says: /^==> .*\/nowhere\.pem/,
  },
  {
    name: 'gateways of the primary in the primary itself',
    args: () =>
      withConfig(
        serverConfig(1, {
          ...tlsOf('good'),
          primary_datacenter: 'dc1',
          primary_gateways: ['192.0.2.1:443'],
          connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
        }),
      ),
    says: /^==> .*primary_gateways/,
  },
  {
    name: 'a gateway of an unknown kind',
    args: () => [...gateway, '-gateway=nonsense', '-register'],
    says: /^==> Gateway must be one of: terminating, mesh, or ingress$/,
  },
  {
    name: 'a gateway with a port that is none',
    args: () => [...gateway, '-gateway=mesh', '-register', '-address=127.0.0.1:x'],
    says: /^==> Error parsing port "x"/,
  },
  {
    name: 'an exposed gateway that does not register',
    args: () => [...gateway, '-gateway=mesh', '-expose-servers'],
    says: /^==> '-expose-servers' requires '-register'$/,
  },
  {
    name: 'a demo with too many datacenters',
    args: () => ['demo', '--datacenters=10'],
    says: /^-datacenters must be between 1 and 9, got 10$/,
  },
  {
    name: 'a certificate of an authority that is not there',
    args: () => ['tls', 'cert', 'create', '-server', '-ca=/nowhere.pem', '-key=/nowhere.key'],
    says: /\/nowhere\./,
  },
];

describe('refused with one clear line', () => {
  test.each(REFUSALS)('$name', async ({ args, says }) => {
    const { code, lines } = await refused(args());
    expect(lines.filter((line) => says.test(line))).toHaveLength(1);
    expect(code).toBeGreaterThan(0);
    // What went wrong is said in words, never by showing the insides.
    expect(lines.filter((line) => /^\s+at .*:\d+|node:internal|Error: /.test(line))).toEqual([]);
  });

  const ports = [
    [8300, 'Failed to start RPC layer'],
    [8301, 'Failed to start LAN Serf'],
    [8302, 'Failed to start WAN Serf'],
    [8500, 'Error starting HTTP server'],
  ] as const;
  test.each(ports)('port %i in use', async (port, what) => {
    const giveBack = await occupy(`${NETWORK}.9.1`, port);
    const { code, lines } = await refused(withConfig(serverConfig(1)));
    await giveBack();
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(
      new RegExp(`^==> Error starting agent: ${what}: .*${NETWORK}\\.9\\.1:${port}`),
    );
    expect(lines.at(-1)).toContain('address already in use');
  });
});

describe('a stranger is refused by a running server', () => {
  const config = { ...tlsOf('good'), encrypt: GOSSIP_KEY };

  /** What the server said about the address of the second one since it stood. */
  async function meet(second: object): Promise<{
    readonly stranger: Ending & { readonly lines: readonly string[] };
    readonly heard: readonly string[];
  }> {
    const server = start(withConfig(serverConfig(1, config)));
    await leads(1);
    const before = server.lines.length;
    const join = { retry_join: [`${NETWORK}.9.1`], retry_max: 1, retry_interval: '1s' };
    const { bootstrap_expect: _, ...joining } = serverConfig(2, { ...join, ...second });
    const stranger = await refused(withConfig(joining));
    const heard = server.lines.slice(before).filter((line) => /"level":[45]0/.test(line));
    expect(await put(1, 'still', 'there')).toBe(200);
    return { stranger, heard };
  }

  test('with another gossip key', async () => {
    const { stranger, heard } = await meet({ ...tlsOf('second'), encrypt: OTHER_KEY });
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('without a gossip key', async () => {
    const { stranger, heard } = await meet(tlsOf('second'));
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('of another datacenter', async () => {
    certificate('elsewhere', own, ['n2.server.dc2.consul', 'server.dc2.consul', 'localhost']);
    const { stranger, heard } = await meet({
      ...tlsOf('elsewhere'),
      encrypt: GOSSIP_KEY,
      datacenter: 'dc2',
    });
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    const whole = stranger.lines.join('\n');
    expect(whole).toMatch(/Member 'n[12]' part of wrong datacenter 'dc[12]'/);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('with a certificate of another authority', async () => {
    const server = start(withConfig(serverConfig(1, config)));
    await leads(1);
    const before = server.lines.length;
    // A client agent whose authority is another: its gossip is fine, its calls are refused.
    const { bootstrap_expect: _, ...other } = serverConfig(2, {
      ...tlsOf('foreign', 'other-ca'),
      encrypt: GOSSIP_KEY,
      server: false,
      retry_join: [`${NETWORK}.9.1`],
    });
    const client = start(withConfig(other));
    await until('the client asks', 20_000, async () => {
      const answer = await fetch(url(2, '/v1/catalog/nodes')).catch(() => undefined);
      return answer?.status === 500;
    });
    const answer = await fetch(url(2, '/v1/catalog/nodes'));
    expect(await answer.text()).toMatch(/certificate|tls|handshake/);
    await end(client);
    const heard = server.lines
      .slice(before)
      .filter((line) => /"level":[45]0/.test(line) && line.includes('alpn-listener'));
    expect(heard.length).toBeLessThanOrEqual(3);
    expect(await put(1, 'still', 'there')).toBe(200);
  });
});

const root = process.getuid?.() === 0;
const mounted = join(folder, 'small');
let mountable = false;
if (root) {
  mkdirSync(mounted);
  mountable = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted]).status === 0;
}
if (!mountable) skipLoudly('a full disk', 'a small tmpfs can be mounted by root only');

describe.skipIf(!mountable)('a full disk', () => {
  const ballast = join(mounted, 'ballast');
  const fill = (): void => {
    const { bavail, bsize } = statfsSync(mounted);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  };
  const config = () => serverConfig(1, { data_dir: join(mounted, 'data') });

  beforeAll(() => {
    rmSync(ballast, { force: true });
  });
  afterAll(() => {
    spawnSync('umount', ['-l', mounted]);
  });

  test('at the start: one line, exit 1', async () => {
    fill();
    const { code, lines } = await refused(withConfig(config()));
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(/^==> Error starting agent: .*no space left on device/);
    rmSync(ballast);
  });

  test('later: writes are refused, reads and the process go on, and space heals it', async () => {
    const server = start(withConfig(config()));
    await leads(1);
    expect(await put(1, 'before', 'kept')).toBe(200);
    fill();
    const value = Buffer.alloc(100_000, 'x');
    let status = 200;
    for (let n = 0; n < 20 && status === 200; n += 1) status = await put(1, `fill-${n}`, value);
    expect(status).toBe(500);
    const said = server.lines.filter((line) => line.includes('no space left on device'));
    expect(said.length).toBeGreaterThan(0);
    const stale = await fetch(url(1, '/v1/kv/before?raw&stale'));
    expect(await stale.text()).toBe('kept');
    rmSync(ballast);
    const began = performance.now();
    await until('writes again', 60_000, async () => (await put(1, 'after', 'kept')) === 200);
    figure(`writes ${Math.round(performance.now() - began)} ms after space is there again`);
    await end(server);
    const again = start(withConfig(config()));
    await leads(1);
    expect(await (await fetch(url(1, '/v1/kv/before?raw'))).text()).toBe('kept');
    expect(await (await fetch(url(1, '/v1/kv/after?raw'))).text()).toBe('kept');
    await end(again);
  });
});

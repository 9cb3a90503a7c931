// What cannot work is refused with one clear line and an exit code, before anybody has heard of it.
// A disk that is full is said once, and the server goes on when there is space again.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  end,
  endAll,
  file,
  folder,
  leads,
  put,
  refused,
  removeFolder,
  serverConfig,
  start,
  tlsOf,
  url,
  withConfig,
} from './lone-server.ts';
import { figure, NETWORK, occupy, skipLoudly, until } from './program.ts';

const mounted = join(folder, 'small');

afterEach(endAll);
afterAll(() => {
  if (mountable) spawnSync('umount', ['-l', mounted]);
  removeFolder();
});

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

const root = process.getuid?.() === 0;
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
    const said = (): boolean =>
      server.lines.some((line) => line.includes('no space left on device'));
    await until('a line of the log', 5_000, said);
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

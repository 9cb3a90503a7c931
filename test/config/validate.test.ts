import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validateCommand } from '../../src/cli/commands/validate.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { AGENT_FLAGS } from '../../src/config/flags.ts';
import { type LoadedPlan, loadPlan, requestOfFlags } from '../../src/config/load.ts';
import type { AgentPlan } from '../../src/config/plan.ts';
import { Flags, parseFlags } from '../../src/flags.ts';
import { createCa, createCertificate, type Issued } from '../../src/tls/pki/certificate.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { World } from '../../src/world/world.ts';
import { createFolderDisk, type FolderDisk } from '../support/folder-disk.ts';
import { createMemoryTerminal, readRecordedRun } from '../support/terminal.ts';

let disk: FolderDisk;
let world: World;
beforeEach(async () => {
  disk = await createFolderDisk();
  const node = createNodeWorld();
  const interfaces = [
    { name: 'lo', address: '127.0.0.1', internal: true },
    { name: 'eth0', address: '10.0.0.5', internal: false },
    { name: 'eth1', address: '198.51.100.7', internal: false },
  ];
  world = {
    ...node,
    disk,
    network: Object.assign(Object.create(node.network), { interfaces: () => interfaces }),
  };
});
afterEach(() => disk.destroy());

async function write(name: string, content: unknown): Promise<void> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await disk.writeFileAtomic(name, Buffer.from(text));
}

async function agent(line: string): Promise<LoadedPlan> {
  const args = line === '' ? [] : line.split(' ');
  const parsed = parseFlags(AGENT_FLAGS, args);
  if (!parsed.ok) return { ok: false, text: parsed.text, warnings: [], issues: [] };
  const request = requestOfFlags(new Flags(parsed.flags), args);
  if ('refusal' in request) return { ok: false, text: request.refusal, warnings: [], issues: [] };
  return loadPlan(request, world, 'host1');
}

async function plan(line: string): Promise<AgentPlan> {
  const loaded = await agent(line);
  if (!loaded.ok) throw new Error(loaded.text);
  return loaded.plan;
}

async function refusal(content: unknown, line = ''): Promise<string> {
  await write('c.json', content);
  const loaded = await agent(`-config-file c.json ${line}`.trim());
  return loaded.ok ? `accepted, warnings: ${loaded.warnings.join('; ')}` : loaded.text;
}

describe('validate', () => {
  beforeEach(async () => {
    await write('good.hcl', 'data_dir = "data"\n');
    await write('wrong.hcl', 'data_dirr = "data"\n');
    await write('nd.hcl', 'server = true\n');
    await write('warn.hcl', 'data_dir = "data" bootstrap = true server = true\n');
    await disk.makeDirectory('conf');
    await write('conf/a.hcl', 'data_dir = "data"\n');
    await write('conf/b.json', '{"node_name":"x"}\n');
    await write('conf/c.txt', 'nonsense\n');
  });

  it.each([
    'validate',
    'validate-bad',
    'validate-dir',
    'validate-missing',
    'validate-no-args',
    'validate-no-data-dir',
    'validate-quiet',
    'validate-warning',
  ])('answers as the recorded run did: %s', async (name) => {
    const recorded = name === 'validate' ? undefined : readRecordedRun(name);
    const command = recorded?.command ?? 'consul validate good.hcl';
    const args = /consul (validate.*)$/.exec(command)?.[1]?.split(' ') as string[];
    const terminal = createMemoryTerminal();
    const exit = await runCommandLine('consul', [validateCommand(world, 'host1')], args, terminal);
    expect({ exit, out: terminal.stdout().trim(), err: terminal.stderr().trim() }).toEqual({
      exit: recorded?.exit ?? 0,
      out: recorded?.stdout.trim() ?? 'Configuration is valid!',
      err: recorded?.stderr.trim() ?? '',
    });
  });

  it.each([
    'agent-bad-bind',
    'agent-bad-config',
    'agent-bad-datacenter',
    'agent-bad-flag',
    'agent-bootstrap-and-expect',
    'agent-extra-args',
    'agent-no-data-dir',
  ])('refuses an agent as the recorded run did: %s', async (name) => {
    const recorded = readRecordedRun(name);
    const loaded = await agent(/consul agent (.*)$/.exec(recorded.command)?.[1] as string);
    if (loaded.ok) throw new Error('accepted');
    const wanted = recorded.stderr.replace(/^==> /, '').replace(/\n\[usage.*/s, '');
    expect(loaded.text.trim()).toBe(wanted.trim());
  });
});

describe('keys and types', () => {
  it.each([
    [
      { ports: { serf_lan: 'x' } },
      "'ports.serf_lan' expected type 'int', got unconvertible type 'string'",
    ],
    [{ server: 'yes' }, "'server' expected type 'bool', got unconvertible type 'string'"],
    [{ node_name: 1 }, "'node_name' expected type 'string', got unconvertible type 'int'"],
    [{ retry_join: 'x' }, "'retry_join': source data must be an array or slice, got string"],
    [
      { retry_join: ['a', 1] },
      "'retry_join[1]' expected type 'string', got unconvertible type 'int'",
    ],
    [{ ports: 3 }, "'ports' expected a map, got 'int'"],
    [{ Data_Dir: 'x' }, 'invalid config key Data_Dir'],
    [{ connect: { mesh: true } }, 'invalid config key connect.mesh'],
  ])('refuses %j with file and key', async (content, text) => {
    expect(await refusal(content)).toBe(
      `failed to parse c.json: 1 error occurred:\n\t* ${text}\n\n`,
    );
  });

  it('names every unknown key of a file', async () => {
    expect(await refusal({ a: 1, dns_config: { b: 2 } })).toBe(
      'failed to parse c.json: 2 errors occurred:\n' +
        '\t* invalid config key a\n\t* invalid config key dns_config.b\n\n',
    );
  });

  it.each([
    [{ retry_interval: 'x' }, 'retry_interval: invalid duration: "x": time: invalid duration "x"'],
    [
      { primary_gateways_interval: 'abc' },
      'primary_gateways_interval: invalid duration: "abc": time: invalid duration "abc"',
    ],
    [{ ports: { http: 70000 } }, 'ports.http: invalid port: 70000'],
    [{ http_config: { allow_write_http_from: ['x'] } }, 'allow_write_http_from: invalid cidr: x'],
    [
      { primary_gateways: ['{{ bogus }}'] },
      'primary_gateways: error parsing "{{ bogus }}": unable to parse template "{{ bogus }}": ' +
        'template: sockaddr.Parse:1: function "bogus" not defined',
    ],
  ])('refuses the value in %j', async (content, text) => {
    const full = { data_dir: 'd', server: true, ...content };
    expect(await refusal(full)).toBe(`1 error occurred:\n\t* ${text}\n\n`);
  });

  it.each([
    [
      { datacenter: 'd.c' },
      'datacenter can only contain lowercase alphanumeric, - or _ characters. received: "d.c"',
    ],
    [
      { performance: { raft_multiplier: 11 } },
      'performance.raft_multiplier cannot be 11. Must be between 1 and 10',
    ],
    [{ encrypt: 'abc' }, 'encrypt has invalid key: illegal base64 data at input byte 0'],
    [{ encrypt: 'YWJj' }, 'encrypt has invalid key: key size must be 16, 24 or 32 bytes'],
    [
      { dns_config: { udp_answer_limit: -1 } },
      'dns_config.udp_answer_limit cannot be -1. Must be greater than or equal to zero',
    ],
    [
      { node_meta: { 'a b': 'c' } },
      "node_meta invalid: Couldn't load metadata pair ('a b', 'c'): Key contains invalid characters",
    ],
    [{ connect: { ca_provider: 'x' } }, 'x is not a valid CA provider'],
    [{ raft_protocol: 2 }, 'raft_protocol version 2 is not supported by this version of Consul'],
    [{ segments: [] }, 'Network segments are not supported in this version of Consul'],
    [
      { cache: { entry_fetch_rate: -1 } },
      'cache.entry_fetch_rate must be strictly positive, was: -1',
    ],
    [{ node_id: 'x' }, 'specified NodeID "x" is not a UUID'],
    [
      { log_level: 'loud' },
      'Invalid log level: LOUD. Valid log levels are: [TRACE DEBUG INFO WARN ERR]',
    ],
    [{ advertise_addr: '0.0.0.0' }, 'Advertise address cannot be 0.0.0.0, :: or [::]'],
    [{ ports: { dns: 8500 } }, 'HTTP address 127.0.0.1:8500 already configured for DNS'],
    [{ bootstrap: true, server: false }, "'bootstrap = true' requires 'server = true'"],
    [{ serf_wan: 'x' }, 'serf_wan: invalid IP address: "x"'],
  ])('refuses %j', async (content, text) => {
    expect(await refusal({ data_dir: 'd', server: true, ...content })).toBe(text);
  });

  it('says where a file is not JSON or HCL', async () => {
    expect(await refusal('{"a":')).toMatch(/^failed to parse c\.json: .*JSON/);
    await write('c.hcl', 'a = \n}');
    expect(await agent('-config-file=c.hcl')).toMatchObject({
      text: 'failed to parse c.hcl: At 2:1: expected a value',
    });
  });
});

describe('putting together', () => {
  it('takes defaults of Consul where nothing is said', async () => {
    const client = await plan('-data-dir=d');
    expect(client).toMatchObject({
      role: 'client',
      datacenter: 'dc1',
      primaryDatacenter: 'dc1',
      domain: 'consul',
      node: { name: 'host1', meta: {} },
      bootstrap: { kind: 'none' },
      addresses: {
        bind: '0.0.0.0',
        advertiseLan: '10.0.0.5',
        advertiseWan: '10.0.0.5',
        client: ['127.0.0.1'],
      },
      ports: { dns: 8600, http: 8500, https: null, grpc: null, server: 8300, serfLan: 8301 },
      leave: { onTerminate: true, skipOnInterrupt: false },
      raft: { multiplier: 5 },
      limits: { rpcMaxConnsPerClient: 100, rpcRate: null },
    });
    const server = await plan('-data-dir=d -server');
    expect(server.leave).toMatchObject({ onTerminate: false, skipOnInterrupt: true });
  });

  it('merges list flags, files, other flags and pieces in that order', async () => {
    await write('a.json', { datacenter: 'a', retry_join: ['2'], node_meta: { x: '1', y: '1' } });
    await write(
      'b.hcl',
      'datacenter = "b"\nretry_join = ["3"]\nnode_meta { y = "2" }\nports { dns = 1 }',
    );
    const made = await plan(
      '-data-dir=d -config-file=a.json -config-file b.hcl -retry-join=1 -node-meta=z:3 ' +
        '-dns-port=2 -hcl ports{http=3}',
    );
    expect(made.datacenter).toBe('b');
    expect(made.join.retryLan.addresses).toEqual(['1', '2', '3']);
    expect(made.node.meta).toEqual({ x: '1', y: '2', z: '3' });
    expect(made.ports).toMatchObject({ dns: 2, http: 3 });
    const other = await plan('-data-dir=d -config-file=b.hcl -config-file=a.json');
    expect(other.datacenter).toBe('a');
  });

  it('keeps the order of files and folders of the command line', async () => {
    await disk.makeDirectory('conf');
    await write('conf/z.json', { datacenter: 'folder' });
    await write('f.json', { datacenter: 'file' });
    expect((await plan('-data-dir=d -config-dir=conf -config-file=f.json')).datacenter).toBe(
      'file',
    );
    expect((await plan('-data-dir=d -config-file f.json -config-dir conf')).datacenter).toBe(
      'folder',
    );
  });

  it('collects single and listed definitions alike', async () => {
    await write('a.hcl', 'service { name = "a" }\nservice { name = "b" }\ncheck { name = "c" }');
    await write('b.json', { services: [{ name: 'd' }], service: { name: 'e' } });
    const { definitions } = await plan('-data-dir=d -config-file=a.hcl -config-file=b.json');
    const names = definitions.services.map((service) => (service as { name: string }).name);
    expect(names).toEqual(['a', 'b', 'd', 'e']);
    expect(definitions.checks).toEqual([{ name: 'c' }]);
  });

  it('reads every file as the format that is asked for', async () => {
    await write('conf.txt', '{"datacenter": "x"}');
    const made = await plan('-data-dir=d -config-format=json -config-file=conf.txt');
    expect(made.datacenter).toBe('x');
    expect(await agent('-data-dir=d -config-format=yaml')).toMatchObject({
      text: "-config-format must be either 'hcl' or 'json'",
    });
  });

  it('makes a small world of its own in dev mode', async () => {
    const made = await plan('-dev');
    expect(made).toMatchObject({
      role: 'server',
      devMode: true,
      bootstrap: { kind: 'single' },
      addresses: { bind: '127.0.0.1', advertiseLan: '127.0.0.1' },
      ports: { grpc: 8502 },
      connect: { enabled: true },
      raft: { multiplier: 1 },
      gossip: { lan: { probeIntervalMs: 100, suspicionMult: 3 } },
    });
    expect(made.dataDir).toBeUndefined();
  });

  it('expands address templates', async () => {
    await write('c.json', {
      bind_addr: '{{ GetPrivateIP }}',
      client_addr: '127.0.0.1 {{ GetInterfaceIP "eth1" }}',
      advertise_addr_wan: '{{ GetAllInterfaces | include "name" "eth1" | attr "address" }}',
      retry_join: ['provider=x key=y', '{{ GetPrivateIPs }} 10.9.9.9'],
    });
    const made = await plan('-data-dir=d -config-file=c.json');
    expect(made.addresses).toMatchObject({
      bind: '10.0.0.5',
      client: ['127.0.0.1', '198.51.100.7'],
      advertiseWan: '198.51.100.7',
    });
    expect(made.join.retryLan.addresses).toEqual(['provider=x key=y', '10.0.0.5', '10.9.9.9']);
  });

  it('asks for an address where the host does not offer exactly one', async () => {
    const offering = (...addresses: readonly string[]) => {
      const interfaces = addresses.map((address) => ({ name: 'e', address, internal: false }));
      Object.assign(world.network, { interfaces: () => interfaces });
    };
    offering('198.51.100.7', '2001:db8::1');
    expect(await agent('-data-dir=d')).toMatchObject({ text: 'No private IPv4 address found' });
    offering('10.0.0.1', '192.168.0.1');
    expect(await agent('-data-dir=d')).toMatchObject({
      text:
        "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or " +
        "'advertise'.",
    });
    expect((await plan('-data-dir=d -advertise=10.0.0.1')).addresses.advertiseLan).toBe('10.0.0.1');
    offering('2a00::7', '10.0.0.1');
    expect((await plan('-data-dir=d -bind=[::]')).addresses.advertiseLan).toBe('2a00::7');
  });

  it('reads TLS keys of the old and the newer form', async () => {
    await write('old.json', { verify_incoming: true, verify_server_hostname: true });
    await write('new.json', {
      tls: { defaults: { verify_incoming: true }, internal_rpc: { verify_server_hostname: true } },
    });
    const old = await plan('-data-dir=d -config-file=old.json');
    const newer = await plan('-data-dir=d -config-file=new.json');
    expect(newer.tls).toEqual(old.tls);
    expect(old.tls).toMatchObject({ verifyOutgoing: true, verifyIncomingRpc: true });
  });
});

describe('federation through mesh gateways', () => {
  const now = { random: createNodeWorld().random, nowMs: Date.now() };
  const ca = createCa({ days: 10 }, now);
  const certificate = (names: readonly string[], authority: Issued = ca, days = 5): Issued =>
    createCertificate(
      {
        commonName: names[0] ?? '',
        days,
        dnsNames: names,
        ipAddresses: ['127.0.0.1'],
        extendedUsage: ['serverAuth', 'clientAuth'],
      },
      authority,
      now,
    );
  const good = certificate(['n1.server.dc1.consul', 'server.dc1.consul', 'localhost']);

  const config = {
    server: true,
    data_dir: 'd',
    node_name: 'n1',
    ports: { grpc: 8502 },
    connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    ca_file: 'ca.pem',
    cert_file: 'cert.pem',
    key_file: 'key.pem',
  };

  async function writeTls(issued: Issued): Promise<void> {
    await write('ca.pem', ca.certPem);
    await write('cert.pem', issued.certPem);
    await write('key.pem', issued.keyPem);
  }

  beforeEach(() => writeTls(good));

  it('takes a complete configuration and hands out its certificates', async () => {
    await write('c.json', config);
    const loaded = await agent('-config-file=c.json');
    expect(loaded).toMatchObject({ ok: true, warnings: [] });
    if (loaded.ok) {
      expect(loaded.tls).toEqual({ caPem: [ca.certPem], identity: good });
      expect(loaded.plan.connect.meshGatewayWanFederation).toBe(true);
    }
  });

  const feature = "'connect.enable_mesh_gateway_wan_federation = true'";
  it.each([
    [
      { connect: { enable_mesh_gateway_wan_federation: true } },
      "'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'",
    ],
    [{ server: false }, `${feature} requires 'server = true'`],
    [{ node_name: 'a/b' }, `${feature} requires that 'node_name' not contain '/' characters`],
    [{ start_join_wan: ['a'] }, `'start_join_wan' is incompatible with ${feature}`],
    [{ retry_join_wan: ['a'] }, `'retry_join_wan' is incompatible with ${feature}`],
    [
      { primary_gateways: ['a:1'] },
      "'primary_gateways' should only be configured in a secondary datacenter",
    ],
    [
      { server: false, connect: {}, primary_gateways: ['a:1'], primary_datacenter: 'x' },
      "'primary_gateways' requires 'server = true'",
    ],
    [
      { node_name: 'a.b' },
      `${feature} requires that 'node_name' not contain '.' characters, was: "a.b"`,
    ],
    [{ ports: { serf_wan: -1 } }, `${feature} requires 'ports.serf_wan', which is switched off`],
    [
      { ca_file: '', cert_file: '' },
      `${feature} requires TLS, since all traffic between datacenters is: ` +
        "set 'ca_file' (or 'ca_path'), 'cert_file'",
    ],
    [{ ca_file: 'no.pem' }, 'ca_file: open no.pem: no such file or directory'],
    [{ key_file: 'ca.pem' }, 'ca.pem is not the key of the certificate in cert.pem'],
    [{ cert_file: 'key.pem' }, 'key.pem does not hold a certificate'],
  ])('refuses %j', async (part, text) => {
    expect(await refusal({ ...config, ...part })).toBe(text);
  });

  it('refuses a certificate without the name of the node, and says how to make one', async () => {
    await writeTls(certificate(['server.dc1.consul', 'localhost']));
    expect(await refusal(config)).toBe(
      `the certificate in cert.pem is not valid for "n1.server.dc1.consul", which ${feature} ` +
        'requires; make one that is with: mobius tls cert create -server -dc=dc1 ' +
        '-domain=consul -node=n1',
    );
  });

  it('refuses a certificate of another authority', async () => {
    const other = createCa({ days: 10 }, now);
    await writeTls(certificate(['n1.server.dc1.consul', 'server.dc1.consul'], other));
    expect(await refusal(config)).toBe(
      'the certificate in cert.pem is not issued by the CA in ca.pem',
    );
  });

  it('gives gateways of the primary a port, and refuses those that cannot be dialed', async () => {
    const secondary = { ...config, primary_datacenter: 'dc0' };
    await write('c.json', { ...secondary, primary_gateways: ['127.0.0.1', '::1', 'gw:9443'] });
    expect((await plan('-config-file c.json')).join.primaryGateways.addresses).toEqual([
      '127.0.0.1:8443',
      '[::1]:8443',
      'gw:9443',
    ]);
    expect(await refusal({ ...secondary, primary_gateways: ['gw:9443', '1.2.3.4:abc'] })).toBe(
      'primary_gateways: "1.2.3.4:abc" cannot be dialed: "abc" is no port between 1 and 65535',
    );
  });

  it('warns of what cannot work by itself', async () => {
    const secondary = { ...config, primary_datacenter: 'dc0', ports: {} };
    expect(await refusal(secondary)).toBe(
      'accepted, warnings: no \'primary_gateways\' in the secondary datacenter "dc1": it waits ' +
        'until somebody else lets it know the gateways of the primary; ' +
        "'ports.grpc' is off: this agent cannot configure an Envoy as mesh gateway",
    );
    const off = { data_dir: 'd', server: true, primary_datacenter: 'x', primary_gateways: ['a:1'] };
    expect(await refusal(off)).toBe(
      `accepted, warnings: 'primary_gateways' is not used without ${feature}`,
    );
  });

  it('warns of an expired certificate', async () => {
    const old = { ...now, nowMs: now.nowMs - 9 * 86_400_000 };
    const expired = createCertificate(
      {
        commonName: 'x',
        days: 1,
        dnsNames: ['n1.server.dc1.consul', 'server.dc1.consul'],
        ipAddresses: [],
        extendedUsage: [],
      },
      ca,
      old,
    );
    await writeTls(expired);
    expect(await refusal(config)).toMatch(/warnings: the certificate in cert\.pem expired on /);
  });
});

/**
 * What a demo federation consists of: which processes run, at which addresses, with which
 * configuration. Pure, so that the plan can be shown and tested without starting anything.
 *
 * Every process has a loopback address of its own, `<network>.<datacenter>.<process>`, and uses it as
 * source address as well. Each server refuses connections from outside its datacenter's addresses, so
 * that a shortcut round the gateways would fail instead of passing unnoticed.
 */

/** Datacenters and servers a demo may have: one address byte each, and a machine has its limits. */
export const DATACENTERS_MAX = 9;
export const SERVERS_MAX = 9;

/** First two bytes of the demo's addresses. */
export const DEMO_NETWORK = '127.77';

const GATEWAY_HOST = 100;
const GATEWAY_LAN_PORT = 8443;
const GATEWAY_WAN_PORT = 8444;
const HTTP_PORT = 8500;
const LAN_PORT = 8301;
const INSPECT_PORT = 8599;

export interface DemoSettings {
  /** First two bytes of all addresses: `127.77`. */
  readonly network: string;
  readonly datacenters: number;
  /** Servers of each datacenter. */
  readonly servers: number;
  /** Folder for certificates, data and logs. */
  readonly folder: string;
  /** Gossip key, base64. */
  readonly encrypt: string;
  /** Whether every agent offers its actors to the inspector. */
  readonly inspect: boolean;
}

export interface DemoServer {
  readonly kind: 'server';
  /** `dc1-server1`; names the process in every line. */
  readonly id: string;
  readonly dc: string;
  readonly node: string;
  readonly address: string;
  /** Base URL of the HTTP API. */
  readonly http: string;
  /** Agent configuration, to be written to `configPath`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly configPath: string;
  /** Where its actors are shown, if they are. */
  readonly inspector: string | null;
  readonly args: readonly string[];
}

export interface DemoGateway {
  readonly kind: 'gateway';
  readonly id: string;
  readonly dc: string;
  readonly address: string;
  /** Where the servers of its own datacenter reach it. */
  readonly lan: string;
  /** Where the other datacenters reach it: the one door. */
  readonly wan: string;
  readonly inspector: string | null;
  readonly args: readonly string[];
}

export interface DemoPlan {
  readonly settings: DemoSettings;
  readonly datacenters: readonly string[];
  readonly servers: readonly DemoServer[];
  readonly gateways: readonly DemoGateway[];
}

/** Where the demo shows its own actor: no datacenter has the number 0. */
export function demoInspectorAt(plan: DemoPlan): {
  readonly address: string;
  readonly port: number;
} {
  return { address: `${plan.settings.network}.0.1`, port: INSPECT_PORT };
}

/** The processes that show their actors. */
export function inspectors(
  plan: DemoPlan,
): readonly { readonly name: string; readonly url: string }[] {
  return [...plan.servers, ...plan.gateways].flatMap(({ id, inspector }) =>
    inspector === null ? [] : [{ name: id, url: inspector }],
  );
}

/** File names of the TLS material of one node, as `tls cert create` makes them. */
export interface DemoCertificate {
  readonly dc: string;
  readonly node: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The plan for `settings`. The first datacenter is the primary. */
export function planDemo(settings: DemoSettings): DemoPlan {
  const datacenters = numbers(settings.datacenters).map((n) => `dc${n}`);
  const gateways = datacenters.map((dc, index) => planGateway(settings, dc, index + 1));
  const primaryGateway = gateways[0]?.wan ?? '';
  const servers = datacenters.flatMap((dc, index) =>
    numbers(settings.servers).map((n) => planServer(settings, dc, index + 1, n, primaryGateway)),
  );
  return { settings, datacenters, servers, gateways };
}

/** Certificates that the plan's servers need. */
export function demoCertificates(plan: DemoPlan): readonly DemoCertificate[] {
  return plan.servers.map((server) => ({
    dc: server.dc,
    node: server.node,
    certFile: certificatePath(plan.settings.folder, server.id, 'cert'),
    keyFile: certificatePath(plan.settings.folder, server.id, 'key'),
  }));
}

/** The CA's files. */
export function demoCaPaths(folder: string): {
  readonly certFile: string;
  readonly keyFile: string;
} {
  return { certFile: `${folder}/tls/ca.pem`, keyFile: `${folder}/tls/ca-key.pem` };
}

function planServer(
  settings: DemoSettings,
  dc: string,
  dcNumber: number,
  number: number,
  primaryGateway: string,
): DemoServer {
  const id = `${dc}-server${number}`;
  const address = `${settings.network}.${dcNumber}.${number}`;
  const { folder } = settings;
  const configPath = `${folder}/${id}.json`;
  const secondary = dcNumber > 1;
  const config = {
    server: true,
    bootstrap_expect: settings.servers,
    datacenter: dc,
    primary_datacenter: 'dc1',
    node_name: id,
    data_dir: `${folder}/data/${id}`,
    bind_addr: address,
    client_addr: address,
    encrypt: settings.encrypt,
    ca_file: demoCaPaths(folder).certFile,
    cert_file: certificatePath(folder, id, 'cert'),
    key_file: certificatePath(folder, id, 'key'),
    verify_incoming_rpc: true,
    verify_outgoing: true,
    verify_server_hostname: true,
    connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    performance: { raft_multiplier: 1 },
    ...allowedOnly(`${settings.network}.${dcNumber}.0/24`),
    ...(settings.servers > 1
      ? { retry_join: [`${settings.network}.${dcNumber}.1:${LAN_PORT}`], retry_interval: '1s' }
      : {}),
    ...(secondary
      ? {
          primary_gateways: [primaryGateway],
          primary_gateways_interval: '2s',
          retry_interval_wan: '2s',
        }
      : {}),
  };
  return {
    kind: 'server',
    id,
    dc,
    node: id,
    address,
    http: `http://${address}:${HTTP_PORT}`,
    config,
    configPath,
    ...inspection(settings, address),
    args: ['agent', '-config-file', configPath, ...inspectArgs(settings, address)],
  };
}

/** The firewall between the datacenters: servers hear nobody but their own. */
function allowedOnly(network: string): Readonly<Record<string, unknown>> {
  return {
    server_allowed_cidrs: [network],
    serf_lan_allowed_cidrs: [network],
    serf_wan_allowed_cidrs: [network],
  };
}

function planGateway(settings: DemoSettings, dc: string, dcNumber: number): DemoGateway {
  const address = `${settings.network}.${dcNumber}.${GATEWAY_HOST}`;
  const lan = `${address}:${GATEWAY_LAN_PORT}`;
  const wan = `${address}:${GATEWAY_WAN_PORT}`;
  return {
    kind: 'gateway',
    id: `${dc}-gateway`,
    dc,
    address,
    lan,
    wan,
    ...inspection(settings, address),
    args: [
      'connect',
      'gateway',
      '-gateway=mesh',
      '-register',
      '-expose-servers',
      `-http-addr=${settings.network}.${dcNumber}.1:${HTTP_PORT}`,
      `-address=${lan}`,
      `-wan-address=${wan}`,
      ...inspectArgs(settings, address),
    ],
  };
}

function inspection(
  settings: DemoSettings,
  address: string,
): { readonly inspector: string | null } {
  return { inspector: settings.inspect ? `http://${address}:${INSPECT_PORT}` : null };
}

function inspectArgs(settings: DemoSettings, address: string): readonly string[] {
  return settings.inspect
    ? ['-inspect', `-inspect-address=${address}`, `-inspect-port=${INSPECT_PORT}`]
    : [];
}

function certificatePath(folder: string, id: string, part: 'cert' | 'key'): string {
  return `${folder}/tls/${id}${part === 'key' ? '-key' : ''}.pem`;
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

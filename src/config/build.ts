/** Makes a plan of merged settings. Pure: what the host is comes in as an argument. */

import { readGatewayAddress } from '../federation/gateway-address.ts';
import { decodeGoBase64 } from '../go-base64.ts';
import type { HostInterface } from './address-template.ts';
import { AddressReader } from './addresses.ts';
import { DEFAULT_PORTS, GOSSIP_LAN, GOSSIP_WAN, HOUR_MS, MINUTE_MS } from './defaults.ts';
import type { Fragment } from './fragment.ts';
import { buildIssue, type ConfigIssue, ruleIssue, valueIssue } from './issues.ts';
import type {
  AgentPlan,
  AutopilotPlan,
  CheckPlan,
  GossipPlan,
  GossipTuning,
  HttpPlan,
  JoinPlan,
  LimitPlan,
  NodePlan,
  PortPlan,
  RaftPlan,
  TlsPlan,
} from './plan.ts';
import { checkRules } from './rules.ts';
import { Settings } from './settings.ts';

/** What the builder must know of the machine. */
export interface HostFacts {
  readonly hostname: string;
  readonly interfaces: readonly HostInterface[];
}

export interface BuiltPlan {
  /** As far as it could be made; to be used only when no issue refuses it. */
  readonly plan: AgentPlan;
  readonly issues: readonly ConfigIssue[];
}

export type Mode = 'normal' | 'dev';

export function buildPlan(merged: Fragment, mode: Mode, host: HostFacts): BuiltPlan {
  const issues: ConfigIssue[] = [];
  const settings = new Settings(merged, issues);
  const addresses = new AddressReader(settings, host.interfaces, issues);
  const server = settings.bool('server') ?? false;
  const datacenter = (settings.string('datacenter') || 'dc1').toLowerCase();
  const primary = settings.string('primary_datacenter') || settings.string('acl_datacenter');
  const dataDir = settings.string('data_dir');
  const altDomain = settings.string('alt_domain');
  const pidFile = settings.string('pid_file');
  const connect = connectOf(settings, issues);
  const plan: AgentPlan = {
    role: server ? 'server' : 'client',
    devMode: mode === 'dev',
    node: nodeOf(settings, host.hostname, issues),
    datacenter,
    primaryDatacenter: (primary || datacenter).toLowerCase(),
    domain: bareDomain(settings.string('domain') || 'consul'),
    ...(altDomain ? { altDomain: bareDomain(altDomain) } : {}),
    ...(dataDir && mode !== 'dev' ? { dataDir } : {}),
    bootstrap: bootstrapOf(settings, mode),
    addresses: addresses.read(),
    ports: portsOf(settings, issues),
    tls: tlsOf(settings),
    gossip: gossipOf(settings, issues),
    join: joinOf(settings, addresses),
    raft: raftOf(settings),
    limits: limitsOf(settings),
    connect,
    autoEncrypt: {
      allowTls: settings.bool('auto_encrypt.allow_tls') ?? false,
      tls: settings.bool('auto_encrypt.tls') ?? false,
      dnsNames: settings.list('auto_encrypt.dns_san'),
      ipAddresses: settings.list('auto_encrypt.ip_san'),
    },
    leave: {
      onTerminate: settings.bool('leave_on_terminate') ?? !server,
      skipOnInterrupt: settings.bool('skip_leave_on_interrupt') ?? server,
      drainMs: settings.durationMs('performance.leave_drain_time') ?? 5_000,
    },
    http: httpOf(settings),
    telemetry: {
      prefix: settings.string('telemetry.metrics_prefix') ?? 'consul',
      prometheus: (settings.durationMs('telemetry.prometheus_retention_time') ?? 0) > 0,
    },
    checks: checksOf(settings),
    autopilot: autopilotOf(settings),
    log: logOf(settings),
    definitions: {
      services: listOf(settings.opaque('services')),
      checks: listOf(settings.opaque('checks')),
      configEntries: listOf(settings.opaque('config_entries.bootstrap')),
    },
    ...(pidFile ? { pidFile } : {}),
    translateWanAddresses: settings.bool('translate_wan_addrs') ?? false,
    disableCoordinates: settings.bool('disable_coordinates') ?? false,
    sessionTtlMinMs: settings.durationMs('session_ttl_min') ?? 10_000,
  };
  issues.push(...checkRules(plan, settings));
  return { plan, issues };
}

function connectOf(settings: Settings, issues: ConfigIssue[]): AgentPlan['connect'] {
  const allowTls = settings.bool('auto_encrypt.allow_tls') ?? false;
  const enabled = allowTls || (settings.bool('connect.enabled') ?? false);
  const federation = settings.bool('connect.enable_mesh_gateway_wan_federation') ?? false;
  if (federation && !enabled) {
    issues.push(
      buildIssue(
        'federation.connect',
        "'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'",
        'connect.enabled',
      ),
    );
  }
  return {
    enabled,
    meshGatewayWanFederation: federation,
    caProvider: settings.string('connect.ca_provider') ?? 'consul',
    caConfig: settings.opaque('connect.ca_config') ?? {},
  };
}

function nodeOf(settings: Settings, hostname: string, issues: ConfigIssue[]): NodePlan {
  const id = settings.string('node_id')?.toLowerCase();
  if (id && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    issues.push(ruleIssue('node.id', `specified NodeID "${id}" is not a UUID`, 'node_id'));
  }
  return {
    name: (settings.string('node_name') || hostname).trim(),
    ...(id ? { id } : {}),
    meta: settings.map('node_meta'),
  };
}

function bootstrapOf(settings: Settings, mode: Mode): AgentPlan['bootstrap'] {
  const expect = settings.int('bootstrap_expect') ?? 0;
  // Expecting one server is the same as being the one (Consul warns and goes on).
  if (settings.bool('bootstrap') || expect === 1 || mode === 'dev') return { kind: 'single' };
  return expect > 1 ? { kind: 'expect', servers: expect } : { kind: 'none' };
}

function portsOf(settings: Settings, issues: ConfigIssue[]): PortPlan {
  const read = (name: keyof typeof DEFAULT_PORTS): number | null => {
    const port = settings.int(`ports.${name}`) ?? DEFAULT_PORTS[name];
    if (port > 65_535) {
      const text = `ports.${name}: invalid port: ${port}`;
      issues.push(valueIssue('port.invalid', `ports.${name}`, text));
    }
    return port <= 0 ? null : port;
  };
  const needed = (name: 'server' | 'serf_lan'): number => {
    const port = read(name);
    if (port !== null) return port;
    issues.push(
      ruleIssue(
        'port.needed',
        `ports.${name} must be a valid port from 1 to 65535`,
        `ports.${name}`,
      ),
    );
    return DEFAULT_PORTS[name];
  };
  return {
    dns: read('dns'),
    http: read('http'),
    https: read('https'),
    grpc: read('grpc'),
    server: needed('server'),
    serfLan: needed('serf_lan'),
    serfWan: read('serf_wan'),
  };
}

function tlsOf(settings: Settings): TlsPlan {
  const text = (name: string): string | undefined =>
    settings.string(`tls.internal_rpc.${name}`) ??
    settings.string(`tls.defaults.${name}`) ??
    settings.string(name);
  const truth = (name: 'verify_incoming' | 'verify_outgoing' | 'verify_server_hostname') =>
    settings.bool(`tls.internal_rpc.${name}`) ??
    settings.bool(`tls.defaults.${name}`) ??
    settings.bool(name) ??
    false;
  const verifyIncoming = truth('verify_incoming');
  const verifyServerHostname = truth('verify_server_hostname');
  const files = {
    caFile: text('ca_file'),
    caPath: text('ca_path'),
    certFile: text('cert_file'),
    keyFile: text('key_file'),
    serverName: settings.string('server_name'),
  };
  const version = text('tls_min_version') ?? 'tls12';
  return {
    ...given(files),
    verifyIncoming,
    verifyIncomingRpc: verifyIncoming || (settings.bool('verify_incoming_rpc') ?? false),
    verifyIncomingHttps:
      verifyIncoming ||
      (settings.bool('tls.https.verify_incoming') ??
        settings.bool('verify_incoming_https') ??
        false),
    verifyOutgoing: truth('verify_outgoing') || verifyServerHostname,
    verifyServerHostname,
    minVersion: /^tls(13|v1_3)$/i.test(version) ? 'TLSv1.3' : 'TLSv1.2',
  };
}

function gossipOf(settings: Settings, issues: ConfigIssue[]): GossipPlan {
  const encrypt = settings.string('encrypt');
  const key = encrypt ? keyOf(encrypt) : undefined;
  if (typeof key === 'string') {
    issues.push(ruleIssue('encrypt.invalid', `encrypt has invalid key: ${key}`, 'encrypt'));
  }
  return {
    ...(key !== undefined && typeof key !== 'string' ? { encryptKey: key } : {}),
    verifyIncoming: settings.bool('encrypt_verify_incoming') ?? true,
    verifyOutgoing: settings.bool('encrypt_verify_outgoing') ?? true,
    keyringFile: !(settings.bool('disable_keyring_file') ?? false),
    lan: tuningOf(settings, 'gossip_lan', GOSSIP_LAN),
    wan: tuningOf(settings, 'gossip_wan', GOSSIP_WAN),
    allowedLan: settings.list('serf_lan_allowed_cidrs'),
    allowedWan: settings.list('serf_wan_allowed_cidrs'),
    rejoinAfterLeave: settings.bool('rejoin_after_leave') ?? false,
    reconnectTimeoutLanMs: settings.durationMs('reconnect_timeout') ?? 72 * HOUR_MS,
    reconnectTimeoutWanMs: settings.durationMs('reconnect_timeout_wan') ?? 72 * HOUR_MS,
  };
}

/** The bytes of a gossip key, or what is wrong with it. */
function keyOf(encoded: string): Uint8Array | string {
  const decoded = decodeGoBase64(encoded);
  if (!decoded.ok) return decoded.error;
  if ([16, 24, 32].includes(decoded.bytes.length)) return Uint8Array.from(decoded.bytes);
  return 'key size must be 16, 24 or 32 bytes';
}

function tuningOf(
  settings: Settings,
  pool: 'gossip_lan' | 'gossip_wan',
  fallback: GossipTuning,
): GossipTuning {
  return {
    gossipIntervalMs: settings.durationMs(`${pool}.gossip_interval`) ?? fallback.gossipIntervalMs,
    gossipNodes: settings.int(`${pool}.gossip_nodes`) ?? fallback.gossipNodes,
    retransmitMult: settings.int(`${pool}.retransmit_mult`) ?? fallback.retransmitMult,
    probeIntervalMs: settings.durationMs(`${pool}.probe_interval`) ?? fallback.probeIntervalMs,
    probeTimeoutMs: settings.durationMs(`${pool}.probe_timeout`) ?? fallback.probeTimeoutMs,
    suspicionMult: settings.int(`${pool}.suspicion_mult`) ?? fallback.suspicionMult,
  };
}

function joinOf(settings: Settings, addresses: AddressReader): JoinPlan {
  return {
    startLan: addresses.list('start_join'),
    startWan: addresses.list('start_join_wan'),
    retryLan: {
      addresses: addresses.list('retry_join'),
      intervalMs: settings.durationMs('retry_interval') ?? 30_000,
      triesMax: settings.int('retry_max') ?? 0,
    },
    retryWan: {
      addresses: addresses.list('retry_join_wan'),
      intervalMs: settings.durationMs('retry_interval_wan') ?? 30_000,
      triesMax: settings.int('retry_max_wan') ?? 0,
    },
    primaryGateways: {
      addresses: addresses.list('primary_gateways').map(dialable),
      intervalMs: settings.durationMs('primary_gateways_interval') ?? 30_000,
    },
  };
}

/** With a port, if it can be dialed at all; what cannot is kept for the rules to refuse. */
function dialable(entry: string): string {
  const read = readGatewayAddress(entry);
  return read.ok ? read.address : entry;
}

function raftOf(settings: Settings): RaftPlan {
  return {
    protocol: settings.int('raft_protocol') ?? 3,
    multiplier: settings.int('performance.raft_multiplier') ?? 5,
    snapshotThreshold: settings.int('raft_snapshot_threshold') || 16_384,
    snapshotIntervalMs: settings.durationMs('raft_snapshot_interval') || 30_000,
    trailingLogs: settings.int('raft_trailing_logs') || 10_240,
  };
}

function limitsOf(settings: Settings): LimitPlan {
  const rate = settings.float('limits.rpc_rate') ?? -1;
  return {
    httpMaxConnsPerClient: settings.int('limits.http_max_conns_per_client') ?? 200,
    httpsHandshakeTimeoutMs: settings.durationMs('limits.https_handshake_timeout') ?? 5_000,
    rpcHandshakeTimeoutMs: settings.durationMs('limits.rpc_handshake_timeout') ?? 5_000,
    rpcMaxConnsPerClient: settings.int('limits.rpc_max_conns_per_client') ?? 100,
    rpcRate: rate < 0 ? null : rate,
    rpcMaxBurst: settings.int('limits.rpc_max_burst') ?? 1_000,
    rpcHoldTimeoutMs: settings.durationMs('performance.rpc_hold_timeout') ?? 7_000,
    serverAllowedCidrs: settings.list('server_allowed_cidrs'),
    kvMaxValueSize: settings.int('limits.kv_max_value_size') ?? 524_288,
    txnMaxReqLen: settings.int('limits.txn_max_req_len') ?? 524_288,
  };
}

function httpOf(settings: Settings): HttpPlan {
  return {
    defaultQueryTimeMs: settings.durationMs('default_query_time') ?? 5 * MINUTE_MS,
    maxQueryTimeMs: settings.durationMs('max_query_time') ?? 10 * MINUTE_MS,
    discoveryMaxStaleMs: settings.durationMs('discovery_max_stale') ?? 0,
    blockEndpoints: settings.list('http_config.block_endpoints'),
    responseHeaders: settings.map('http_config.response_headers'),
    allowWriteFrom: settings.list('http_config.allow_write_http_from'),
    useCache: settings.bool('http_config.use_cache') ?? true,
    debugEndpoints: settings.bool('enable_debug') ?? false,
  };
}

function checksOf(settings: Settings): CheckPlan {
  const remoteScripts = settings.bool('enable_script_checks') ?? false;
  return {
    updateIntervalMs: settings.durationMs('check_update_interval') ?? 5 * MINUTE_MS,
    outputMaxSize: settings.int('check_output_max_size') ?? 4_096,
    discardOutput: settings.bool('discard_check_output') ?? false,
    remoteScripts,
    localScripts: remoteScripts || (settings.bool('enable_local_script_checks') ?? false),
    agentTls: settings.bool('enable_agent_tls_for_checks') ?? false,
  };
}

function autopilotOf(settings: Settings): AutopilotPlan {
  return {
    cleanupDeadServers: settings.bool('autopilot.cleanup_dead_servers') ?? true,
    lastContactThresholdMs: settings.durationMs('autopilot.last_contact_threshold') ?? 200,
    maxTrailingLogs: settings.int('autopilot.max_trailing_logs') ?? 250,
    minQuorum: settings.int('autopilot.min_quorum') ?? 0,
    serverStabilizationTimeMs: settings.durationMs('autopilot.server_stabilization_time') ?? 10_000,
  };
}

function logOf(settings: Settings): AgentPlan['log'] {
  const file = settings.string('log_file');
  return {
    level: (settings.string('log_level') || 'INFO').toUpperCase(),
    json: settings.bool('log_json') ?? false,
    ...(file ? { file } : {}),
  };
}

function bareDomain(domain: string): string {
  return domain.replace(/\.$/, '');
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The texts that are there and not empty. */
function given<K extends string>(
  texts: Readonly<Record<K, string | undefined>>,
): { readonly [name in K]?: string } {
  const entries = Object.entries(texts).filter(([, text]) => text !== undefined && text !== '');
  return Object.fromEntries(entries) as { readonly [name in K]?: string };
}

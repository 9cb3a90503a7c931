/**
 * Rules over a whole plan. The texts up to `ownRules` are Consul's, in its order; those of
 * `ownRules` refuse what Consul takes although it cannot work.
 */

import { readGatewayAddress } from '../federation/gateway-address.ts';
import { type ConfigIssue, ruleIssue, valueIssue, warning } from './issues.ts';
import type { AgentPlan } from './plan.ts';
import type { Settings } from './settings.ts';

const FEATURE = "'connect.enable_mesh_gateway_wan_federation = true'";

/** Length of a DNS label (RFC 1035, 2.3.4). */
const LABEL_LENGTH_MAX = 63;
const META_PAIRS_MAX = 64;
const META_KEY_LENGTH_MAX = 128;
const META_VALUE_LENGTH_MAX = 512;

type Check = (plan: AgentPlan, settings: Settings) => readonly (ConfigIssue | undefined | false)[];

export function checkRules(plan: AgentPlan, settings: Settings): readonly ConfigIssue[] {
  const checks: readonly Check[] = [
    datacenterRules,
    storageRules,
    serverRules,
    valueRules,
    federationRules,
    portRules,
    ownRules,
    warnings,
  ];
  return checks
    .flatMap((check) => check(plan, settings))
    .filter((issue): issue is ConfigIssue => issue !== undefined && issue !== false);
}

function datacenterRules(plan: AgentPlan): readonly (ConfigIssue | false)[] {
  const wrong = (key: string, name: string): ConfigIssue | false =>
    !/^[a-z0-9_-]+$/.test(name) &&
    ruleIssue(
      `${key}.invalid`,
      `${key} can only contain lowercase alphanumeric, - or _ characters. received: "${name}"`,
      key,
    );
  return [
    wrong('datacenter', plan.datacenter),
    plan.primaryDatacenter !== plan.datacenter &&
      wrong('primary_datacenter', plan.primaryDatacenter),
  ];
}

function storageRules(plan: AgentPlan): readonly (ConfigIssue | false)[] {
  return [
    !plan.devMode &&
      plan.dataDir === undefined &&
      ruleIssue('data_dir.empty', 'data_dir cannot be empty', 'data_dir'),
    plan.node.name === '' && ruleIssue('node_name.empty', 'node_name cannot be empty', 'node_name'),
  ];
}

function serverRules(plan: AgentPlan, settings: Settings): readonly (ConfigIssue | false)[] {
  const server = plan.role === 'server';
  const bootstrap = settings.bool('bootstrap') ?? false;
  const expect = settings.int('bootstrap_expect') ?? 0;
  const rule = (broken: boolean, id: string, text: string): ConfigIssue | false =>
    broken && ruleIssue(id, text);
  return [
    rule(bootstrap && !server, 'bootstrap.client', "'bootstrap = true' requires 'server = true'"),
    rule(
      expect < 0,
      'expect.negative',
      `bootstrap_expect cannot be ${expect}. Must be greater than or equal to zero`,
    ),
    rule(expect > 0 && !server, 'expect.client', "'bootstrap_expect > 0' requires 'server = true'"),
    rule(
      expect > 0 && plan.devMode,
      'expect.dev',
      "'bootstrap_expect > 0' not allowed in dev mode",
    ),
    rule(
      expect > 0 && bootstrap,
      'expect.bootstrap',
      "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
    ),
    rule(
      (settings.bool('auto_encrypt.allow_tls') ?? false) && !server,
      'auto_encrypt.client',
      'auto_encrypt.allow_tls can only be used on a server.',
    ),
    rule(
      (settings.bool('auto_encrypt.tls') ?? false) && server,
      'auto_encrypt.server',
      'auto_encrypt.tls can only be used on a client.',
    ),
    rule(
      settings.opaque('segments') !== undefined || (settings.string('segment') ?? '') !== '',
      'segments',
      'Network segments are not supported in this version of Consul',
    ),
  ];
}

function valueRules(plan: AgentPlan, settings: Settings): readonly (ConfigIssue | false)[] {
  const notNegative = (key: string): ConfigIssue | false => {
    const value = settings.int(key) ?? 0;
    const text = `${key} cannot be ${value}. Must be greater than or equal to zero`;
    return value < 0 && ruleIssue(`${key}.negative`, text, key);
  };
  const { multiplier, protocol } = plan.raft;
  const rate = settings.float('cache.entry_fetch_rate');
  return [
    notNegative('autopilot.max_trailing_logs'),
    notNegative('dns_config.udp_answer_limit'),
    notNegative('dns_config.a_record_limit'),
    (multiplier < 1 || multiplier > 10) &&
      ruleIssue(
        'raft_multiplier',
        `performance.raft_multiplier cannot be ${multiplier}. Must be between 1 and 10`,
      ),
    protocol !== 3 &&
      ruleIssue(
        'raft_protocol',
        `raft_protocol version ${protocol} is not supported by this version of Consul`,
      ),
    ...metaRules(plan.node.meta),
    !['consul', 'vault', 'aws-pca'].includes(plan.connect.caProvider) &&
      ruleIssue('ca_provider', `${plan.connect.caProvider} is not a valid CA provider`),
    rate !== undefined &&
      rate <= 0 &&
      ruleIssue('cache.rate', `cache.entry_fetch_rate must be strictly positive, was: ${rate}`),
    ...plan.http.allowWriteFrom.map(
      (cidr) =>
        !isCidr(cidr) &&
        valueIssue(
          'cidr.invalid',
          'http_config.allow_write_http_from',
          `allow_write_http_from: invalid cidr: ${cidr}`,
        ),
    ),
    ...(
      ['serf_lan_allowed_cidrs', 'serf_wan_allowed_cidrs', 'server_allowed_cidrs'] as const
    ).flatMap((key) =>
      settings
        .list(key)
        .map(
          (cidr) =>
            !isCidr(cidr) && valueIssue('cidr.invalid', key, `${key}: invalid cidr: ${cidr}`),
        ),
    ),
  ];
}

function metaRules(meta: Readonly<Record<string, string>>): readonly (ConfigIssue | false)[] {
  const pairs = Object.entries(meta);
  const wrong = (text: string): ConfigIssue =>
    ruleIssue('node_meta.invalid', `node_meta invalid: ${text}`, 'node_meta');
  const problems = pairs.map(([key, value]): ConfigIssue | false => {
    const at = `Couldn't load metadata pair ('${key}', '${value}'): `;
    if (key === '') return wrong(`${at}Key cannot be blank`);
    if (!/^[a-zA-Z0-9_-]+$/.test(key)) return wrong(`${at}Key contains invalid characters`);
    if (key.length > META_KEY_LENGTH_MAX) {
      return wrong(`${at}Key is too long (limit: ${META_KEY_LENGTH_MAX} characters)`);
    }
    if (key.startsWith('consul-')) {
      return wrong(`${at}Key prefix 'consul-' is reserved for internal use`);
    }
    if (value.length > META_VALUE_LENGTH_MAX) {
      return wrong(`${at}Value is too long (limit: ${META_VALUE_LENGTH_MAX} characters)`);
    }
    return false;
  });
  const tooMany =
    pairs.length > META_PAIRS_MAX &&
    wrong(`Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`);
  return [tooMany, ...problems];
}

function federationRules(plan: AgentPlan, settings: Settings): readonly (ConfigIssue | false)[] {
  const on = plan.connect.meshGatewayWanFederation;
  const server = plan.role === 'server';
  const gateways = settings.list('primary_gateways').length > 0;
  const rule = (broken: boolean, id: string, text: string): ConfigIssue | false =>
    broken && ruleIssue(`federation.${id}`, text);
  return [
    rule(on && !server, 'client', `${FEATURE} requires 'server = true'`),
    rule(
      on && plan.node.name.includes('/'),
      'node_name',
      `${FEATURE} requires that 'node_name' not contain '/' characters`,
    ),
    rule(
      on && plan.join.startWan.length > 0,
      'start_join_wan',
      `'start_join_wan' is incompatible with ${FEATURE}`,
    ),
    rule(
      on && plan.join.retryWan.addresses.length > 0,
      'retry_join_wan',
      `'retry_join_wan' is incompatible with ${FEATURE}`,
    ),
    ...plan.join.primaryGateways.addresses.map((entry) => {
      const read = readGatewayAddress(entry);
      return !read.ok && ruleIssue('federation.gateways.address', read.text, 'primary_gateways');
    }),
    rule(gateways && !server, 'gateways.client', "'primary_gateways' requires 'server = true'"),
    rule(
      gateways && plan.primaryDatacenter === plan.datacenter,
      'gateways.primary',
      "'primary_gateways' should only be configured in a secondary datacenter",
    ),
  ];
}

/** TCP doors that may not share an address and port. */
function portRules(plan: AgentPlan): readonly ConfigIssue[] {
  const { addresses, ports } = plan;
  const doors: readonly (readonly [string, readonly string[], number | null])[] = [
    ['DNS', addresses.dns, ports.dns],
    ['HTTP', addresses.http, ports.http],
    ['HTTPS', addresses.https, ports.https],
    ['gRPC', addresses.grpc, ports.grpc],
    ['RPC Advertise', [addresses.advertiseLan], plan.role === 'server' ? ports.server : null],
    ['Serf Advertise LAN', [addresses.advertiseLan], ports.serfLan],
    ['Serf Advertise WAN', [addresses.advertiseWan], plan.role === 'server' ? ports.serfWan : null],
  ];
  const taken = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  for (const [name, hosts, port] of doors) {
    for (const host of port === null ? [] : hosts) {
      const address = host.startsWith('unix://') ? host : `${host}:${port}`;
      const other = taken.get(address);
      if (other === undefined) taken.set(address, name);
      else {
        const text = `${name} address ${address} already configured for ${other}`;
        issues.push(ruleIssue('address.taken', text));
      }
    }
  }
  return issues;
}

function ownRules(plan: AgentPlan, settings: Settings): readonly (ConfigIssue | false)[] {
  const on = plan.connect.meshGatewayWanFederation && plan.role === 'server';
  const { tls } = plan;
  const missing = [
    tls.caFile === undefined && tls.caPath === undefined ? "'ca_file' (or 'ca_path')" : '',
    tls.certFile === undefined ? "'cert_file'" : '',
    tls.keyFile === undefined ? "'key_file'" : '',
  ].filter((name) => name !== '');
  const rule = (broken: boolean, id: string, text: string): ConfigIssue | false =>
    broken && ruleIssue(`federation.${id}`, text);
  const level = plan.log.level;
  return [
    rule(
      on && missing.length > 0,
      'tls',
      `${FEATURE} requires TLS, since all traffic between datacenters is: set ${missing.join(', ')}`,
    ),
    rule(
      on && plan.node.name.includes('.'),
      'node_name.dot',
      `${FEATURE} requires that 'node_name' not contain '.' characters, was: "${plan.node.name}"`,
    ),
    rule(
      on && plan.ports.serfWan === null,
      'serf_wan',
      `${FEATURE} requires 'ports.serf_wan', which is switched off`,
    ),
    !['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERR', 'ERROR'].includes(level) &&
      ruleIssue(
        'log_level',
        `Invalid log level: ${level}. Valid log levels are: [TRACE DEBUG INFO WARN ERR]`,
      ),
    (settings.int('retry_max') ?? 0) < 0 &&
      ruleIssue('retry_max', `retry_max cannot be ${settings.int('retry_max')}`),
  ];
}

function warnings(plan: AgentPlan, settings: Settings): readonly (ConfigIssue | false)[] {
  const bootstrap = settings.bool('bootstrap') ?? false;
  const expect = settings.int('bootstrap_expect') ?? 0;
  const on = plan.connect.meshGatewayWanFederation;
  const gateways = plan.join.primaryGateways.addresses.length > 0;
  const secondary = plan.primaryDatacenter !== plan.datacenter;
  const { name } = plan.node;
  const warn = (when: boolean, id: string, text: string): ConfigIssue | false =>
    when && warning(id, text);
  return [
    warn(
      name !== '' && !/^[A-Za-z0-9-]+$/.test(name),
      'node_name.dns',
      `Node name "${name}" will not be discoverable via DNS due to invalid characters. ` +
        'Valid characters include all alpha-numerics and dashes.',
    ),
    warn(
      name.length > LABEL_LENGTH_MAX,
      'node_name.long',
      `Node name "${name}" will not be discoverable via DNS due to it being too long. ` +
        'Valid lengths are between 1 and 63 bytes.',
    ),
    warn(bootstrap, 'bootstrap', 'bootstrap = true: do not enable unless necessary'),
    warn(
      expect === 1,
      'expect.one',
      'BootstrapExpect is set to 1; this is the same as Bootstrap mode.',
    ),
    warn(
      expect === 2,
      'expect.two',
      'bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. ' +
        'See https://www.consul.io/docs/internals/consensus.html#deployment-table',
    ),
    warn(
      expect > 2 && expect % 2 === 0,
      'expect.even',
      'bootstrap_expect is even number: A cluster with an even number of servers does not ' +
        'achieve optimum fault tolerance.',
    ),
    warn(expect > 1, 'expect', `bootstrap_expect > 0: expecting ${expect} servers`),
    warn(
      settings.bool('ui') !== undefined,
      'ui.old',
      "The 'ui' field is deprecated. Use the 'ui_config.enabled' field instead.",
    ),
    warn(gateways && !on, 'gateways.unused', `'primary_gateways' is not used without ${FEATURE}`),
    warn(
      on && secondary && !gateways,
      'gateways.none',
      `no 'primary_gateways' in the secondary datacenter "${plan.datacenter}": it waits until ` +
        'somebody else lets it know the gateways of the primary',
    ),
    warn(
      on && plan.ports.grpc === null,
      'grpc.off',
      "'ports.grpc' is off: this agent cannot configure an Envoy as mesh gateway",
    ),
  ];
}

function isCidr(text: string): boolean {
  const found = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  if (found === null) return false;
  const bits = Number(found[2]);
  const six = (found[1] as string).includes(':');
  if (!six) return /^(\d{1,3}\.){3}\d{1,3}$/.test(found[1] as string) && bits <= 32;
  return bits <= 128;
}

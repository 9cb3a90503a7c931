/** The flags of `agent`, each the short form of one configuration key. */

import type { FlagKind, FlagSpec, Flags } from '../flags.ts';
import type { Fragment } from './fragment.ts';

interface AgentFlag extends FlagSpec {
  /** The configuration key that it sets; absent for flags with a meaning of their own. */
  readonly key?: string;
}

function flag(name: string, kind: FlagKind, key: string | undefined, help: string): AgentFlag {
  return { name, kind, help, ...(key === undefined ? {} : { key }) };
}

export const AGENT_FLAGS: readonly AgentFlag[] = [
  flag('advertise', 'string', 'advertise_addr', 'Address that others in the datacenter reach.'),
  flag('advertise-wan', 'string', 'advertise_addr_wan', 'Address that other datacenters reach.'),
  flag('allow-write-http-from', 'list', 'http_config.allow_write_http_from', 'Network (CIDR).'),
  flag('alt-domain', 'string', 'alt_domain', 'Second domain of the DNS door.'),
  flag('bind', 'string', 'bind_addr', 'Address to listen on for the cluster.'),
  flag('bootstrap', 'bool', 'bootstrap', 'Elect yourself leader: one server only.'),
  flag('bootstrap-expect', 'int', 'bootstrap_expect', 'Wait for so many servers, then elect.'),
  flag('check_output_max_size', 'int', 'check_output_max_size', 'Bytes of check output kept.'),
  flag('client', 'string', 'client_addr', 'Address of the HTTP, HTTPS, DNS and gRPC doors.'),
  flag('config-dir', 'list', undefined, 'Folder of configuration files. May be repeated.'),
  flag('config-file', 'list', undefined, 'Configuration file. May be repeated.'),
  flag('config-format', 'string', undefined, '`hcl` or `json`: read every file as this.'),
  flag('data-dir', 'string', 'data_dir', 'Folder for the state of the agent.'),
  flag('datacenter', 'string', 'datacenter', 'Datacenter of the agent.'),
  flag('default-query-time', 'duration', 'default_query_time', 'Wait of a blocking query.'),
  flag('dev', 'bool', undefined, 'A server for trying things: no state on disk.'),
  flag('disable-host-node-id', 'bool', 'disable_host_node_id', 'Make a random node id.'),
  flag('disable-keyring-file', 'bool', 'disable_keyring_file', 'Do not keep gossip keys on disk.'),
  flag('dns-port', 'int', 'ports.dns', 'Port of the DNS door; -1 is off.'),
  flag('domain', 'string', 'domain', 'Domain of the DNS door and of certificates.'),
  flag('enable-local-script-checks', 'bool', 'enable_local_script_checks', 'Scripts from files.'),
  flag('enable-script-checks', 'bool', 'enable_script_checks', 'Allow checks that run scripts.'),
  flag('encrypt', 'string', 'encrypt', 'Gossip key, base64.'),
  flag('grpc-port', 'int', 'ports.grpc', 'Port of the gRPC door; -1 is off.'),
  flag('hcl', 'list', undefined, 'A piece of configuration. May be repeated.'),
  flag('http-port', 'int', 'ports.http', 'Port of the HTTP door; -1 is off.'),
  flag('https-port', 'int', 'ports.https', 'Port of the HTTPS door; -1 is off.'),
  flag('join', 'list', 'start_join', 'Agent to join at start. May be repeated.'),
  flag('join-wan', 'list', 'start_join_wan', 'Server of another datacenter to join.'),
  flag('log-file', 'string', 'log_file', 'File for the log.'),
  flag('log-json', 'bool', 'log_json', 'Write the log as JSON.'),
  flag('log-level', 'string', 'log_level', 'trace, debug, info, warn or err.'),
  flag('log-rotate-bytes', 'int', 'log_rotate_bytes', 'Size of a log file.'),
  flag('log-rotate-duration', 'duration', 'log_rotate_duration', 'Age of a log file.'),
  flag('log-rotate-max-files', 'int', 'log_rotate_max_files', 'Log files kept.'),
  flag('max-query-time', 'duration', 'max_query_time', 'Longest wait of a blocking query.'),
  flag('node', 'string', 'node_name', 'Name of the agent; the host name when absent.'),
  flag('node-id', 'string', 'node_id', 'UUID of the agent.'),
  flag('node-meta', 'list', 'node_meta', 'key:value. May be repeated.'),
  flag('non-voting-server', 'bool', 'read_replica', 'Not supported.'),
  flag('pid-file', 'string', 'pid_file', 'File for the process id.'),
  flag('primary-gateway', 'list', 'primary_gateways', 'Mesh gateway of the primary datacenter.'),
  flag('protocol', 'int', 'protocol', 'Protocol of the agent.'),
  flag('raft-protocol', 'int', 'raft_protocol', 'Protocol of raft.'),
  flag('read-replica', 'bool', 'read_replica', 'Not supported.'),
  flag('recursor', 'list', 'recursors', 'Upstream DNS server. May be repeated.'),
  flag('rejoin', 'bool', 'rejoin_after_leave', 'Join the old cluster again after a leave.'),
  flag('retry-interval', 'duration', 'retry_interval', 'Pause between attempts to join.'),
  flag('retry-interval-wan', 'duration', 'retry_interval_wan', 'The same for -retry-join-wan.'),
  flag('retry-join', 'list', 'retry_join', 'Agent to join, again and again until it works.'),
  flag('retry-join-wan', 'list', 'retry_join_wan', 'Server of another datacenter to join.'),
  flag('retry-max', 'int', 'retry_max', 'Attempts to join; 0 is for ever.'),
  flag('retry-max-wan', 'int', 'retry_max_wan', 'The same for -retry-join-wan.'),
  flag('segment', 'string', 'segment', 'Not supported.'),
  flag('serf-lan-allowed-cidrs', 'list', 'serf_lan_allowed_cidrs', 'Network that may gossip.'),
  flag('serf-lan-bind', 'string', 'serf_lan', 'Address for gossip in the datacenter.'),
  flag('serf-lan-port', 'int', 'ports.serf_lan', 'Port for gossip in the datacenter.'),
  flag('serf-wan-allowed-cidrs', 'list', 'serf_wan_allowed_cidrs', 'Network that may gossip.'),
  flag('serf-wan-bind', 'string', 'serf_wan', 'Address for gossip between datacenters.'),
  flag('serf-wan-port', 'int', 'ports.serf_wan', 'Port for gossip between datacenters.'),
  flag('server', 'bool', 'server', 'Be a server.'),
  flag('server-port', 'int', 'ports.server', 'Port for RPC and raft.'),
  flag('syslog', 'bool', 'enable_syslog', 'Write the log to syslog too.'),
  flag('ui', 'bool', 'ui_config.enabled', 'Serve the web page.'),
  flag('ui-content-path', 'string', 'ui_config.content_path', 'Path of the web page.'),
  flag('ui-dir', 'string', 'ui_config.dir', 'Folder of the web page.'),
];

/** Splits what the flags say: lists stand before the files, everything else after them. */
export interface FlagFragments {
  readonly lists: Fragment;
  readonly others: Fragment;
}

export function fragmentsOfFlags(flags: Flags): FlagFragments {
  const lists = new Map<string, unknown>();
  const others = new Map<string, unknown>();
  for (const { name, kind, key } of AGENT_FLAGS) {
    if (key === undefined || !flags.has(name)) continue;
    if (key === 'node_meta') others.set(key, pairsOf(flags.list(name)));
    else if (kind === 'list') lists.set(key, flags.list(name));
    else if (kind === 'bool') others.set(key, flags.bool(name));
    else if (kind === 'int') others.set(key, flags.int(name));
    else others.set(key, flags.string(name));
  }
  return { lists, others };
}

function pairsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const colon = text.indexOf(':');
      return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
    }),
  );
}

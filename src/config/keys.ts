/**
 * Every configuration key that is understood, with its type. Keys of Consul 1.9; keys that later
 * versions brought stand at the end. `opaque` keys hold definitions that their owners check.
 */

export type KeyKind = 'string' | 'bool' | 'int' | 'float' | 'duration' | 'list' | 'map' | 'opaque';

function keys(prefix: string, kind: KeyKind, names: string): readonly [string, KeyKind][] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => [prefix === '' ? name : `${prefix}.${name}`, kind]);
}

const GOSSIP_TUNING = [
  ['duration', 'gossip_interval probe_interval probe_timeout'],
  ['int', 'gossip_nodes retransmit_mult suspicion_mult'],
] as const;

/** Dotted key → type. An object exists where a dotted key begins with its name. */
export const CONFIG_KEYS: ReadonlyMap<string, KeyKind> = new Map([
  ...keys(
    '',
    'string',
    `acl_datacenter addresses.dns addresses.grpc addresses.http addresses.https advertise_addr
    advertise_addr_ipv4 advertise_addr_ipv6 advertise_addr_wan advertise_addr_wan_ipv4 alt_domain
    bind_addr ca_file ca_path cert_file client_addr data_dir datacenter domain encrypt key_file
    log_file log_level node_id node_name non_voting_server pid_file primary_datacenter revision
    segment serf_lan serf_wan server_name syslog_facility tls_cipher_suites tls_min_version
    ui_content_path ui_dir version version_prerelease`,
  ),
  ...keys(
    '',
    'bool',
    `bootstrap disable_anonymous_signature disable_coordinates disable_host_node_id
    disable_http_unprintable_char_filter disable_keyring_file disable_remote_exec
    disable_update_check discard_check_output enable_agent_tls_for_checks
    enable_central_service_config enable_debug enable_local_script_checks enable_script_checks
    enable_syslog encrypt_verify_incoming encrypt_verify_outgoing leave_on_terminate log_json
    read_replica rejoin_after_leave server skip_leave_on_interrupt
    tls_prefer_server_cipher_suites translate_wan_addrs ui use_streaming_backend verify_incoming
    verify_incoming_https verify_incoming_rpc verify_outgoing verify_server_hostname`,
  ),
  ...keys(
    '',
    'int',
    `bootstrap_expect check_output_max_size log_rotate_bytes log_rotate_max_files protocol
    raft_protocol raft_snapshot_threshold raft_trailing_logs retry_max retry_max_wan`,
  ),
  ...keys(
    '',
    'duration',
    `check_update_interval default_query_time discovery_max_stale log_rotate_duration
    max_query_time primary_gateways_interval raft_snapshot_interval reconnect_timeout
    reconnect_timeout_wan retry_interval retry_interval_wan serf_lan_interval session_ttl_min`,
  ),
  ...keys(
    '',
    'list',
    `primary_gateways recursors retry_join retry_join_wan serf_lan_allowed_cidrs
    serf_wan_allowed_cidrs server_allowed_cidrs start_join start_join_wan`,
  ),
  ...keys('', 'map', 'node_meta tagged_addresses'),
  ...keys('', 'opaque', 'service services check checks watches segments'),
  ...keys(
    '',
    'string',
    'connect.ca_provider unix_sockets.user unix_sockets.group unix_sockets.mode',
  ),
  ...keys(
    '',
    'bool',
    'connect.enabled connect.enable_mesh_gateway_wan_federation connect.enable_serverless_plugin',
  ),
  ...keys('', 'opaque', 'connect.ca_config config_entries.bootstrap audit'),
  ...keys('auto_encrypt', 'bool', 'tls allow_tls'),
  ...keys('auto_encrypt', 'list', 'dns_san ip_san'),
  ...keys('', 'opaque', 'auto_config'),
  ...keys(
    'ports',
    'int',
    `dns http https grpc serf_lan serf_wan server sidecar_min_port sidecar_max_port
    expose_min_port expose_max_port`,
  ),
  ...keys('limits', 'duration', 'https_handshake_timeout rpc_handshake_timeout'),
  ...keys(
    'limits',
    'int',
    `http_max_conns_per_client kv_max_value_size rpc_max_burst rpc_max_conns_per_client
    txn_max_req_len`,
  ),
  ...keys('limits', 'float', 'rpc_rate'),
  ...keys('performance', 'int', 'raft_multiplier'),
  ...keys('performance', 'duration', 'leave_drain_time rpc_hold_timeout'),
  ...GOSSIP_TUNING.flatMap(([kind, names]) => [
    ...keys('gossip_lan', kind, names),
    ...keys('gossip_wan', kind, names),
  ]),
  ...keys('autopilot', 'bool', 'cleanup_dead_servers disable_upgrade_migration'),
  ...keys('autopilot', 'duration', 'last_contact_threshold server_stabilization_time'),
  ...keys('autopilot', 'int', 'max_trailing_logs min_quorum'),
  ...keys('autopilot', 'string', 'redundancy_zone_tag upgrade_version_tag'),
  ...keys(
    'acl',
    'bool',
    'enabled enable_token_replication enable_token_persistence enable_key_list_policy',
  ),
  ...keys('acl', 'string', 'default_policy down_policy'),
  ...keys('acl', 'duration', 'token_ttl policy_ttl role_ttl'),
  ...keys('acl.tokens', 'string', 'master agent agent_master default replication'),
  ...keys('acl.tokens', 'opaque', 'managed_service_provider'),
  ...keys('http_config', 'list', 'block_endpoints allow_write_http_from'),
  ...keys('http_config', 'map', 'response_headers'),
  ...keys('http_config', 'bool', 'use_cache'),
  ...keys(
    'dns_config',
    'bool',
    `allow_stale only_passing enable_truncate disable_compression use_cache
    enable_additional_node_meta_txt`,
  ),
  ...keys('dns_config', 'duration', 'max_stale node_ttl recursor_timeout cache_max_age'),
  ...keys('dns_config', 'int', 'udp_answer_limit a_record_limit'),
  ...keys('dns_config', 'map', 'service_ttl'),
  ...keys('dns_config.soa', 'int', 'refresh retry expire min_ttl'),
  ...keys('telemetry', 'opaque', 'prefix_filter dogstatsd_tags'),
  ...keys(
    'telemetry',
    'string',
    'metrics_prefix statsd_address statsite_address dogstatsd_addr circonus_api_token',
  ),
  ...keys('telemetry', 'bool', 'filter_default disable_hostname disable_compat_1.9'),
  ...keys('telemetry', 'duration', 'prometheus_retention_time'),
  ...keys('ui_config', 'bool', 'enabled'),
  ...keys('ui_config', 'string', 'dir content_path metrics_provider metrics_provider_options_json'),
  ...keys('ui_config', 'list', 'metrics_provider_files'),
  ...keys('ui_config', 'opaque', 'metrics_proxy'),
  ...keys('ui_config', 'map', 'dashboard_url_templates'),
  ...keys('rpc', 'bool', 'enable_streaming'),
  ...keys('cache', 'int', 'entry_fetch_max_burst'),
  ...keys('cache', 'float', 'entry_fetch_rate'),
  // Consul 1.12 moved the TLS keys into stanzas; 1.14 gave gRPC a second port.
  ...['defaults', 'internal_rpc', 'https', 'grpc'].flatMap((part) => [
    ...keys(`tls.${part}`, 'string', 'ca_file ca_path cert_file key_file tls_min_version'),
    ...keys(`tls.${part}`, 'string', 'tls_cipher_suites'),
    ...keys(`tls.${part}`, 'bool', 'verify_incoming verify_outgoing verify_server_hostname'),
  ]),
  ...keys('ports', 'int', 'grpc_tls'),
  ...keys('addresses', 'string', 'grpc_tls'),
  ...keys('peering', 'bool', 'enabled'),
  ...keys(
    'acl.tokens',
    'string',
    'initial_management agent_recovery config_file_service_registration',
  ),
]);

/** Dotted names of all objects: `ports`, `dns_config.soa`, … */
export const CONFIG_OBJECTS: ReadonlySet<string> = new Set(
  [...CONFIG_KEYS.keys()].flatMap((key) => {
    const words = key === 'telemetry.disable_compat_1.9' ? ['telemetry', ''] : key.split('.');
    return words.slice(0, -1).map((_, place) => words.slice(0, place + 1).join('.'));
  }),
);

/** What a proxy gets from `service-defaults` and `proxy-defaults`, as the two are when it asks. */

import type { QueryMeta } from '../../model/blocks.ts';
import type { ConfigEntryRow } from '../../model/config-entry.ts';
import type { ServiceConfigRequest, ServiceConfigResponse } from '../../model/config-entry-rpc.ts';
import { type OpaqueMap, opaqueMap, withText } from '../../model/opaque.ts';
import { ExposeConfig, MeshGatewayConfig } from '../../model/service-parts.ts';
import { decode, str, struct, type TypeOf } from '../../wire/msgpack/schema.ts';
import type { Indexed } from '../blocking-query.ts';
import type { StoreReader } from '../view.ts';
import { configEntry } from './other.ts';

/** The parts that both kinds have in common with what a proxy gets. */
const ServiceDefaults = struct({
  Protocol: str,
  Config: opaqueMap,
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  ExternalSNI: str,
});
export type ServiceDefaults = TypeOf<typeof ServiceDefaults>;

export type ResolvedServiceConfig = Omit<ServiceConfigResponse, keyof QueryMeta>;

export function resolvedServiceConfig(
  reader: StoreReader,
  request: ServiceConfigRequest,
): Indexed<ResolvedServiceConfig> {
  const { index, result } = configEntry(reader, 'service-defaults', request.Name);
  const own = defaultsOf(result);
  const all = defaultsOf(configEntry(reader, 'proxy-defaults', 'global').result);
  const ids = request.UpstreamIDs ?? [];
  const names = ids.length > 0 ? ids.map(({ ID }) => ID) : (request.Upstreams ?? []);
  const upstreams = upstreamConfigs(reader, [...new Set(names)], all);
  const found = upstreams.length > 0;
  return {
    index,
    result: {
      ProxyConfig:
        own.Protocol === '' ? all.Config : withText(all.Config, 'protocol', own.Protocol),
      MeshGateway: own.MeshGateway.Mode === '' ? all.MeshGateway : own.MeshGateway,
      Expose: {
        Checks: own.Expose.Checks || all.Expose.Checks,
        Paths: (own.Expose.Paths ?? []).length > 0 ? own.Expose.Paths : all.Expose.Paths,
      },
      UpstreamConfigs: found && ids.length === 0 ? Object.fromEntries(upstreams) : null,
      UpstreamIDConfigs:
        found && ids.length > 0
          ? upstreams.map(([ID, Config]) => ({ Upstream: { ID }, Config }))
          : null,
    },
  };
}

/** The protocols of upstreams: their own, or the one of all; those without are left out. */
function upstreamConfigs(
  reader: StoreReader,
  names: readonly string[],
  all: ServiceDefaults,
): readonly (readonly [string, OpaqueMap])[] {
  return names.flatMap((name) => {
    const { Protocol } = defaultsOf(configEntry(reader, 'service-defaults', name).result);
    const protocol = Protocol || all.Config?.['protocol'];
    return protocol === undefined ? [] : [[name, { protocol }] as const];
  });
}

/** What an entry of either kind says; nothing when there is none. */
export function defaultsOf(row: ConfigEntryRow | null): ServiceDefaults {
  return row === null ? ServiceDefaults.zero() : decode(ServiceDefaults, row.body);
}

/** `ConfigEntry.*` on a server. Writes run in the primary datacenter only. */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import {
  CONFIG_ENTRY_KINDS,
  ConfigEntryRequest,
  isConfigEntryKind,
} from '../../model/config-entry.ts';
import { configEntries, configEntry, resolvedServiceConfig } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/config-entry.ts';
import { preparedEntry } from './config-entry-write.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

/** Kinds that a caller gets who names none: those that Consul 1.8 can decode. */
const KINDS_BY_DEFAULT: ReadonlySet<string> = new Set(
  CONFIG_ENTRY_KINDS.filter((kind) => kind !== 'service-intentions'),
);

export function configEntryEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.CONFIG_ENTRY_APPLY, async (request) => {
      requireKind(request.Kind);
      const op = request.Op === 'upsert-cas' ? 'upsert-cas' : 'upsert';
      // The index is what a check-and-set compares with.
      const { CreateIndex, ModifyIndex } = request.Entry;
      const Entry = { ...preparedEntry(request.Entry), CreateIndex, ModifyIndex };
      const command = { ...request, Op: op, Entry };
      const response = await deps.raftApply(COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, command);
      return response === true;
    }),

    serve(method.CONFIG_ENTRY_DELETE, async (request) => {
      requireKind(request.Kind);
      const command = { ...request, Op: 'delete' };
      await deps.raftApply(COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, command);
      return {};
    }),

    serve(method.CONFIG_ENTRY_GET, async (request, origin) => {
      requireKind(request.Kind);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = configEntry(reader, request.Kind, request.Name);
        return { index, result: { Entry: result } };
      });
    }),

    serve(method.CONFIG_ENTRY_LIST, async (request, origin) => {
      if (request.Kind !== '') requireKind(request.Kind);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = configEntries(reader, request.Kind || undefined);
        return { index, result: { Kind: request.Kind, Entries: result } };
      });
    }),

    serve(method.CONFIG_ENTRY_RESOLVE_SERVICE_CONFIG, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => resolvedServiceConfig(reader, request)),
    ),

    serve(method.CONFIG_ENTRY_LIST_ALL, async (request, origin) => {
      const named = request.Kinds ?? [];
      const kinds = named.length === 0 ? KINDS_BY_DEFAULT : new Set(named);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = configEntries(reader);
        return { index, result: { Entries: result.filter((entry) => kinds.has(entry.Kind)) } };
      });
    }),
  ];
}

function requireKind(kind: string): void {
  if (!isConfigEntryKind(kind)) throw new RpcError(`invalid config entry kind: ${kind}`);
}

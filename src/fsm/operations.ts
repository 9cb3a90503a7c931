/** Commands that name an operation: `Op` decides what is done and what is answered. */

import type { ConfigEntryRequest } from '../model/config-entry.ts';
import type { CALeafRequest, CARequest } from '../model/connect-ca.ts';
import type { FederationStateRequest } from '../model/federation-state.ts';
import type { IntentionRequest } from '../model/intention.ts';
import type { KVSRequest, TombstoneRequest } from '../model/kv.ts';
import type { AutopilotSetConfigRequest } from '../model/operator.ts';
import type { PreparedQueryRequest } from '../model/prepared-query.ts';
import type { SessionRequest } from '../model/session.ts';
import type { SystemMetadataRequest } from '../model/system-metadata.ts';
import type { Transaction } from '../store/transaction.ts';
import * as ca from '../store/write/connect-ca.ts';
import { refuse } from '../store/write/errors.ts';
import { deleteFederationState, setFederationState } from '../store/write/federation-state.ts';
import * as kv from '../store/write/kv.ts';
import * as other from '../store/write/other.ts';
import { deletePreparedQuery, setPreparedQuery } from '../store/write/prepared-query.ts';
import { createSession, endSession } from '../store/write/session.ts';

export function applyKVS(tx: Transaction, { Op, DirEnt }: KVSRequest): boolean | null {
  switch (Op) {
    case 'set':
      kv.kvSet(tx, DirEnt);
      return null;
    case 'delete':
      kv.kvDelete(tx, DirEnt.Key);
      return null;
    case 'delete-cas':
      return kv.kvDeleteCas(tx, DirEnt.ModifyIndex, DirEnt.Key);
    case 'delete-tree':
      kv.kvDeleteTree(tx, DirEnt.Key);
      return null;
    case 'cas':
      return kv.kvSetCas(tx, DirEnt) !== null;
    case 'lock':
      return kv.kvLock(tx, DirEnt) !== null;
    case 'unlock':
      return kv.kvUnlock(tx, DirEnt) !== null;
    default:
      return refuse(`Invalid KVS operation '${Op}'`);
  }
}

export function applySession(tx: Transaction, { Op, Session }: SessionRequest): string | null {
  switch (Op) {
    case 'create':
      return createSession(tx, Session);
    case 'destroy':
      endSession(tx, Session.ID);
      return null;
    default:
      return refuse(`Invalid Session operation '${Op}'`);
  }
}

export function applyTombstone(tx: Transaction, { Op, ReapIndex }: TombstoneRequest): null {
  if (Op !== 'reap') refuse(`Invalid Tombstone operation '${Op}'`);
  kv.reapTombstones(tx, ReapIndex);
  return null;
}

export function applyPreparedQuery(tx: Transaction, { Op, Query }: PreparedQueryRequest): null {
  switch (Op) {
    case 'create':
    case 'update':
      if (Query === null) refuse('Missing Query ID');
      else setPreparedQuery(tx, Query);
      return null;
    case 'delete':
      deletePreparedQuery(tx, Query?.ID ?? '');
      return null;
    default:
      return refuse(`Invalid PreparedQuery operation '${Op}'`);
  }
}

export function applyAutopilot(
  tx: Transaction,
  { CAS, Config }: AutopilotSetConfigRequest,
): boolean | null {
  if (CAS) return other.setAutopilotCas(tx, Config);
  other.setAutopilot(tx, Config);
  return null;
}

export function applyIntention(tx: Transaction, request: IntentionRequest): null {
  const { Op, Intention, Mutation } = request;
  if (Mutation !== null) {
    if (!other.intentionsAreConfigEntries(tx)) {
      refuse(
        'state: IntentionMutation() is not allowed when intentions are not stored in config entries',
      );
    }
    return refuse('intention mutations are not supported by this server');
  }
  switch (Op) {
    case 'create':
    case 'update':
      if (Intention === null) refuse('Missing Intention ID');
      else other.setLegacyIntention(tx, Intention);
      return null;
    case 'delete':
      other.deleteLegacyIntention(tx, Intention?.ID ?? '');
      return null;
    case 'delete-all':
      other.deleteAllLegacyIntentions(tx);
      return null;
    default:
      return refuse(`Invalid Intention operation '${Op}'`);
  }
}

export function applyConnectCA(tx: Transaction, request: CARequest): boolean | number | null {
  const { Op, Config, ProviderState } = request;
  const roots = request.Roots ?? [];
  switch (Op) {
    case 'set-config':
      if (Config === null) return refuse('missing CA configuration');
      if (Config.ModifyIndex !== 0) return ca.setConfigCas(tx, Config);
      ca.setConfig(tx, Config);
      return null;
    case 'set-roots':
      return ca.setRootsCas(tx, request.Index, roots);
    case 'set-provider-state':
      return ProviderState === null
        ? refuse('missing CA provider state')
        : ca.setProviderState(tx, ProviderState);
    case 'delete-provider-state':
      ca.deleteProviderState(tx, ProviderState?.ID ?? '');
      return true;
    case 'set-roots-config':
      if (!ca.setRootsCas(tx, request.Index, roots)) return false;
      if (Config === null) return refuse('missing CA configuration');
      // Consul 1.9 writes the configuration one index above that of the entry.
      return ca.setConfigCas(tx, Config, tx.index + 1);
    case 'increment-provider-serial':
      return ca.incrementSerial(tx);
    default:
      return refuse(`Invalid CA operation '${Op}'`);
  }
}

/** Answers its own index; Consul 1.9 drops the rest of the effect. */
export function applyConnectCALeaf(tx: Transaction, { Op }: CALeafRequest): number {
  return Op === 'increment-index' ? tx.index : refuse(`Invalid CA operation '${Op}'`);
}

export function applyConfigEntry(tx: Transaction, request: ConfigEntryRequest): boolean | null {
  const { Op, Entry } = request;
  switch (Op) {
    case 'upsert':
      other.setConfigEntry(tx, Entry);
      return true;
    case 'upsert-cas':
      return other.setConfigEntryCas(tx, Entry);
    case 'delete':
      other.deleteConfigEntry(tx, Entry);
      return null;
    default:
      return refuse(`invalid config entry operation type: ${Op}`);
  }
}

export function applyFederationState(
  tx: Transaction,
  { Op, State }: FederationStateRequest,
): boolean | null {
  switch (Op) {
    case 'upsert':
      if (State === null) return refuse('missing datacenter on federation state');
      setFederationState(tx, State);
      return true;
    case 'delete':
      deleteFederationState(tx, State?.Datacenter ?? '');
      return null;
    default:
      return refuse(`invalid federation state operation type: ${Op}`);
  }
}

export function applySystemMetadata(
  tx: Transaction,
  { Op, Entry }: SystemMetadataRequest,
): boolean | null {
  switch (Op) {
    case 'upsert':
      if (Entry === null) return refuse('missing key on system metadata');
      other.setSystemMetadata(tx, Entry);
      return true;
    case 'delete':
      other.deleteSystemMetadata(tx, Entry?.Key ?? '');
      return null;
    default:
      return refuse(`invalid system metadata operation type: ${Op}`);
  }
}

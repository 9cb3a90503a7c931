/** Requests and replies of server RPC as Consul 1.9 wrote them, to the byte. */

import { describe, expect, it } from 'vitest';
import * as blocks from '../../src/model/blocks.ts';
import * as catalog from '../../src/model/catalog.ts';
import { ConfigEntryRequest } from '../../src/model/config-entry.ts';
import * as entries from '../../src/model/config-entry-rpc.ts';
import * as ca from '../../src/model/connect-ca.ts';
import * as coordinate from '../../src/model/coordinate.ts';
import * as federation from '../../src/model/federation-state.ts';
import * as kv from '../../src/model/kv.ts';
import * as operator from '../../src/model/operator.ts';
import { PreparedQueryExecuteRemoteRequest } from '../../src/model/prepared-query.ts';
import * as session from '../../src/model/session.ts';
import * as txn from '../../src/model/txn.ts';
import { MsgpackReader } from '../../src/wire/msgpack/reader.ts';
import { bool, type Codec, encode, str } from '../../src/wire/msgpack/schema.ts';
import { vector } from '../support/vectors.ts';

type Row = readonly [name: string, codec: Codec<never>];

const BODIES: readonly Row[] = (
  [
    ['Status.RaftStats/response', operator.RaftStats],
    ['Catalog.Register/request', catalog.RegisterRequest],
    ['Catalog.Deregister/request', catalog.DeregisterRequest],
    ['Catalog.ListDatacenters/request', blocks.DatacentersRequest],
    ['Catalog.ServiceNodes/request', catalog.ServiceSpecificRequest],
    ['Catalog.ServiceNodes/response', catalog.IndexedServiceNodes],
    ['Catalog.ServiceNodes/response-empty', catalog.IndexedServiceNodes],
    ['Health.ServiceNodes/request-blocking', catalog.ServiceSpecificRequest],
    ['Health.ServiceNodes/response', catalog.IndexedCheckServiceNodes],
    ['Health.ServiceNodes/response-from-follower', catalog.IndexedCheckServiceNodes],
    ['Internal.ServiceDump/request', catalog.ServiceDumpRequest],
    ['Internal.ServiceDump/response', catalog.IndexedNodesWithGateways],
    ['FederationState.Apply/request-upsert', federation.FederationStateRequest],
    ['FederationState.Apply/request-delete', federation.FederationStateRequest],
    ['FederationState.Apply/response', bool],
    ['FederationState.Get/request', federation.FederationStateQuery],
    ['FederationState.Get/response', federation.FederationStateResponse],
    ['FederationState.Get/response-missing', federation.FederationStateResponse],
    ['FederationState.List/request-replication', blocks.DCSpecificRequest],
    ['FederationState.List/response', federation.IndexedFederationStates],
    ['FederationState.List/response-empty', federation.IndexedFederationStates],
    ['FederationState.ListMeshGateways/request', blocks.DCSpecificRequest],
    ['FederationState.ListMeshGateways/response', federation.DatacenterIndexedCheckServiceNodes],
    ['ConnectCA.Roots/request-first', blocks.DCSpecificRequest],
    ['ConnectCA.Roots/response', ca.IndexedCARoots],
    ['ConnectCA.Sign/request', ca.CASignRequest],
    ['ConnectCA.Sign/response', ca.IssuedCert],
    ['ConnectCA.ConfigurationGet/response', ca.CAConfiguration],
    ['ConfigEntry.Apply/request', ConfigEntryRequest],
    ['ConfigEntry.Apply/request-proxy-defaults', ConfigEntryRequest],
    ['ConfigEntry.Get/request', entries.ConfigEntryQuery],
    ['ConfigEntry.Get/response', entries.ConfigEntryResponse],
    ['ConfigEntry.Get/response-missing', entries.ConfigEntryResponse],
    ['ConfigEntry.List/response', entries.IndexedConfigEntries],
    ['ConfigEntry.ResolveServiceConfig/request', entries.ServiceConfigRequest],
    ['ConfigEntry.ResolveServiceConfig/response', entries.ServiceConfigResponse],
    ['ConfigEntry.ListAll/request', entries.ConfigEntryListAllRequest],
    ['ConfigEntry.ListAll/response', entries.IndexedGenericConfigEntries],
    ['ConfigEntry.ListAll/response-empty', entries.IndexedGenericConfigEntries],
    ['KVS.Apply/request-set', kv.KVSRequest],
    ['KVS.Get/request', kv.KeyRequest],
    ['KVS.Get/response', kv.IndexedDirEntries],
    ['Session.Apply/request-create', session.SessionRequest],
    ['Session.Apply/response', str],
    ['Coordinate.Update/request', coordinate.CoordinateUpdateRequest],
    ['Txn.Apply/request', txn.TxnRequest],
    ['PreparedQuery.ExecuteRemote/request', PreparedQueryExecuteRemoteRequest],
  ] as readonly (readonly [string, unknown])[]
).map(([name, codec]) => [name, codec as Codec<never>]);

describe('bodies of server RPC', () => {
  it.each(BODIES)('%s', (name, codec) => {
    const bytes = Buffer.from(vector('rpc.json', name).hex, 'hex');
    const reader = new MsgpackReader(bytes);
    reader.skip();
    const start = reader.offset;
    const body = codec.decode(reader);
    expect(reader.atEnd).toBe(true);
    expect(encode(codec, body).toString('hex')).toBe(bytes.subarray(start).toString('hex'));
  });

  it.each([
    ['snapshot/response-header', operator.SnapshotResponse],
    ['snapshot/response-error', operator.SnapshotResponse],
  ])('%s', (name, codec) => {
    const { hex } = vector('rpc.json', name);
    const reader = new MsgpackReader(Buffer.from(hex, 'hex'));
    expect(encode(codec, codec.decode(reader)).toString('hex')).toBe(hex);
  });
});

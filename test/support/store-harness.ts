/** A state machine to drive with commands, one index after the other. */

import type { CommandType } from '../../src/fsm/command-types.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { FsmResponse } from '../../src/fsm/commands.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { encodeCommand } from '../../src/fsm/raft-apply.ts';
import { silentLog } from '../../src/log.ts';
import { DeregisterRequest, NodeService, RegisterRequest } from '../../src/model/catalog.ts';
import { FederationState, FederationStateRequest } from '../../src/model/federation-state.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import { DirEntry, KVSRequest, TombstoneRequest } from '../../src/model/kv.ts';
import { Session, SessionRequest } from '../../src/model/session.ts';
import type { Store } from '../../src/store/store.ts';
import type { Effects } from '../../src/store/transaction.ts';
import type { StoreView } from '../../src/store/view.ts';
import type { Codec } from '../../src/wire/msgpack/schema.ts';

export class StoreHarness {
  readonly fsm = new Fsm({ log: silentLog });
  index = 0;
  effects: Effects = { lockDelays: [] };

  get store(): Store {
    return this.fsm.store;
  }

  get view(): StoreView {
    return this.fsm.store.view();
  }

  /** Applies one command at the next index. */
  apply<T>(type: CommandType, codec: Codec<T>, request: T): FsmResponse {
    this.index += 1;
    const data = encodeCommand(type, codec, request);
    const entry = { index: this.index, term: 1, data, extensions: null };
    const { responses, effects } = this.fsm.apply([entry]);
    this.effects = effects;
    return responses[0] as FsmResponse;
  }

  node(name: string, more: Partial<RegisterRequest> = {}): FsmResponse {
    const request = RegisterRequest.of({
      Datacenter: 'dc1',
      Node: name,
      Address: '10.0.0.1',
      ...more,
    });
    return this.apply(COMMAND_TYPES.Register, RegisterRequest, request);
  }

  service(node: string, service: Partial<NodeService> & { Service: string }): FsmResponse {
    return this.node(node, {
      SkipNodeUpdate: true,
      Service: NodeService.of({ ID: service.Service, ...service }),
    });
  }

  check(node: string, check: Partial<HealthCheck> & { CheckID: string }): FsmResponse {
    return this.node(node, {
      SkipNodeUpdate: true,
      Check: HealthCheck.of({ Node: node, Name: check.CheckID, Status: 'passing', ...check }),
    });
  }

  deregister(request: Partial<DeregisterRequest> & { Node: string }): FsmResponse {
    return this.apply(
      COMMAND_TYPES.Deregister,
      DeregisterRequest,
      DeregisterRequest.of({ Datacenter: 'dc1', ...request }),
    );
  }

  kv(op: string, key: string, entry: Partial<DirEntry> & { text?: string } = {}): FsmResponse {
    const { text, ...fields } = entry;
    const Value = text === undefined ? null : Buffer.from(text);
    const DirEnt = DirEntry.of({ Key: key, Value, ...fields });
    const request = KVSRequest.of({ Datacenter: 'dc1', Op: op, DirEnt });
    return this.apply(COMMAND_TYPES.KVS, KVSRequest, request);
  }

  /** Reaps all tombstones up to a raft index. */
  reap(ReapIndex: number): FsmResponse {
    const request = TombstoneRequest.of({ Datacenter: 'dc1', Op: 'reap', ReapIndex });
    return this.apply(COMMAND_TYPES.Tombstone, TombstoneRequest, request);
  }

  session(op: 'create' | 'destroy', session: Partial<Session> & { ID: string }): FsmResponse {
    const request = SessionRequest.of({ Datacenter: 'dc1', Op: op, Session: Session.of(session) });
    return this.apply(COMMAND_TYPES.Session, SessionRequest, request);
  }

  federationState(op: 'upsert' | 'delete', datacenter: string): FsmResponse {
    const request = FederationStateRequest.of({
      Op: op,
      State: FederationState.of({ Datacenter: datacenter }),
    });
    return this.apply(COMMAND_TYPES.FederationState, FederationStateRequest, request);
  }

  /** The state as bytes. */
  state(): Buffer {
    return Buffer.concat([...this.fsm.freeze().chunks]);
  }

  /** The bytes of the state after it was restored into a new store. */
  async restored(): Promise<Buffer> {
    const other = new StoreHarness();
    await other.fsm.restore(once(this.state()), this.index);
    return other.state();
  }

  row(name: string): number | undefined {
    return this.view.indexRow(name);
  }
}

/** A session ID for tests. */
export function sessionId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

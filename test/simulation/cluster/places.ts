/** The registers that callers use: keys, and services of one node of the catalog. */

import { NodeSpecificRequest } from '../../../src/model/blocks.ts';
import { DeregisterRequest, NodeService, RegisterRequest } from '../../../src/model/catalog.ts';
import { DirEntry, KeyRequest, KVSRequest } from '../../../src/model/kv.ts';
import {
  CATALOG_DEREGISTER,
  CATALOG_NODE_SERVICES,
  CATALOG_REGISTER,
} from '../../../src/rpc/methods/catalog.ts';
import { KVS_APPLY, KVS_GET } from '../../../src/rpc/methods/kvs.ts';
import { stackless } from '../../../src/stackless.ts';
import { createSeededRandom } from '../../../src/world/simulated/random.ts';
import type { RegisterAnswer, RegisterCall } from '../history/register.ts';
import { DATACENTER, type SimulatedServer } from './server.ts';

/** What a caller has read of a place, and at which index: enough to swap it. */
export interface Seen {
  readonly value: string | null;
  readonly index: number;
}

export type ReadMode = Extract<RegisterCall, { kind: 'read' }>['mode'];

export interface Place {
  readonly name: string;
  /** Whether it can be written on condition. */
  readonly swaps: boolean;
  read(server: SimulatedServer, mode: ReadMode): Promise<Seen>;
  write(server: SimulatedServer, value: string | null): Promise<void>;
  swap(server: SimulatedServer, seen: Seen, value: string): Promise<boolean>;
}

/** Calls a place, and says what it answered in the words of the model. */
export async function answerOf(
  place: Place,
  server: SimulatedServer,
  call: RegisterCall,
  seen: Seen,
): Promise<{ readonly answer: RegisterAnswer; readonly seen?: Seen }> {
  switch (call.kind) {
    case 'read': {
      const read = await place.read(server, call.mode);
      return { answer: { kind: 'value', value: read.value }, seen: read };
    }
    case 'write':
      await place.write(server, call.value);
      return { answer: { kind: 'written' } };
    case 'swap':
      return {
        answer: { kind: 'swapped', done: await place.swap(server, seen, call.value) },
      };
    default:
      return call satisfies never;
  }
}

/**
 * A default read goes to who takes itself for the leader when it is read: others would forward it.
 * A process that was stopped may have learnt of another leader since it was called.
 */
export async function optionsOf(
  server: SimulatedServer,
  mode: ReadMode,
): Promise<{ RequireConsistent: boolean }> {
  await server.host.thawed();
  if (mode === 'default' && server.consensus?.view().role !== 'leader') {
    throw stackless(() => new Error('node is not the leader'));
  }
  return { RequireConsistent: mode === 'consistent' };
}

export function keyPlace(key: string): Place {
  const entry = (value: string | null, index = 0) =>
    DirEntry.of({ Key: key, Value: bytesOf(value), ModifyIndex: index });
  const order = (Op: string, value: string | null, index?: number) =>
    KVSRequest.of({ Datacenter: DATACENTER, Op, DirEnt: entry(value, index) });
  return {
    name: `key ${key}`,
    swaps: true,
    read: async (server, mode) => {
      const request = { Datacenter: DATACENTER, Key: key, ...(await optionsOf(server, mode)) };
      const { Entries } = await server.call(KVS_GET, KeyRequest.of(request));
      const found = Entries?.[0];
      if (found === undefined) return { value: null, index: 0 };
      return { value: valueIn(Buffer.from(found.Value ?? [])), index: found.ModifyIndex };
    },
    write: async (server, value) => {
      const op = value === null ? 'delete' : 'set';
      await server.call(KVS_APPLY, order(op, value));
    },
    swap: (server, seen, value) => server.call(KVS_APPLY, order('cas', value, seen.index)),
  };
}

/** One value in so many is large: it makes a write that a disk does not do at once. */
const LARGE_EVERY = 8;
const LARGE_BYTES = [1_024, 8_192] as const;
/** What large values consist of. Zeros look like what was never written. */
const FILLINGS = [0, 0x78, 0xff] as const;
const END_OF_VALUE = 0x0a;

/** A value, and by its name more or less behind it. */
function bytesOf(value: string | null): Buffer {
  if (value === null) return Buffer.alloc(0);
  const name = Buffer.from(value);
  const random = createSeededRandom(value);
  if (random.uint32() % LARGE_EVERY > 0) return name;
  const filling = FILLINGS[random.uint32() % FILLINGS.length] as number;
  const length = Math.floor(random.between(...LARGE_BYTES));
  return Buffer.concat([name, Buffer.of(END_OF_VALUE), Buffer.alloc(length, filling)]);
}

/** The value that these bytes are; all of them as text when they are not as they were written. */
function valueIn(bytes: Buffer): string {
  const end = bytes.indexOf(END_OF_VALUE);
  const value = bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
  return bytes.equals(bytesOf(value)) ? value : bytes.toString('latin1');
}

const NODE = 'n1';

/** The value is the service's tag. */
export function servicePlace(id: string): Place {
  const own = { Datacenter: DATACENTER, Node: NODE };
  return {
    name: `service ${id}`,
    swaps: false,
    read: async (server, mode) => {
      const request = NodeSpecificRequest.of({ ...own, ...(await optionsOf(server, mode)) });
      const { NodeServices } = await server.call(CATALOG_NODE_SERVICES, request);
      return { value: NodeServices?.Services?.[id]?.Tags?.[0] ?? null, index: 0 };
    },
    write: async (server, value) => {
      if (value === null) {
        const request = DeregisterRequest.of({ ...own, ServiceID: id });
        await server.call(CATALOG_DEREGISTER, request);
        return;
      }
      const Service = NodeService.of({ ID: id, Service: id, Tags: [value] });
      const request = RegisterRequest.of({ ...own, Address: '10.9.0.1', Service });
      await server.call(CATALOG_REGISTER, request);
    },
    swap: () => Promise.reject(new Error('services cannot be swapped')),
  };
}

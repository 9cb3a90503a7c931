/** Very many writes at once, so that logs are longer than one message and than one another. */

import { COMMAND_TYPES } from '../../../src/fsm/command-types.ts';
import { encodeCommand } from '../../../src/fsm/raft-apply.ts';
import { DirEntry, KVSRequest } from '../../../src/model/kv.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import { DATACENTER, type SimulatedServer } from './server.ts';

const WRITES_MIN = 70;
const WRITES_MAX = 300;

/** How many keys a server was told to write; nobody waits for an answer. */
export function flood({ consensus }: SimulatedServer, random: SeededRandom): number {
  const count = Math.floor(random.between(WRITES_MIN, WRITES_MAX));
  const commands = Array.from({ length: count }, (_, at) => writeOf(`flood/${at % 10}`, at));
  consensus?.applyBatch(commands).catch(() => {});
  return count;
}

function writeOf(key: string, number: number): Uint8Array {
  const request = KVSRequest.of({
    Datacenter: DATACENTER,
    Op: 'set',
    DirEnt: DirEntry.of({ Key: key, Value: Buffer.from(String(number)) }),
  });
  return encodeCommand(COMMAND_TYPES.KVS, KVSRequest, request);
}

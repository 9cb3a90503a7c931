import type { WholeFederation } from '../federation.ts';
import type { Writer } from '../writer.ts';
import { keysOf } from './stale-read.ts';

/** Every server of the datacenter has each write that was acknowledged. */
export async function acknowledgedKept(
  federation: WholeFederation,
  writers: readonly Writer[],
): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, dc, atWork } of federation.servers) {
    if (atWork === undefined) continue;
    const entries = new Map(
      (await keysOf(atWork)).map(({ Key, Value }) => [Key, Buffer.from(Value ?? []).toString()]),
    );
    for (const write of writers.flatMap(({ acknowledged }) => acknowledged)) {
      if (write.dc === dc && entries.get(write.key) !== write.value) {
        faults.push(`${name} lacks ${write.key} of ${write.value}`);
      }
    }
  }
  return faults;
}

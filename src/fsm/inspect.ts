/** What a state holds, counted by the types of its records. */

import { MsgpackReader } from '../wire/msgpack/reader.ts';
import { COMMAND_TYPES } from './command-types.ts';

export interface RecordCount {
  readonly name: string;
  readonly count: number;
  /** Bytes. */
  readonly size: number;
}

const NAMES = new Map<number, string>(
  Object.entries(COMMAND_TYPES).map(([name, type]) => [type, name]),
);

/** Largest first. The first record stands for the header too. Throws on bytes that are no state. */
export function countRecords(state: Uint8Array): readonly RecordCount[] {
  const counts = new Map<string, { count: number; size: number }>();
  const reader = new MsgpackReader(Buffer.from(state.buffer, state.byteOffset, state.length));
  let from = 0;
  reader.skip();
  while (!reader.atEnd) {
    const type = reader.bytes[reader.offset] ?? 0;
    reader.offset += 1;
    reader.skip();
    const name = NAMES.get(type) ?? `Unknown(${type})`;
    const { count, size } = counts.get(name) ?? { count: 0, size: 0 };
    counts.set(name, { count: count + 1, size: size + reader.offset - from });
    from = reader.offset;
  }
  return [...counts]
    .map(([name, { count, size }]) => ({ name, count, size }))
    .sort((a, b) => b.size - a.size);
}

/** What a log keeps behind a snapshot: so many entries, and so many bytes. */

import { describe, expect, it } from 'vitest';
import { TRAILING_BYTES_MAX } from '../../../machines/raft/limits.ts';
import { LogView } from '../../../machines/raft/log-view.ts';
import { entryBytes, LogEntry } from '../../../src/wire/raft/log-entry.ts';

const BIG = Buffer.alloc(TRAILING_BYTES_MAX / 16);

function logOf(count: number, data: Buffer): LogView {
  const entries = Array.from({ length: count }, (_, at) =>
    LogEntry.of({ Index: at + 1, Term: 1, Data: data }),
  );
  return LogView.empty.append(entries);
}

describe('a log behind a snapshot', () => {
  it('keeps the last entries that are asked for', () => {
    const log = logOf(100, Buffer.of(1)).compact({ index: 90, term: 1 }, 30);
    expect([log.firstIndex, log.lastIndex, log.entries().length]).toEqual([71, 100, 30]);
    expect(log.snapshot).toEqual({ index: 90, term: 1 });
    expect(log.bytes).toBe(30 * 65);
  });

  it('keeps everything that the snapshot does not cover', () => {
    const log = logOf(40, BIG).compact({ index: 10, term: 1 }, 5);
    expect([log.firstIndex, log.lastIndex]).toEqual([11, 40]);
  });

  it('keeps no more bytes than a follower is better helped with than with a snapshot', () => {
    const log = logOf(40, BIG).compact({ index: 38, term: 1 }, 1000);
    expect([log.firstIndex, log.lastIndex]).toEqual([26, 40]);
    expect(log.bytes).toBeLessThanOrEqual(TRAILING_BYTES_MAX);
    expect(log.bytes + entryBytes(LogEntry.of({ Data: BIG }))).toBeGreaterThan(TRAILING_BYTES_MAX);
  });

  it('is cut to as many bytes when it was read from disk', () => {
    const read = LogView.from({ index: 38, term: 1 }, logOf(40, BIG).entries());
    const log = read.bounded();
    expect([read.firstIndex, log.firstIndex, log.lastIndex]).toEqual([1, 26, 40]);
    expect(log.snapshot).toEqual({ index: 38, term: 1 });
    const small = LogView.from({ index: 8, term: 1 }, logOf(10, Buffer.of(1)).entries());
    expect(small.bounded().firstIndex).toBe(1);
  });
});

/**
 * The queue of messages that are being gossiped: each is sent a number of times that grows with the
 * logarithm of the pool. Fewest transmissions go first, then the longest, then the newest; a message
 * that does not fit is skipped. Immutable, kept in that order.
 */

export interface Broadcast {
  /** Grows with each broadcast of the pool. */
  readonly id: number;
  /** A newer broadcast with the same key replaces this one; null: never replaced. */
  readonly key: string | null;
  /** The message as it stands in a packet. */
  readonly bytes: Uint8Array;
  readonly transmits: number;
  /** Names who waits for the end of this broadcast; 0: nobody. */
  readonly wait: number;
}

export type BroadcastQueue = readonly Broadcast[];

/** Outcome of a change: the queue after it, and the waits of the broadcasts that are over. */
export interface QueueChange {
  readonly queue: BroadcastQueue;
  readonly ended: readonly number[];
}

/** Times that a message is sent in a pool of `nodes`. */
export function retransmitLimit(mult: number, nodes: number): number {
  return mult * Math.ceil(Math.log10(nodes + 1));
}

function compare(a: Broadcast, b: Broadcast): number {
  return a.transmits - b.transmits || b.bytes.length - a.bytes.length || b.id - a.id;
}

function insert(queue: Broadcast[], item: Broadcast): void {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(queue[middle] as Broadcast, item) < 0) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, item);
}

export function enqueue(queue: BroadcastQueue, item: Broadcast): QueueChange {
  const ended: number[] = [];
  const rest: Broadcast[] = [];
  for (const other of queue) {
    if (item.key === null || other.key !== item.key) rest.push(other);
    else if (other.wait !== 0) ended.push(other.wait);
  }
  insert(rest, item);
  return { queue: rest, ended };
}

export interface Taken extends QueueChange {
  readonly messages: readonly Uint8Array[];
  /** Bytes of the messages with their overhead. */
  readonly bytes: number;
}

/** Takes what fits into `bytesMax`, `overhead` bytes a message, at most `countMax` messages. */
export function take(
  queue: BroadcastQueue,
  bytesMax: number,
  overhead: number,
  limit: number,
  countMax: number,
): Taken {
  const messages: Uint8Array[] = [];
  const ended: number[] = [];
  const kept: Broadcast[] = [];
  const sent: Broadcast[] = [];
  let bytes = 0;
  for (const item of queue) {
    const size = item.bytes.length + overhead;
    if (bytes + size > bytesMax || messages.length >= countMax) {
      kept.push(item);
      continue;
    }
    bytes += size;
    messages.push(item.bytes);
    if (item.transmits + 1 < limit) sent.push({ ...item, transmits: item.transmits + 1 });
    else if (item.wait !== 0) ended.push(item.wait);
  }
  if (messages.length === 0) return { queue, ended, messages, bytes };
  for (const item of sent) insert(kept, item);
  return { queue: kept, ended, messages, bytes };
}

/** Drops what stands farthest back beyond `countMax`: the most sent, shortest, oldest. */
export function prune(queue: BroadcastQueue, countMax: number): QueueChange {
  if (queue.length <= countMax) return { queue, ended: [] };
  const dropped = queue.slice(countMax);
  return {
    queue: queue.slice(0, countMax),
    ended: dropped.flatMap((item) => (item.wait === 0 ? [] : [item.wait])),
  };
}

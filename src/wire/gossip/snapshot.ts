/**
 * Lines of serf's snapshot file: who was alive and how far the clocks were, so that a restarted
 * member finds its pool again and does not deliver old events anew.
 */

/** What a snapshot says when all its lines are read. */
export interface SnapshotFacts {
  /** Name → `ip:port` of the members that were alive. */
  readonly alive: ReadonlyMap<string, string>;
  readonly clock: bigint;
  readonly eventClock: bigint;
  readonly queryClock: bigint;
}

export const EMPTY_SNAPSHOT: SnapshotFacts = {
  alive: new Map(),
  clock: 0n,
  eventClock: 0n,
  queryClock: 0n,
};

export type SnapshotLine =
  | { readonly kind: 'alive'; readonly name: string; readonly address: string }
  | { readonly kind: 'not-alive'; readonly name: string }
  | { readonly kind: 'clock' | 'event-clock' | 'query-clock'; readonly value: bigint }
  | { readonly kind: 'leave' };

/** A line without its newline. Names with newlines are written without them. */
export function renderSnapshotLine(line: SnapshotLine): string {
  switch (line.kind) {
    case 'alive':
      return `alive: ${oneLine(line.name)} ${line.address}`;
    case 'not-alive':
      return `not-alive: ${oneLine(line.name)}`;
    case 'leave':
      return 'leave';
    default:
      return `${line.kind}: ${line.value}`;
  }
}

function oneLine(name: string): string {
  return name.replaceAll('\n', '');
}

/** A line as data, or null for comments, coordinates and what cannot be read. */
export function parseSnapshotLine(text: string): SnapshotLine | null {
  if (text === 'leave') return { kind: 'leave' };
  const colon = text.indexOf(': ');
  if (colon < 0) return null;
  const kind = text.slice(0, colon);
  const value = text.slice(colon + 2);
  switch (kind) {
    case 'alive': {
      const space = value.lastIndexOf(' ');
      if (space < 0) return null;
      return { kind, name: value.slice(0, space), address: value.slice(space + 1) };
    }
    case 'not-alive':
      return { kind, name: value };
    case 'clock':
    case 'event-clock':
    case 'query-clock':
      return /^\d{1,20}$/.test(value) ? { kind, value: BigInt(value) } : null;
    default:
      return null;
  }
}

/** The facts after one more line. `leave` forgets all unless the member wants to come back. */
export function applySnapshotLine(
  facts: SnapshotFacts,
  line: SnapshotLine,
  afterLeave: 'forget' | 'rejoin',
): SnapshotFacts {
  switch (line.kind) {
    case 'alive':
      return { ...facts, alive: new Map(facts.alive).set(line.name, line.address) };
    case 'not-alive': {
      const alive = new Map(facts.alive);
      alive.delete(line.name);
      return { ...facts, alive };
    }
    case 'clock':
      return { ...facts, clock: line.value };
    case 'event-clock':
      return { ...facts, eventClock: line.value };
    case 'query-clock':
      return { ...facts, queryClock: line.value };
    case 'leave':
      return afterLeave === 'rejoin' ? facts : EMPTY_SNAPSHOT;
  }
}

/** Reads a whole file; an unfinished last line counts if it can be read. */
export function parseSnapshot(text: string, afterLeave: 'forget' | 'rejoin'): SnapshotFacts {
  const alive = new Map<string, string>();
  let facts: SnapshotFacts = EMPTY_SNAPSHOT;
  for (const raw of text.split('\n')) {
    const line = parseSnapshotLine(raw);
    if (line === null) continue;
    if (line.kind === 'alive') alive.set(line.name, line.address);
    else if (line.kind === 'not-alive') alive.delete(line.name);
    else {
      if (line.kind === 'leave' && afterLeave === 'forget') alive.clear();
      facts = applySnapshotLine(facts, line, afterLeave);
    }
  }
  return { ...facts, alive };
}

/** The shortest file that says the same. */
export function renderSnapshot(facts: SnapshotFacts): string {
  const lines: SnapshotLine[] = [];
  for (const [name, address] of facts.alive) lines.push({ kind: 'alive', name, address });
  lines.push({ kind: 'clock', value: facts.clock });
  lines.push({ kind: 'event-clock', value: facts.eventClock });
  lines.push({ kind: 'query-clock', value: facts.queryClock });
  return lines.map((line) => `${renderSnapshotLine(line)}\n`).join('');
}

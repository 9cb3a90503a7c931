/** serf's queries: questions to the pool that members acknowledge and answer straight to the asker. */

import { compilePattern } from '../../src/model/pattern.ts';
import { bytesToIp, ipToBytes } from '../../src/wire/gossip/address.ts';
import {
  encodeFilter,
  encodeSerf,
  QUERY_FLAG,
  type Query,
  type QueryResponse,
  RESPONSE_FLAG,
  type RelayHeader,
  readFilter,
  readSerf,
} from '../../src/wire/gossip/serf.ts';
import type { GossipPeer, QueryFilter } from '../routes/gossip.ts';
import { answering } from './effects.ts';
import { witnessed } from './lamport.ts';
import { sendSerf } from './outbox.ts';
import { conflictMember, judgeConflict } from './serf-conflict.ts';
import { answerKeyQuery, encodeKeyResponse, keyOperationOf, keyOutcome } from './serf-keys.ts';
import { broadcastSerf } from './serf-members.ts';
import type { RunningQuery } from './state.ts';
import type { Work } from './work.ts';

const INTERNAL_PREFIX = '_serf_';
export const PING_QUERY = '_serf_ping';
export const CONFLICT_QUERY = '_serf_conflict';

/** Queries of ours at a time; one more is refused. */
const QUERIES_MAX = 256;
/** Queries of others that may still be answered; more are acknowledged only. */
const OPEN_MAX = 1_024;
const IDS_A_TIME_MAX = 64;
const NANOSECONDS = 1_000_000;
/** The relay factor is one byte on the wire, the timeout whole nanoseconds. */
const RELAYS_MAX = 0xff;
const TIMEOUT_MS_MAX = 24 * 3_600_000;
/** memberlist protocol of members that relay. */
const RELAY_SINCE = 5;

export interface QueryOrder {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly filters: readonly QueryFilter[];
  readonly acks: 'request' | 'none';
  readonly relayFactor: number;
  /** 0: the pool's default. */
  readonly timeoutMs: number;
}

/** Alive members, suspects included. */
export function aliveCount(work: Work): number {
  let count = 0;
  for (const node of work.nodes.current.values()) {
    if (node.state === 'alive' || node.state === 'suspect') count += 1;
  }
  return count;
}

export function defaultQueryTimeoutMs(work: Work): number {
  const { gossipIntervalMs } = work.config.timing;
  const depth = Math.ceil(Math.log10(aliveCount(work) + 1));
  return gossipIntervalMs * work.config.serf.queryTimeoutMult * depth;
}

/** Asks the pool, ourselves included. Returns the reason when it cannot. */
export function startQuery(
  work: Work,
  order: QueryOrder,
  owner: RunningQuery['owner'],
): string | null {
  if (owner.kind === 'asker' && isReserved(order)) {
    return `Queries cannot contain the '${INTERNAL_PREFIX}' prefix`;
  }
  if (!isRelayFactor(order.relayFactor)) {
    return `relay factor ${order.relayFactor} is not within 0 and ${RELAYS_MAX}`;
  }
  if (order.timeoutMs > TIMEOUT_MS_MAX) return `a query lasts for ${TIMEOUT_MS_MAX} ms at most`;
  if (work.queries.size >= QUERIES_MAX) return `more than ${QUERIES_MAX} queries are running`;
  const limit = work.config.serf.queryBytesMax;
  const timeoutMs = order.timeoutMs > 0 ? order.timeoutMs : defaultQueryTimeoutMs(work);
  const query: Query = {
    LTime: work.values.queryClock,
    ID: work.randomInt(0x8000_0000),
    Addr: ipToBytes(work.config.address),
    Port: work.config.port,
    SourceNode: work.config.name,
    Filters: order.filters.length === 0 ? null : order.filters.map(encodeFilter),
    Flags: order.acks === 'request' ? QUERY_FLAG.ack : 0,
    RelayFactor: order.relayFactor,
    Timeout: Math.round(timeoutMs * NANOSECONDS),
    Name: order.name,
    Payload: order.payload.length === 0 ? null : order.payload,
  };
  const encoded = encodeSerf({ kind: 'query', body: query });
  if (encoded.length > limit) return `query exceeds limit of ${limit} bytes`;
  work.queries.set(queryKey(query), {
    ltime: query.LTime,
    id: query.ID,
    deadlineMs: work.now + timeoutMs,
    acks: [],
    responses: [],
    owner,
  });
  queryReceived(work, query);
  broadcastSerf(work, 'queryQueue', encoded);
  return null;
}

/** serf's own queries are not for everybody to ask, but for the one that only wants acks. */
function isReserved({ name, payload }: QueryOrder): boolean {
  if (name === PING_QUERY && payload.length === 0) return false;
  return name.startsWith(INTERNAL_PREFIX);
}

function isRelayFactor(factor: number): boolean {
  return Number.isInteger(factor) && factor >= 0 && factor <= RELAYS_MAX;
}

function queryKey(query: { readonly LTime: bigint; readonly ID: number }): string {
  return `${query.LTime}:${query.ID}`;
}

/** Handles a query; returns whether it is news and has to be passed on. */
export function queryReceived(work: Work, query: Query): boolean {
  const { values, config } = work;
  values.queryClock = witnessed(values.queryClock, query.LTime);
  if (query.LTime < values.queryMin) return false;
  const slots = BigInt(config.serf.querySlots);
  if (values.queryClock > slots && query.LTime < values.queryClock - slots) return false;
  const index = Number(query.LTime % slots);
  const slot = work.querySlots.get(index);
  const ids = slot?.ltime === query.LTime ? slot.ids : [];
  if (ids.includes(query.ID) || ids.length >= IDS_A_TIME_MAX) return false;
  work.querySlots.set(index, { ltime: query.LTime, ids: [...ids, query.ID] });
  work.effects.snapshot.push({ kind: 'query-clock', value: query.LTime });

  if (isMeant(work, query)) {
    if ((query.Flags & QUERY_FLAG.ack) !== 0) acknowledge(work, query);
    deliver(work, query);
  }
  return (query.Flags & QUERY_FLAG.noBroadcast) === 0;
}

function isMeant(work: Work, query: Query): boolean {
  return (query.Filters ?? []).every((bytes) => {
    const read = readFilter(bytes ?? new Uint8Array(0));
    if (!read.ok) {
      work.log('warn', read.error);
      return false;
    }
    if (read.value.kind === 'nodes') return read.value.names.includes(work.config.name);
    const pattern = compilePattern(read.value.expression);
    if (pattern !== null) return pattern.matches(work.values.tags[read.value.tag] ?? '');
    work.log('warn', `Failed to compile filter regex (${read.value.expression})`);
    return false;
  });
}

function acknowledge(work: Work, query: Query): void {
  const Flags = RESPONSE_FLAG.ack;
  respond(work, query, {
    LTime: query.LTime,
    ID: query.ID,
    From: work.config.name,
    Flags,
    Payload: null,
  });
}

function deliver(work: Work, query: Query): void {
  if (query.Name.startsWith(INTERNAL_PREFIX)) {
    answerInternal(work, query);
    return;
  }
  if (work.open.size >= OPEN_MAX) {
    work.count('messagesDropped');
    return;
  }
  const key = `${queryKey(query)}:${query.SourceNode}`;
  const payload = Buffer.from(query.Payload ?? new Uint8Array(0));
  work.open.set(key, { query, deadlineMs: work.now + query.Timeout / NANOSECONDS });
  work.effects.queries.push({ key, name: query.Name, payload, source: query.SourceNode });
}

function answerInternal(work: Work, query: Query): void {
  const payload = query.Payload ?? new Uint8Array(0);
  const keys = keyOperationOf(query.Name);
  if (keys !== null) {
    const limit = work.config.serf.queryResponseBytesMax;
    const fits = (encoded: Uint8Array): boolean =>
      encodeSerf({ kind: 'queryResponse', body: response(work, query, encoded) }).length <= limit;
    const answer = encodeKeyResponse(answerKeyQuery(work, keys, payload), fits);
    respond(work, query, response(work, query, answer));
  } else if (query.Name === CONFLICT_QUERY) {
    const name = Buffer.from(payload).toString('utf8');
    if (name === work.config.name) return;
    const body = conflictMember(work, name);
    respond(work, query, response(work, query, encodeSerf({ kind: 'conflictResponse', body })));
  } else if (query.Name !== PING_QUERY) {
    work.log('warn', `Unhandled internal query '${query.Name}'`);
  }
}

function response(work: Work, query: Query, payload: Uint8Array): QueryResponse {
  const Payload = payload.length === 0 ? null : payload;
  return { LTime: query.LTime, ID: query.ID, From: work.config.name, Flags: 0, Payload };
}

/** Answers a delivered query. Returns the reason when it cannot. */
export function answerQuery(work: Work, key: string, payload: Uint8Array): string | null {
  const open = work.open.get(key);
  if (open === undefined || open.deadlineMs <= work.now) return 'response is past the deadline';
  const limit = work.config.serf.queryResponseBytesMax;
  const body = response(work, open.query, payload);
  if (encodeSerf({ kind: 'queryResponse', body }).length > limit) {
    return `response exceeds limit of ${limit} bytes`;
  }
  work.open.delete(key);
  respond(work, open.query, body);
  return null;
}

/** Sends an answer to the asker, and copies through relays if it wants them. */
function respond(work: Work, query: Query, body: QueryResponse): void {
  if (query.SourceNode === work.config.name && work.queries.has(queryKey(query))) {
    responseReceived(work, body);
    return;
  }
  const address = bytesToIp(query.Addr ?? new Uint8Array(0));
  if (address === null) {
    work.count('messagesDropped');
    return;
  }
  const to: GossipPeer = { name: query.SourceNode, address, port: query.Port };
  const encoded = encodeSerf({ kind: 'queryResponse', body });
  sendSerf(work, to, encoded);
  relay(work, query.RelayFactor, to, encoded);
}

function relay(work: Work, factor: number, to: GossipPeer, encoded: Uint8Array): void {
  if (factor === 0 || work.members.size < factor + 1) return;
  const DestAddr = { IP: ipToBytes(to.address), Port: to.port, Zone: '' };
  const header = { DestAddr, DestName: to.name };
  const message = encodeSerf({ kind: 'relay', header, inner: encoded });
  if (message.length > work.config.serf.queryResponseBytesMax) {
    work.log('warn', 'relayed response exceeds limit', { bytes: message.length });
    return;
  }
  const candidates = work.members.values().filter((member) => {
    const able = member.versions.protocolMax >= RELAY_SINCE;
    return able && member.status === 'alive' && member.name !== work.config.name;
  });
  for (let left = factor; left > 0 && candidates.length > 0; left--) {
    const [member] = candidates.splice(work.randomInt(candidates.length), 1);
    if (member) sendSerf(work, member, message);
  }
}

/** Passes on what a member sends through us: answers to queries, nothing else is ever relayed. */
export function relayReceived(work: Work, header: RelayHeader, inner: Uint8Array): void {
  const address = bytesToIp(header.DestAddr.IP ?? new Uint8Array(0));
  const port = header.DestAddr.Port;
  const read = readSerf(inner);
  const isAnswer = read.ok && read.value.kind === 'queryResponse';
  if (address === null || port < 1 || port > 0xffff || !isAnswer) {
    work.count('messagesDropped');
    return;
  }
  if (header.DestName === work.config.name) {
    responseReceived(work, read.value.body);
    return;
  }
  sendSerf(work, { name: header.DestName, address, port }, inner);
}

/** Collects an answer to a query of ours. */
export function responseReceived(work: Work, body: QueryResponse): void {
  const key = queryKey(body);
  const query = work.queries.get(key);
  if (query === undefined) {
    work.count('messagesDropped');
    return;
  }
  // Strangers make up senders; serf's channels hold as many.
  const answersMax = 2 * work.nodes.size;
  if ((body.Flags & RESPONSE_FLAG.ack) !== 0) {
    if (query.acks.length >= answersMax || query.acks.includes(body.From)) return;
    work.queries.set(key, { ...query, acks: [...query.acks, body.From] });
    return;
  }
  if (query.responses.length >= answersMax) return;
  if (query.responses.some((known) => known.from === body.From)) return;
  const payload = Buffer.from(body.Payload ?? new Uint8Array(0));
  const grown = { ...query, responses: [...query.responses, { from: body.From, payload }] };
  work.queries.set(key, grown);
  const { owner } = grown;
  if (owner.kind === 'keys' && grown.responses.length >= owner.nodes) endQuery(work, key, grown);
}

/** Ends the queries whose time is over, ours and those of others. */
export function expireQueries(work: Work): void {
  for (const [key, query] of work.queries.entries()) {
    if (query.deadlineMs <= work.now) endQuery(work, key, query);
  }
  for (const [key, open] of work.open.entries()) {
    if (open.deadlineMs <= work.now) work.open.delete(key);
  }
}

function endQuery(work: Work, key: string, query: RunningQuery): void {
  work.queries.delete(key);
  const { owner } = query;
  switch (owner.kind) {
    case 'asker':
      work.effects.replies.push(
        answering(owner.reply, { acks: query.acks, responses: query.responses }),
      );
      return;
    case 'keys':
      work.effects.replies.push(answering(owner.reply, keyOutcome(query, owner.nodes)));
      return;
    case 'conflict':
      judgeConflict(work, query);
  }
}

/** Asks the pool whom it knows by our name. */
export function resolveConflict(work: Work): void {
  work.values.conflicted = false;
  if (work.config.nameConflict === 'ignore') return;
  if ([...work.queries.current.values()].some((query) => query.owner.kind === 'conflict')) return;
  const payload = Buffer.from(work.config.name);
  const order = { name: CONFLICT_QUERY, payload, filters: [], relayFactor: 0, timeoutMs: 0 };
  const refusal = startQuery(work, { ...order, acks: 'none' }, { kind: 'conflict' });
  if (refusal !== null) work.log('error', `Failed to start name conflict resolution: ${refusal}`);
}

/**
 * memberlist's table of nodes: alive, suspect and dead messages, ordered by incarnation, and the
 * refutation of what is said about ourselves (SWIM, section 4.2; Lifeguard for suspicion).
 */

import { bytesToIp, ipToBytes } from '../../src/wire/gossip/address.ts';
import {
  type Alive,
  type Dead,
  encodeAlive,
  encodeDead,
  encodeSuspect,
  type Suspect,
} from '../../src/wire/gossip/messages.ts';
import { decodeTags, META_BYTES_MAX } from '../../src/wire/gossip/serf.ts';
import { refusalOf } from './admission.ts';
import { memberGone, memberJoined, memberUpdated } from './serf-members.ts';
import type { Node, Suspicion } from './state.ts';
import type { Work } from './work.ts';

/** Nodes in a table; alive messages of more are ignored. */
export const NODES_MAX = 50_000;
/** Real members die of fewer (gossip.md 1.11), so that no table holds any others. */
export const VERSIONS_BYTES = 6;
const U32_MAX = 0xffff_ffff;
/** What stands for bytes that are no text. */
const NOT_UTF8 = '\uFFFD';

/** Address, port and the rest of an alive message, checked. */
interface Claim {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
  readonly incarnation: number;
}

/** What serf says of an address or a meta that no member can have; null when both can be. */
export function detailsProblem(address: Uint8Array, meta: Uint8Array): string | null {
  return bytesToIp(address) === null ? noAddress(address) : metaProblem(meta);
}

function noAddress({ length }: Uint8Array): string {
  return `IP byte length is invalid: ${length} bytes is not either 4 or 16`;
}

function metaProblem(meta: Uint8Array): string | null {
  if (meta.length <= META_BYTES_MAX) return null;
  return `Encoded length of tags exceeds limit of ${META_BYTES_MAX} bytes`;
}

/** The reason why an alive message cannot be taken, or what it claims. */
function readClaim(work: Work, alive: Alive): Claim | string {
  const bytes = alive.Addr ?? new Uint8Array(0);
  const meta = alive.Meta ?? new Uint8Array(0);
  const versions = alive.Vsn ?? new Uint8Array(0);
  const address = bytesToIp(bytes);
  if (address === null) return noAddress(bytes);
  const problem = metaProblem(meta) ?? versionsProblem(work, versions);
  if (problem !== null) return problem;
  if (alive.Node === '') return 'the name is empty';
  // It would be passed on as another name, of a member that there is not.
  if (alive.Node.includes(NOT_UTF8)) return 'the name is not UTF-8';
  return {
    name: alive.Node,
    address,
    port: alive.Port === 0 ? work.config.port : alive.Port,
    // Copied, so that the packet is not kept with them.
    meta: Buffer.from(meta),
    versions: Buffer.from(versions),
    incarnation: alive.Incarnation,
  };
}

/** One entry with versions that others cannot speak would spoil every push/pull of ours. */
function versionsProblem(work: Work, versions: Uint8Array): string | null {
  if (versions.length !== VERSIONS_BYTES) return `${versions.length} bytes of versions`;
  const [pmin = 0, pmax = 0, pcur = 0, , , dcur = 0] = versions;
  const [ownPmin = 0, ownPmax = 0, , ownDmin = 0, ownDmax = 0] = work.config.versions;
  if (pmin === 0 || pmax === 0 || pmin > pmax) return 'protocol versions are nonsense';
  if (pcur < ownPmin || pcur > ownPmax) {
    return `protocol version (${pcur}) is incompatible: [${ownPmin}, ${ownPmax}]`;
  }
  if (dcur < ownDmin || dcur > ownDmax) {
    return `delegate protocol version (${dcur}) is incompatible: [${ownDmin}, ${ownDmax}]`;
  }
  return null;
}

/** Takes in that a node is alive. */
export function aliveNode(work: Work, alive: Alive, origin: 'bootstrap' | 'pool'): void {
  const self = work.config.name;
  if (work.values.leave === 'departed' && alive.Node === self) return;
  if (alive.Node !== self && isOldNews(work, alive)) return;
  const claim = readClaim(work, alive);
  if (typeof claim === 'string') {
    ignoreAlive(work, alive.Node, claim);
    return;
  }
  if (origin === 'pool') {
    const candidate = { ...claim, tags: decodeTags(claim.meta), left: false };
    const refusal = refusalOf(work.config.admission, [candidate]);
    if (refusal !== null) {
      ignoreAlive(work, alive.Node, refusal);
      return;
    }
  }
  const known = work.nodes.get(claim.name);
  if (known === undefined) {
    if (work.nodes.size >= NODES_MAX) ignoreAlive(work, claim.name, 'the table is full');
    else addNode(work, claim, origin);
    return;
  }
  const moved = known.address !== claim.address || known.port !== claim.port;
  if (moved && !mayMove(work, known)) {
    conflict(work, known, claim);
    return;
  }
  takeClaim(work, known, claim, moved ? 'reclaim' : origin);
}

/** Most alive messages tell what is known; they are not worth a closer look. */
function isOldNews(work: Work, alive: Alive): boolean {
  const known = work.nodes.get(alive.Node);
  if (known === undefined || alive.Incarnation > known.incarnation) return false;
  if (known.port !== alive.Port || alive.Addr === null) return false;
  return bytesToIp(alive.Addr) === known.address;
}

function ignoreAlive(work: Work, name: string, reason: string): void {
  work.count('messagesDropped');
  work.log('warn', `ignoring alive message for '${name}': ${reason}`);
}

function addNode(work: Work, claim: Claim, origin: 'bootstrap' | 'pool'): void {
  const order = work.writableOrder();
  const at = work.randomInt(order.push(claim.name));
  order[order.length - 1] = order[at] as string;
  order[at] = claim.name;
  const fresh: Node = { ...claim, incarnation: 0, state: 'dead', changedMs: work.now };
  work.nodes.set(claim.name, fresh);
  takeClaim(work, fresh, claim, origin);
}

/** Whether a name may come back at another address. */
function mayMove(work: Work, known: Node): boolean {
  const { deadNodeReclaimMs } = work.config.timing;
  if (known.state === 'left') return true;
  if (known.state !== 'dead' || deadNodeReclaimMs === 0) return false;
  return work.now - known.changedMs > deadNodeReclaimMs;
}

function conflict(work: Work, known: Node, claim: Claim): void {
  const mine = `${known.address}:${known.port}`;
  const theirs = `${claim.address}:${claim.port}`;
  work.log(
    'error',
    `Conflicting address for ${known.name}. Mine: ${mine} Theirs: ${theirs} Old state: ${known.state}`,
  );
  if (known.name === work.config.name) work.values.conflicted = true;
}

function takeClaim(
  work: Work,
  known: Node,
  claim: Claim,
  origin: 'bootstrap' | 'pool' | 'reclaim',
): void {
  const isSelf = known.name === work.config.name;
  if (!isSelf && origin !== 'reclaim' && claim.incarnation <= known.incarnation) return;
  if (isSelf && claim.incarnation < known.incarnation) return;
  work.suspicions.delete(known.name);
  if (isSelf && origin !== 'bootstrap') {
    const same =
      claim.incarnation === known.incarnation &&
      Buffer.compare(claim.meta, known.meta) === 0 &&
      Buffer.compare(claim.versions, known.versions) === 0;
    if (!same) refute(work, known, claim.incarnation);
    return;
  }
  const wasGone = known.state === 'dead' || known.state === 'left';
  const metaChanged = Buffer.compare(claim.meta, known.meta) !== 0;
  const changedMs = known.state === 'alive' ? known.changedMs : work.now;
  const node: Node = { ...claim, state: 'alive', changedMs };
  work.nodes.set(node.name, node);
  broadcastAlive(work, node, 0);
  if (wasGone) memberJoined(work, node);
  else if (metaChanged || origin === 'reclaim') memberUpdated(work, node);
}

/** Gossips what is known of an alive node. */
export function broadcastAlive(work: Work, node: Node, wait: number): void {
  const message = encodeAlive({
    Incarnation: node.incarnation,
    Node: node.name,
    Addr: ipToBytes(node.address),
    Port: node.port,
    Meta: node.meta,
    Vsn: node.versions,
  });
  work.broadcast('queue', message, node.name, wait);
}

/** Answers what is wrong about ourselves with a higher incarnation. */
function refute(work: Work, self: Node, accused: number): void {
  const next = work.values.incarnation + 1;
  work.values.incarnation = Math.min(U32_MAX, accused >= next ? accused + 1 : next);
  adjustHealth(work, 1);
  work.count('refutations');
  const node: Node = { ...self, incarnation: work.values.incarnation };
  work.nodes.set(node.name, node);
  broadcastAlive(work, node, 0);
}

/** Moves the health score, which slows our own probing down. */
export function adjustHealth(work: Work, delta: number): void {
  const highest = work.config.timing.awarenessMaxMultiplier - 1;
  work.values.health = Math.min(highest, Math.max(0, work.values.health + delta));
}

/** Takes in that a node is suspected of being dead. */
export function suspectNode(work: Work, suspect: Suspect): void {
  const known = work.nodes.get(suspect.Node);
  if (known === undefined || suspect.Incarnation < known.incarnation) return;
  const running = work.suspicions.get(known.name);
  if (running !== undefined) {
    if (confirm(work, known.name, running, suspect.From)) {
      work.broadcast('queue', encodeSuspect(suspect), known.name);
    }
    return;
  }
  if (known.state !== 'alive') return;
  if (known.name === work.config.name) {
    refute(work, known, suspect.Incarnation);
    work.log('warn', `Refuting a suspect message (from: ${suspect.From})`);
    return;
  }
  work.broadcast('queue', encodeSuspect(suspect), known.name);
  work.nodes.set(known.name, {
    ...known,
    incarnation: suspect.Incarnation,
    state: 'suspect',
    changedMs: work.now,
  });
  work.suspicions.set(known.name, beginSuspicion(work, suspect.From));
}

function beginSuspicion(work: Work, from: string): Suspicion {
  const { suspicionMult, suspicionMaxTimeoutMult, probeIntervalMs } = work.config.timing;
  const n = work.nodes.size;
  const wanted = suspicionMult - 2;
  const confirmationsMax = n - 2 < wanted ? 0 : wanted;
  // memberlist keeps three decimals of the logarithm.
  const scale = Math.max(1, Math.trunc(Math.log10(Math.max(1, n)) * 1000) / 1000);
  const minMs = suspicionMult * scale * probeIntervalMs;
  const maxMs = suspicionMaxTimeoutMult * minMs;
  const bare = { startMs: work.now, minMs, maxMs, confirmationsMax, confirmations: 0 };
  const deadlineMs = work.now + suspicionTimeoutMs(bare);
  return { ...bare, deadlineMs, accusers: new Set([from]) };
}

/** Milliseconds that a suspicion lasts with the confirmations it has. */
export function suspicionTimeoutMs(
  suspicion: Pick<Suspicion, 'minMs' | 'maxMs' | 'confirmationsMax' | 'confirmations'>,
): number {
  const { minMs, maxMs, confirmationsMax, confirmations } = suspicion;
  if (confirmationsMax < 1) return minMs;
  const share = Math.log(confirmations + 1) / Math.log(confirmationsMax + 1);
  return Math.max(minMs, Math.floor(maxMs - share * (maxMs - minMs)));
}

/** Counts a confirmation, each accuser once; returns whether it was one. */
function confirm(work: Work, name: string, running: Suspicion, from: string): boolean {
  if (running.confirmations >= running.confirmationsMax || running.accusers.has(from)) {
    return false;
  }
  const confirmed = {
    ...running,
    confirmations: running.confirmations + 1,
    accusers: new Set(running.accusers).add(from),
  };
  const deadlineMs = running.startMs + suspicionTimeoutMs(confirmed);
  work.suspicions.set(name, { ...confirmed, deadlineMs });
  return true;
}

/** Declares those dead whose suspicion has lasted long enough. */
export function expireSuspicions(work: Work): void {
  for (const [name, suspicion] of work.suspicions.entries()) {
    if (suspicion.deadlineMs > work.now) continue;
    const node = work.nodes.get(name);
    work.suspicions.delete(name);
    if (node === undefined || node.state !== 'suspect') continue;
    const peers = suspicion.confirmations;
    work.log(
      'info',
      `Marking ${name} as failed, suspect timeout reached (${peers} peer confirmations)`,
    );
    deadNode(work, { Incarnation: node.incarnation, Node: name, From: work.config.name }, 0);
  }
}

/** Takes in that a node is dead, or has left when it says so itself. */
export function deadNode(work: Work, dead: Dead, wait: number): void {
  const known = work.nodes.get(dead.Node);
  if (known === undefined || dead.Incarnation < known.incarnation) return;
  work.suspicions.delete(known.name);
  if (known.state === 'dead' || known.state === 'left') return;
  if (known.name === work.config.name && work.values.leave !== 'departed') {
    refute(work, known, dead.Incarnation);
    work.log('warn', `Refuting a dead message (from: ${dead.From})`);
    return;
  }
  work.broadcast('queue', encodeDead(dead), known.name, wait);
  work.nodes.set(known.name, {
    ...known,
    incarnation: dead.Incarnation,
    state: dead.From === dead.Node ? 'left' : 'dead',
    changedMs: work.now,
  });
  memberGone(work, known.name);
}

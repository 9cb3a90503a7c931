/**
 * One other server, as the leader or a candidate talks to it. Appends are pipelined on a connection
 * of their own, so that heartbeats and votes never wait behind them; a snapshot has a third.
 */

import type { PeerAnswer, PeerMessage } from '../../machines/raft/node.ts';
import type { RaftServer } from '../../src/consensus/configuration.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import { toError } from '../../src/error-text.ts';
import { encodeConfiguration, encodePeers } from '../../src/wire/raft/configuration.ts';
import {
  type InstallSnapshotRequest,
  type InstallSnapshotResponse,
  PROTOCOL_VERSION,
  type RaftRequest,
  type RaftResponse,
  SNAPSHOT_VERSION_MAX,
} from '../../src/wire/raft/messages.ts';
import { encodeRequest, ResponseParser } from '../../src/wire/raft/transport.ts';
import type { ByteStream, Clock } from '../../src/world/world.ts';
import { WritePace } from '../../src/world/write-pace.ts';
import { Lane, type LaneOptions, RPC_TIMEOUT_MS } from './lane.ts';
import { askPreVote, type PreVote } from './pre-vote.ts';

/** Bytes of a snapshot for which a peer gets another 10 s. */
const SNAPSHOT_STEP_BYTES = 262_144;

/** Opens a connection on which raft may be spoken at once. */
export type RaftDial = (peer: {
  readonly id: string;
  readonly address: string;
}) => Promise<ByteStream>;

export interface PeerOptions {
  readonly clock: Clock;
  readonly self: { readonly id: string; readonly address: string };
  readonly dial: RaftDial;
  /** For heartbeats and votes: an answer that takes longer comes too late to keep or win a leader. */
  readonly controlTimeoutMs?: number;
  newestSnapshot(): Promise<StoredSnapshot>;
  answered(answer: PeerAnswer): void;
}

export class Peer {
  server: RaftServer;
  readonly #options: PeerOptions;
  readonly #lane: LaneOptions;
  readonly #appends: Lane;
  readonly #control: Lane;
  #preVote: PreVote | undefined;
  #snapshotStream: ByteStream | undefined;
  #closed = false;

  constructor(server: RaftServer, options: PeerOptions) {
    this.server = server;
    this.#options = options;
    this.#lane = { clock: options.clock, dial: () => options.dial(this.server) };
    this.#appends = new Lane(this.#lane);
    const { controlTimeoutMs: timeoutMs } = options;
    this.#control = new Lane({ ...this.#lane, ...(timeoutMs !== undefined && { timeoutMs }) });
  }

  send(message: PeerMessage): void {
    if (message.kind === 'snapshot') {
      this.#sendSnapshot(message).then(
        (answer) => this.#answered(answer),
        (error: unknown) => this.#failed(message, toError(error)),
      );
      return;
    }
    if (message.kind === 'pre-vote') {
      this.#askPreVote(message);
      return;
    }
    const request: RaftRequest =
      message.kind === 'append' || message.kind === 'heartbeat'
        ? { rpc: 'append-entries', body: message.body }
        : message.request;
    const lane = message.kind === 'append' ? this.#appends : this.#control;
    lane.send({
      rpc: request.rpc,
      term: message.term,
      encode: () => encodedOnce(request),
      answered: (body) => {
        const stranger = this.#strangerIn(body);
        if (stranger !== undefined) {
          this.#failed(message, stranger);
          return;
        }
        const answer = answerTo(message, body);
        if (answer !== undefined) this.#answered(answer);
      },
      failed: (error) => this.#failed(message, error),
    });
  }

  close(): void {
    this.#closed = true;
    this.#appends.close();
    this.#control.close();
    this.#preVote?.cancel();
    this.#snapshotStream?.destroy();
  }

  /**
   * A server that lost its disk comes back as another one at the same address. Its word must not
   * count for the one that it was. Libraries before 1.3.7 do not say who they are.
   */
  #strangerIn({ ID }: { readonly ID?: string | undefined }): Error | undefined {
    const { id, address } = this.server;
    if (ID === undefined || ID === '' || ID === id) return undefined;
    return new Error(`${ID} answers at ${address}, where ${id} is expected`);
  }

  /** A new question makes the one before pointless. */
  #askPreVote(message: Extract<PeerMessage, { kind: 'pre-vote' }>): void {
    const { kind, term, request } = message;
    this.#preVote?.cancel();
    this.#preVote = askPreVote(
      this.#lane,
      { term, request },
      (response) => this.#answered({ kind, term, response }),
      (error) => this.#failed(message, error),
    );
  }

  #answered(answer: PeerAnswer): void {
    if (!this.#closed) this.#options.answered(answer);
  }

  #failed(message: PeerMessage, error: Error): void {
    const epoch = 'epoch' in message ? message.epoch : 0;
    this.#answered({ kind: 'failed', of: message.kind, term: message.term, epoch, error });
  }

  /** Streams the newest snapshot at the pace of the peer. */
  async #sendSnapshot(message: Extract<PeerMessage, { kind: 'snapshot' }>): Promise<PeerAnswer> {
    const { clock, self, newestSnapshot } = this.#options;
    const snapshot = await newestSnapshot();
    const stream = await this.#options.dial(this.server);
    this.#snapshotStream = stream;
    const exchange = new SnapshotExchange(stream);
    const steps = Math.max(1, Math.floor(snapshot.size / SNAPSHOT_STEP_BYTES));
    const timer = clock.setTimeout(
      () => exchange.fail(new Error('the snapshot was not taken in time: i/o timeout')),
      RPC_TIMEOUT_MS * steps,
    );
    try {
      const body = snapshotRequest(snapshot, message.term, self);
      await exchange.write(encodeRequest({ rpc: 'install-snapshot', body }));
      for await (const chunk of snapshot.chunks()) await exchange.write(chunk);
      const response = await exchange.response;
      const stranger = this.#strangerIn(response);
      if (stranger !== undefined) throw stranger;
      const { epoch, term } = message;
      return { kind: 'snapshot', term, epoch, index: snapshot.index, response };
    } finally {
      clock.clearTimeout(timer);
      stream.destroy();
      this.#snapshotStream = undefined;
    }
  }
}

/** The request that was encoded last: what goes to several peers goes to one right after the other. */
let latest: { readonly body: RaftRequest['body']; readonly bytes: Buffer } | undefined;

function encodedOnce(request: RaftRequest): Buffer {
  const { body } = request;
  if (latest?.body !== body) latest = { body, bytes: encodeRequest(request) };
  return latest.bytes;
}

function snapshotRequest(
  snapshot: StoredSnapshot,
  term: number,
  self: { readonly id: string; readonly address: string },
): InstallSnapshotRequest {
  return {
    ProtocolVersion: PROTOCOL_VERSION,
    ID: self.id,
    Addr: self.address,
    SnapshotVersion: SNAPSHOT_VERSION_MAX,
    Term: term,
    Leader: self.address,
    LastLogIndex: snapshot.index,
    LastLogTerm: snapshot.term,
    Peers: encodePeers(snapshot.configuration),
    Configuration: encodeConfiguration(snapshot.configuration),
    ConfigurationIndex: snapshot.configurationIndex,
    Size: snapshot.size,
  };
}

/** What goes over the two connections that are kept. */
type LaneMessage = Exclude<PeerMessage, { readonly kind: 'snapshot' | 'pre-vote' }>;

function answerTo(message: LaneMessage, body: RaftResponse['body']): PeerAnswer | undefined {
  const { term } = message;
  switch (message.kind) {
    case 'append': {
      const { epoch, sentAtMs, lastIndex } = message;
      const prevIndex = message.body.PrevLogEntry;
      const response = body as never;
      return { kind: 'append', term, epoch, sentAtMs, prevIndex, lastIndex, response };
    }
    case 'heartbeat': {
      const { round, sentAtMs } = message;
      return { kind: 'heartbeat', term, round, sentAtMs, response: body as never };
    }
    case 'vote':
      return { kind: 'vote', term, response: body as never };
    case 'timeout-now':
      return undefined;
    default:
      return message satisfies never;
  }
}

/** A connection that carries one snapshot and its answer. */
class SnapshotExchange {
  readonly response: Promise<InstallSnapshotResponse>;
  readonly #stream: ByteStream;
  #resolve: (body: InstallSnapshotResponse) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #error: Error | undefined;
  readonly #pace = new WritePace();

  constructor(stream: ByteStream) {
    this.#stream = stream;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A failure while chunks are written is thrown there; here it would count as unhandled.
    this.response.catch(() => {});
    const parser = new ResponseParser({
      response: (_, error, body) => {
        if (error !== '' || body === null) this.fail(new Error(error || 'an empty answer'));
        else this.#resolve(body as InstallSnapshotResponse);
      },
      failed: (reason) => this.fail(new Error(`the peer does not speak raft: ${reason}`)),
    });
    parser.expect('install-snapshot');
    stream.listen({
      data: (chunk) => parser.feed(chunk),
      drain: () => this.#pace.drained(),
      end: () => this.fail(new Error('the peer has closed the connection')),
      closed: (error) => this.fail(error ?? new Error('the connection is closed')),
    });
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#reject(error);
    this.#pace.end();
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#stream.write(chunk)) return;
    await this.#pace.room();
    if (this.#error !== undefined) throw this.#error;
  }
}

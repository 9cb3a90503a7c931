/**
 * Requests and responses of hashicorp/raft's network transport, described as its structs are (the
 * embedded header flattened). Library 1.3.7 added `ID` and `Addr` to the header; they are left out
 * when `undefined`.
 */

import {
  bool,
  bytes,
  type Codec,
  i64,
  slice,
  struct,
  type TypeOf,
  u8,
  u64,
} from '../msgpack/schema.ts';
import { LogEntry, optional } from './log-entry.ts';

/** Text that Go keeps as bytes: nil is read as empty. */
const rawText: Codec<string> = {
  encode: (writer, value) => writer.string(value),
  decode: (reader) => (reader.tryNil() ? '' : reader.rawText()),
  zero: () => '',
  isEmpty: (value) => value === '',
};

const header = { ProtocolVersion: u8, ID: optional(rawText), Addr: optional(rawText) };
const omitEmpty = ['ID', 'Addr'] as const;

/** Request types: the byte before each request. */
export const RPC_TYPE = {
  appendEntries: 0,
  requestVote: 1,
  installSnapshot: 2,
  timeoutNow: 3,
  requestPreVote: 4,
} as const;

/** The version that is spoken, and the only one that Consul 1.9 and newer run. */
export const PROTOCOL_VERSION = 3;
/** The oldest version that is accepted from others. */
export const PROTOCOL_VERSION_MIN = 2;
/** The newest version of the snapshot format. */
export const SNAPSHOT_VERSION_MAX = 1;
/** Answer to a request of another version. */
export const UNSUPPORTED_PROTOCOL = 'operation not supported with current protocol version';

export const AppendEntriesRequest = struct(
  {
    ...header,
    Term: u64,
    Leader: rawText,
    PrevLogEntry: u64,
    PrevLogTerm: u64,
    /** Null in heartbeats. */
    Entries: slice(LogEntry),
    LeaderCommitIndex: u64,
  },
  { omitEmpty },
);
export type AppendEntriesRequest = TypeOf<typeof AppendEntriesRequest>;

export const AppendEntriesResponse = struct(
  {
    ...header,
    Term: u64,
    /** Last index before the request was handled. */
    LastLog: u64,
    Success: bool,
    /** The request was refused for its place in the log: try again at once, further back. */
    NoRetryBackoff: bool,
  },
  { omitEmpty },
);
export type AppendEntriesResponse = TypeOf<typeof AppendEntriesResponse>;

export const RequestVoteRequest = struct(
  {
    ...header,
    Term: u64,
    Candidate: rawText,
    LastLogIndex: u64,
    LastLogTerm: u64,
    LeadershipTransfer: bool,
  },
  { omitEmpty },
);
export type RequestVoteRequest = TypeOf<typeof RequestVoteRequest>;

export const RequestVoteResponse = struct(
  { ...header, Term: u64, Peers: bytes, Granted: bool },
  { omitEmpty },
);
export type RequestVoteResponse = TypeOf<typeof RequestVoteResponse>;

export const InstallSnapshotRequest = struct(
  {
    ...header,
    SnapshotVersion: u8,
    Term: u64,
    Leader: rawText,
    LastLogIndex: u64,
    LastLogTerm: u64,
    /** Encoded peer list, for protocol versions before 3. */
    Peers: bytes,
    /** Encoded configuration. */
    Configuration: bytes,
    ConfigurationIndex: u64,
    /** Bytes of state that follow the request, without framing. */
    Size: i64,
  },
  { omitEmpty },
);
export type InstallSnapshotRequest = TypeOf<typeof InstallSnapshotRequest>;

export const InstallSnapshotResponse = struct(
  { ...header, Term: u64, Success: bool },
  { omitEmpty },
);
export type InstallSnapshotResponse = TypeOf<typeof InstallSnapshotResponse>;

export const TimeoutNowRequest = struct({ ...header }, { omitEmpty });
export type TimeoutNowRequest = TypeOf<typeof TimeoutNowRequest>;

export const TimeoutNowResponse = struct({ ...header }, { omitEmpty });
export type TimeoutNowResponse = TypeOf<typeof TimeoutNowResponse>;

/** Library 1.7 and newer; older ones close the connection on it. */
export const RequestPreVoteRequest = struct(
  { ...header, Term: u64, LastLogIndex: u64, LastLogTerm: u64 },
  { omitEmpty },
);
export type RequestPreVoteRequest = TypeOf<typeof RequestPreVoteRequest>;

export const RequestPreVoteResponse = struct(
  { ...header, Term: u64, Granted: bool },
  { omitEmpty },
);
export type RequestPreVoteResponse = TypeOf<typeof RequestPreVoteResponse>;

export type RaftRequest =
  | { readonly rpc: 'append-entries'; readonly body: AppendEntriesRequest }
  | { readonly rpc: 'request-vote'; readonly body: RequestVoteRequest }
  | { readonly rpc: 'install-snapshot'; readonly body: InstallSnapshotRequest }
  | { readonly rpc: 'timeout-now'; readonly body: TimeoutNowRequest }
  | { readonly rpc: 'request-pre-vote'; readonly body: RequestPreVoteRequest };

export type RaftRpc = RaftRequest['rpc'];

export type RaftResponse =
  | { readonly rpc: 'append-entries'; readonly body: AppendEntriesResponse }
  | { readonly rpc: 'request-vote'; readonly body: RequestVoteResponse }
  | { readonly rpc: 'install-snapshot'; readonly body: InstallSnapshotResponse }
  | { readonly rpc: 'timeout-now'; readonly body: TimeoutNowResponse }
  | { readonly rpc: 'request-pre-vote'; readonly body: RequestPreVoteResponse };

/** The shape of a heartbeat, which is answered without regard to version or membership. */
export function isHeartbeat(body: AppendEntriesRequest): boolean {
  return (
    body.Term !== 0 &&
    (body.Leader !== '' || (body.Addr ?? '') !== '') &&
    body.PrevLogEntry === 0 &&
    body.PrevLogTerm === 0 &&
    body.LeaderCommitIndex === 0 &&
    (body.Entries === null || body.Entries.length === 0)
  );
}

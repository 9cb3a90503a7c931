/** Limits and timers of the raft node, with their reasons. */

/** Entries in one AppendEntries (hashicorp/raft's MaxAppendEntries). */
export const APPEND_ENTRIES_MAX = 64;
/** Bytes of entries in one AppendEntries, beyond which it is cut (one entry may be larger). */
export const APPEND_BYTES_MAX = 1024 * 1024;
/** AppendEntries on their way to one follower; more wait in the log. */
export const IN_FLIGHT_MAX = 128;
/**
 * AppendEntries sent to one follower at once: 512 entries, 2 to 4 ms to encode. What else may be on
 * its way follows turn by turn, so that catching up stalls neither those who send nor who receive.
 */
export const SENT_AT_ONCE_MAX = 8;
/**
 * Entries handed to the state machine at once. Batches follow each other until a turn of the event
 * loop is over, so that one is to be a small part of it: 2 to 4 ms when no cache is warm.
 */
export const APPLY_ENTRIES_MAX = 128;
export const APPLY_BYTES_MAX = 4 * 1024 * 1024;
/** Entries appended and not yet committed; further proposals are refused at once. */
export const UNCOMMITTED_ENTRIES_MAX = 65_536;
export const UNCOMMITTED_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of log kept in memory, beyond which a snapshot is due whatever the threshold says. */
export const LOG_BYTES_MAX = 256 * 1024 * 1024;
/** Entries kept behind a snapshot for followers that lag, unless configured. */
export const TRAILING_LOGS = 10_240;
/**
 * Bytes of entries kept behind a snapshot, whatever their number: a follower that lags by more is
 * sent the snapshot. With the default of entries it counts only for entries above 6 kB.
 */
export const TRAILING_BYTES_MAX = 64 * 1024 * 1024;
/** Configuration changes that wait for the one under way; more are refused. */
export const CHANGES_MAX = 128;
/** Verifications that wait for answers; more are refused. */
export const VERIFICATIONS_MAX = 65_536;
/** Back-off after failures of a peer: 10 ms × 2^(n-2), n at most 12 (hashicorp/raft). */
export const BACKOFF_BASE_MS = 10;
export const BACKOFF_ROUNDS_MAX = 12;
/** A follower hears the commit index within [50, 100) ms even when nothing is written. */
export const COMMIT_TIMEOUT_MS = 50;

/**
 * Part of the lease in which reads are answered without asking: clocks may run apart by a quarter.
 * Stepping down and the protection of a leader take all of it.
 */
export const LEASE_SHARE = 0.75;

/** Timers and thresholds, in milliseconds and entries. */
export interface RaftSettings {
  readonly heartbeatTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly leaderLeaseTimeoutMs: number;
  /** A snapshot is considered every [interval, 2 × interval). */
  readonly snapshotIntervalMs: number;
  /** Entries since the last snapshot that make a new one due. */
  readonly snapshotThreshold: number;
  /** Entries kept behind a snapshot for followers that lag. */
  readonly trailingLogs: number;
}

/** Consul's settings for `performance.raft_multiplier` (1 … 10, 5 unless configured). */
export function consulSettings(multiplier: number): RaftSettings {
  return {
    heartbeatTimeoutMs: 1000 * multiplier,
    electionTimeoutMs: 1000 * multiplier,
    leaderLeaseTimeoutMs: 500 * multiplier,
    snapshotIntervalMs: 30_000,
    snapshotThreshold: 16_384,
    trailingLogs: TRAILING_LOGS,
  };
}

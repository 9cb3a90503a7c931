/** Messages between the nodes of a modelled cluster, as requests and answers. */

import type { LogPoint } from '../../../machines/raft/log-view.ts';
import type { PeerAnswer, PeerMessage, PlacedConfiguration } from '../../../machines/raft/node.ts';
import { encodeConfiguration, encodePeers } from '../../../src/wire/raft/configuration.ts';
import type {
  InstallSnapshotRequest,
  RaftRequest,
  RaftResponse,
} from '../../../src/wire/raft/messages.ts';

export interface ModelSnapshot {
  readonly at: LogPoint;
  readonly configuration: PlacedConfiguration;
  readonly state: readonly string[];
}

export function requestOf(
  from: { readonly id: string; readonly address: string },
  message: PeerMessage,
  snapshot: ModelSnapshot | undefined,
): RaftRequest | undefined {
  if (message.kind === 'append' || message.kind === 'heartbeat') {
    return { rpc: 'append-entries', body: message.body };
  }
  if (message.kind !== 'snapshot') return message.request;
  if (snapshot === undefined) return undefined;
  const { configuration, index } = snapshot.configuration;
  const body: InstallSnapshotRequest = {
    ProtocolVersion: 3,
    ID: from.id,
    Addr: from.address,
    SnapshotVersion: 1,
    Term: message.term,
    Leader: from.address,
    LastLogIndex: snapshot.at.index,
    LastLogTerm: snapshot.at.term,
    Peers: encodePeers(configuration),
    Configuration: encodeConfiguration(configuration),
    ConfigurationIndex: index,
    Size: 0,
  };
  return { rpc: 'install-snapshot', body };
}

export function answerOf(
  message: PeerMessage,
  response: RaftResponse | null,
  snapshot: ModelSnapshot | undefined,
): PeerAnswer | undefined {
  const { term } = message;
  const body = response?.body as never;
  if (response === null || message.kind === 'timeout-now') return undefined;
  switch (message.kind) {
    case 'append': {
      const { epoch, sentAtMs, lastIndex } = message;
      const prevIndex = message.body.PrevLogEntry;
      return { kind: 'append', term, epoch, sentAtMs, prevIndex, lastIndex, response: body };
    }
    case 'heartbeat': {
      const { round, sentAtMs } = message;
      return { kind: 'heartbeat', term, round, sentAtMs, response: body };
    }
    case 'pre-vote':
      return { kind: 'pre-vote', term, response: body };
    case 'vote':
      return { kind: 'vote', term, response: body };
    case 'snapshot': {
      const index = snapshot?.at.index ?? 0;
      return { kind: 'snapshot', term, epoch: message.epoch, index, response: body };
    }
    default:
      return message satisfies never;
  }
}

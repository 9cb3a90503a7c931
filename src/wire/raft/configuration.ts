/** Raft configurations and peer lists as bytes: in log entries, snapshots and their metadata. */

import type { RaftConfiguration, Suffrage } from '../../consensus/configuration.ts';
import { type Decoded, encode, slice, str, struct, tryDecode, u8 } from '../msgpack/schema.ts';
import { ENTRY_TYPE, type LogEntry } from './log-entry.ts';

const SUFFRAGES: readonly Suffrage[] = ['voter', 'nonvoter', 'staging'];

const WireServer = struct({ Suffrage: u8, ID: str, Address: str });
const WireConfiguration = struct({ Servers: slice(WireServer) });
const WirePeers = slice(str);

export function encodeConfiguration(configuration: RaftConfiguration): Buffer {
  const Servers = configuration.servers.map((server) => ({
    Suffrage: SUFFRAGES.indexOf(server.suffrage),
    ID: server.id,
    Address: server.address,
  }));
  // Go's nil slice: that is what a configuration that was never set holds.
  return encode(WireConfiguration, { Servers: Servers.length === 0 ? null : Servers });
}

/** Never throws. A suffrage that is not known is read as one that does not vote. */
export function decodeConfiguration(bytes: Uint8Array): Decoded<RaftConfiguration> {
  const decoded = tryDecode(WireConfiguration, bytes);
  if (!decoded.ok) return decoded;
  const servers = (decoded.value.Servers ?? []).map((server) => ({
    suffrage: SUFFRAGES[server.Suffrage] ?? 'nonvoter',
    id: server.ID,
    address: server.Address,
  }));
  return { ok: true, value: { servers }, next: decoded.next };
}

/** The list of voters' addresses that protocol versions before 3 use. */
export function encodePeers(configuration: RaftConfiguration): Buffer {
  const voters = configuration.servers.filter((server) => server.suffrage === 'voter');
  return encode(
    WirePeers,
    voters.map((server) => server.address),
  );
}

/** The configuration that a peer list stands for: voters whose ID is their address. */
export function decodePeers(bytes: Uint8Array): Decoded<RaftConfiguration> {
  const decoded = tryDecode(WirePeers, bytes);
  if (!decoded.ok) return decoded;
  const servers = (decoded.value ?? []).map((address) => ({
    suffrage: 'voter' as const,
    id: address,
    address,
  }));
  return { ok: true, value: { servers }, next: decoded.next };
}

/**
 * The configuration that an entry brings into force; `undefined` when it is of another kind.
 * Throws on bytes that are none: a log that holds them is corrupt.
 */
export function configurationOf(entry: LogEntry): RaftConfiguration | undefined {
  const data = entry.Data ?? Buffer.alloc(0);
  const decoded = DECODERS[entry.Type]?.(data);
  if (decoded === undefined) return undefined;
  if (decoded.ok) return decoded.value;
  throw new Error(`entry ${entry.Index} holds no configuration: ${decoded.text}`);
}

const DECODERS: Readonly<Record<number, (data: Uint8Array) => Decoded<RaftConfiguration>>> = {
  [ENTRY_TYPE.addPeer]: decodePeers,
  [ENTRY_TYPE.removePeer]: decodePeers,
  [ENTRY_TYPE.configuration]: decodeConfiguration,
};

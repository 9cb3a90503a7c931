/** Commands and snapshot records as Consul 1.9 wrote them: decoded, and encoded to the same bytes. */

import { describe, expect, it } from 'vitest';
import { COMMAND_TYPES, IGNORE_UNKNOWN_FLAG, typeByte } from '../../src/fsm/command-types.ts';
import { commandOf } from '../../src/fsm/commands.ts';
import { ChunkingState, IndexRecord, SnapshotHeader } from '../../src/fsm/records.ts';
import { RegisterRequest } from '../../src/model/catalog.ts';
import { ConfigEntryRequest } from '../../src/model/config-entry.ts';
import { FederationStateRequest } from '../../src/model/federation-state.ts';
import { DirEntry } from '../../src/model/kv.ts';
import { AutopilotConfig } from '../../src/model/operator.ts';
import { Session } from '../../src/model/session.ts';
import { SystemMetadataEntry } from '../../src/model/system-metadata.ts';
import { type Codec, decode, encode } from '../../src/wire/msgpack/schema.ts';
import { vector, vectorsOf } from '../support/vectors.ts';

function again(codec: Codec<unknown>, bytes: Buffer): string {
  return Buffer.concat([bytes.subarray(0, 1), encode(codec, decode(codec, bytes, 1))]).toString(
    'hex',
  );
}

describe('commands of the log', () => {
  const known = vectorsOf('raft.json').filter(
    (v) => v.kind === 'fsm-command' && v.name !== 'fsm_unknown_ignorable',
  );

  it.each(known.map((v) => [v.name, v.hex]))('%s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    const command = commandOf((bytes[0] ?? 0) & ~IGNORE_UNKNOWN_FLAG);
    expect(command).toBeDefined();
    expect(typeByte(command?.type ?? 0)).toBe(bytes[0]);
    if (command !== undefined) expect(again(command.body, bytes)).toBe(hex);
  });
});

describe('records of snapshots', () => {
  const codecs: Readonly<Record<string, Codec<never>>> = {
    [COMMAND_TYPES.Register]: RegisterRequest as unknown as Codec<never>,
    [COMMAND_TYPES.KVS]: DirEntry as unknown as Codec<never>,
    [COMMAND_TYPES.Tombstone]: DirEntry as unknown as Codec<never>,
    [COMMAND_TYPES.Session]: Session as unknown as Codec<never>,
    [COMMAND_TYPES.Index]: IndexRecord as unknown as Codec<never>,
    [COMMAND_TYPES.FederationState]: FederationStateRequest as unknown as Codec<never>,
    [COMMAND_TYPES.ConfigEntry]: ConfigEntryRequest as unknown as Codec<never>,
    [COMMAND_TYPES.Autopilot]: AutopilotConfig as unknown as Codec<never>,
    [COMMAND_TYPES.SystemMetadata]: SystemMetadataEntry as unknown as Codec<never>,
    [COMMAND_TYPES.ChunkingState]: ChunkingState as unknown as Codec<never>,
  };
  const records = vectorsOf('raft.json').filter((v) => v.kind === 'snapshot-record');

  it.each(records.map((v) => [v.name, v.hex]))('%s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    const codec = codecs[String(bytes[0])] as Codec<unknown> | undefined;
    expect(codec).toBeDefined();
    if (codec !== undefined) expect(again(codec, bytes)).toBe(hex);
  });

  it('header', () => {
    const { hex } = vector('raft.json', 'snap_header');
    const header = decode(SnapshotHeader, Buffer.from(hex, 'hex'));
    expect(header).toEqual({ LastIndex: 12345 });
    expect(encode(SnapshotHeader, header).toString('hex')).toBe(hex);
  });
});

/** What servers remember about themselves, e.g. the format of the intentions. */

import { pointer, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { RaftIndex, WriteRequest } from './blocks.ts';

export const SystemMetadataEntry = struct({ Key: str, Value: str, ...RaftIndex.fields });
export type SystemMetadataEntry = TypeOf<typeof SystemMetadataEntry>;

/** `Op`: `upsert` or `delete`. */
export const SystemMetadataRequest = struct({
  Datacenter: str,
  Op: str,
  Entry: pointer(SystemMetadataEntry),
  ...WriteRequest.fields,
});
export type SystemMetadataRequest = TypeOf<typeof SystemMetadataRequest>;

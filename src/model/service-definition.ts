/**
 * A service as an agent's configuration defines it. In catalog data it never occurs (the field that
 * may hold it is nil there); it is described so that a foreign one is read and written unchanged.
 */

import { any, type Codec, type TypeOf } from '../wire/msgpack/schema.ts';

/** Kept as a value of unknown shape: nothing here looks into it. */
export const ServiceDefinition: Codec<TypeOf<typeof any>> = any;
export type ServiceDefinition = TypeOf<typeof ServiceDefinition>;

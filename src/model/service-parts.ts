/** Small parts of service instances, shared by catalog, config entries and definitions. */

import { bool, i64, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';

export const ServiceAddress = struct({ Address: str, Port: i64 });
export type ServiceAddress = TypeOf<typeof ServiceAddress>;

/** DNS weights by health. */
export const Weights = struct({ Passing: i64, Warning: i64 });
export type Weights = TypeOf<typeof Weights>;

/** `Mode`: `''` (default), `none`, `local` or `remote`. */
export const MeshGatewayConfig = struct({ Mode: str });
export type MeshGatewayConfig = TypeOf<typeof MeshGatewayConfig>;

export const ExposePath = struct({
  ListenerPort: i64,
  Path: str,
  LocalPathPort: i64,
  Protocol: str,
  ParsedFromCheck: bool,
});
export type ExposePath = TypeOf<typeof ExposePath>;

export const ExposeConfig = struct({ Checks: bool, Paths: slice(ExposePath) });
export type ExposeConfig = TypeOf<typeof ExposeConfig>;

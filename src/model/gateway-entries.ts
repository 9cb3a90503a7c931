/** Config entries that link services to ingress and terminating gateways. */

import { bool, i64, map, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { RaftIndex } from './blocks.ts';

export const IngressListener = struct({
  Port: i64,
  Protocol: str,
  /** Named `*`: every service that speaks the listener's protocol. */
  Services: slice(struct({ Name: str, Hosts: slice(str), Meta: map(str) })),
});

export const IngressGatewayEntry = struct({
  Kind: str,
  Name: str,
  TLS: struct({ Enabled: bool }),
  Listeners: slice(IngressListener),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type IngressGatewayEntry = TypeOf<typeof IngressGatewayEntry>;

export const TerminatingGatewayEntry = struct({
  Kind: str,
  Name: str,
  /** Named `*`: every service that is not named itself. */
  Services: slice(struct({ Name: str, CAFile: str, CertFile: str, KeyFile: str, SNI: str })),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type TerminatingGatewayEntry = TypeOf<typeof TerminatingGatewayEntry>;

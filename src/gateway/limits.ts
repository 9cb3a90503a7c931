/** Limits of the built-in gateway. */

export interface GatewayLimits {
  /** Connections at once; what comes beyond is closed at once and counted. */
  readonly connectionsMax: number;
  /** From accept until the ClientHello is complete. */
  readonly helloTimeoutMs: number;
  /** For one address while others are left to try. */
  readonly connectFirstTimeoutMs: number;
  /** For the last address. */
  readonly connectLastTimeoutMs: number;
  /** Addresses tried for one connection. */
  readonly attemptsMax: number;
}

export const GATEWAY_LIMITS: GatewayLimits = {
  connectionsMax: 20_000,
  helloTimeoutMs: 10_000,
  // A dead address must leave time for another before the peer's own handshake limit (5 s) is over.
  connectFirstTimeoutMs: 1_500,
  // Consul's `connectTimeout` of a gateway's clusters.
  connectLastTimeoutMs: 5_000,
  attemptsMax: 4,
};

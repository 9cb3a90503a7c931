/** What this program calls itself, and the Consul version whose protocol it speaks. */

export const MOBIUS_VERSION = '0.1.0';

/**
 * The Consul release that peers see in the `build` tag and in the API. Real servers and clients
 * derive from it what they may ask for, so it names the level of the protocol, not of this program.
 */
export const CONSUL_VERSION = '1.9.1';

/** Consul's RPC protocol versions: the one spoken and the range understood. */
export const PROTOCOL = { spoken: 2, min: 2, max: 3 } as const;

/** Who takes part in consensus, as data. */

/** `staging` is never produced; it is read as `nonvoter`. */
export type Suffrage = 'voter' | 'nonvoter' | 'staging';

/** One server of a raft configuration. */
export interface RaftServer {
  readonly suffrage: Suffrage;
  /** Server ID: the node ID (protocol 3), or the address (protocol 2 and older logs). */
  readonly id: string;
  /** `host:port` of the server port, IPv6 in brackets. */
  readonly address: string;
}

/** Members of one raft cluster. Compare as a set: the order is for display only. */
export interface RaftConfiguration {
  readonly servers: readonly RaftServer[];
}

export const EMPTY_CONFIGURATION: RaftConfiguration = { servers: [] };

/** The servers that vote. */
export function votersOf(configuration: RaftConfiguration): readonly RaftServer[] {
  return configuration.servers.filter((server) => server.suffrage === 'voter');
}

export function isVoter(configuration: RaftConfiguration, id: string): boolean {
  return configuration.servers.some((server) => server.id === id && server.suffrage === 'voter');
}

/**
 * Why a configuration must not be used, in hashicorp/raft's words; `undefined` when it may.
 */
export function configurationFault(configuration: RaftConfiguration): string | undefined {
  const ids = new Set<string>();
  const addresses = new Set<string>();
  for (const server of configuration.servers) {
    if (server.id === '') return `Empty ID in configuration: ${describe(configuration)}`;
    if (server.address === '') return `Empty address in configuration: ${describeServer(server)}`;
    if (ids.has(server.id)) return `Found duplicate ID in configuration: ${server.id}`;
    if (addresses.has(server.address)) {
      return `Found duplicate address in configuration: ${server.address}`;
    }
    ids.add(server.id);
    addresses.add(server.address);
  }
  if (votersOf(configuration).length === 0) {
    return `Need at least one voter in configuration: ${describe(configuration)}`;
  }
  return undefined;
}

/** As Go prints the struct with `%v`. */
function describe(configuration: RaftConfiguration): string {
  return `{[${configuration.servers.map(describeServer).join(' ')}]}`;
}

const SUFFRAGE_NAMES = { voter: 'Voter', nonvoter: 'Nonvoter', staging: 'Staging' } as const;

function describeServer(server: RaftServer): string {
  return `{${SUFFRAGE_NAMES[server.suffrage]} ${server.id} ${server.address}}`;
}

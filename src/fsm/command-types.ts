/** The types of commands in the Raft log: the first byte of each. */

export const COMMAND_TYPES = {
  Register: 0,
  Deregister: 1,
  KVS: 2,
  Session: 3,
  ACL: 4,
  Tombstone: 5,
  CoordinateBatchUpdate: 6,
  PreparedQuery: 7,
  Txn: 8,
  Autopilot: 9,
  Area: 10,
  ACLBootstrap: 11,
  Intention: 12,
  ConnectCA: 13,
  ConnectCAProviderState: 14,
  ConnectCAConfig: 15,
  Index: 16,
  ACLTokenSet: 17,
  ACLTokenDelete: 18,
  ACLPolicySet: 19,
  ACLPolicyDelete: 20,
  ConnectCALeaf: 21,
  ConfigEntry: 22,
  ACLRoleSet: 23,
  ACLRoleDelete: 24,
  ACLBindingRuleSet: 25,
  ACLBindingRuleDelete: 26,
  ACLAuthMethodSet: 27,
  ACLAuthMethodDelete: 28,
  ChunkingState: 29,
  FederationState: 30,
  SystemMetadata: 31,
  ServiceVirtualIP: 32,
  FreeVirtualIP: 33,
} as const;

export type CommandName = keyof typeof COMMAND_TYPES;
export type CommandType = (typeof COMMAND_TYPES)[CommandName];

/** Set in the type byte of commands that a server may skip when it does not know them. */
export const IGNORE_UNKNOWN_FLAG = 128;

/** Types that Consul itself writes with the flag. */
const FLAGGED: ReadonlySet<number> = new Set([
  COMMAND_TYPES.CoordinateBatchUpdate,
  COMMAND_TYPES.ConnectCALeaf,
]);

/** The type byte as it is written to the log. */
export function typeByte(type: CommandType): number {
  return FLAGGED.has(type) ? type | IGNORE_UNKNOWN_FLAG : type;
}

/**
 * Which mesh gateways lead where, as one immutable view, and the choice among them. The gateway
 * locator publishes the view; whoever dials holds the latest and picks from it synchronously.
 */

/** Through which side a secondary reaches its primary. Everything else has only one way. */
export type PathMode = 'local' | 'direct';

/** Whether a secondary that knows a gateway of its own may still dial those of the primary. */
export type DirectDialing = 'allowed' | 'never';

export interface GatewayChoices {
  /** Lower case, as all datacenter names here. */
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** The own store was read after contact with a raft leader. Before that nothing is picked. */
  readonly populated: boolean;
  readonly mode: PathMode;
  readonly directDialing: DirectDialing;
  /** LAN addresses `host:port` of the own gateways, sorted. */
  readonly local: readonly string[];
  /** WAN addresses of the primary's gateways as replicated, sorted. */
  readonly primary: readonly string[];
  /** WAN addresses of the primary's gateways as configured or discovered, sorted. */
  readonly fallback: readonly string[];
}

/**
 * In direct mode every eighth dial toward the primary tries an own gateway: when replication itself
 * is what is broken, nothing else would ever show that the local way works again.
 */
export const LOCAL_TRIAL_SHARE = 1 / 8;

/** Sorted, each once. */
export function mergeSorted(...lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort();
}

/** The gateways that lead to `target`, as the table of Consul 1.9.3 has it, failures unheeded. */
export function gatewaysToward(choices: GatewayChoices, target: string): readonly string[] {
  if (!choices.populated) return [];
  const { datacenter, primaryDatacenter, local, primary, fallback } = choices;
  if (target === datacenter) return target === primaryDatacenter ? primary : [];
  if (target !== primaryDatacenter) return local;
  return throughLocal(choices) ? local : mergeSorted(primary, fallback);
}

function throughLocal(choices: GatewayChoices): boolean {
  if (choices.local.length === 0) return false;
  return choices.mode === 'local' || choices.directDialing === 'never';
}

/** Whether this dial is one of the trials of the local way that direct mode makes. */
function isLocalTrial(choices: GatewayChoices, target: string, randomFloat: number): boolean {
  return (
    randomFloat < LOCAL_TRIAL_SHARE &&
    choices.populated &&
    choices.mode === 'direct' &&
    target === choices.primaryDatacenter &&
    target !== choices.datacenter &&
    choices.local.length > 0
  );
}

/**
 * One gateway on the way to `target`, uniformly at random among those that did not fail recently,
 * or among all when all did; `''` when there is none.
 *
 * @param randomFloat uniform in [0, 1)
 * @param recentFailures addresses that were dialed in vain a moment ago
 */
export function pickGateway(
  choices: GatewayChoices,
  target: string,
  randomFloat: number,
  recentFailures: { has(address: string): boolean },
): string {
  if (isLocalTrial(choices, target, randomFloat)) {
    const local = choices.local.filter((address) => !recentFailures.has(address));
    if (local.length > 0) return at(local, randomFloat / LOCAL_TRIAL_SHARE);
  }
  const all = gatewaysToward(choices, target);
  const hopeful = all.filter((address) => !recentFailures.has(address));
  return at(hopeful.length > 0 ? hopeful : all, randomFloat);
}

function at(addresses: readonly string[], fraction: number): string {
  return addresses[Math.floor(fraction * addresses.length)] ?? '';
}

/** The view before anything is known. */
export function noChoices(options: {
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly directDialing: DirectDialing;
}): GatewayChoices {
  return { ...options, populated: false, mode: 'local', local: [], primary: [], fallback: [] };
}

/** `keyring`: lists and changes the keys that encrypt gossip. */

import { textOf } from '../../error-text.ts';
import type { Flags } from '../../flags.ts';
import type { Disk } from '../../world/world.ts';
import { AGENT_FLAGS, type AgentApi, type Query, withAgentApi } from '../agent-api.ts';
import { type Command, CommandError, type Terminal, UsageError } from '../command.ts';

const PATH = '/v1/operator/keyring';
const RELAY_FACTOR_MAX = 5;

/** What may be done, one a call: by its flag, with the line that announces it. */
const ACTIONS = {
  list: 'Gathering installed encryption keys...',
  'list-primary': 'Gathering installed primary encryption keys...',
  install: 'Installing new gossip encryption key...',
  use: 'Changing primary gossip encryption key...',
  remove: 'Removing gossip encryption key...',
} as const;
type Action = keyof typeof ACTIONS;

/** One pool, as the API tells it. */
interface PoolKeys {
  readonly WAN: boolean;
  readonly Datacenter: string;
  readonly Segment: string;
  readonly Messages?: Readonly<Record<string, string>>;
  readonly Keys: Readonly<Record<string, number>> | null;
  readonly PrimaryKeys: Readonly<Record<string, number>> | null;
  readonly NumNodes: number;
}

export function keyringCommand(disk: Disk): Command {
  return {
    path: ['keyring'],
    synopsis: 'Lists and changes the keys that encrypt gossip',
    parameters: '',
    flags: [
      ...AGENT_FLAGS,
      { name: 'list', kind: 'bool', help: 'List the keys of all pools.' },
      { name: 'list-primary', kind: 'bool', help: 'List the primary keys of all pools.' },
      { name: 'install', kind: 'string', help: 'Give this key to all members.' },
      { name: 'use', kind: 'string', help: 'Make all members seal with this key.' },
      { name: 'remove', kind: 'string', help: 'Take this key from all members.' },
      { name: 'relay-factor', kind: 'int', help: 'Members that pass answers on, 0 to 5.' },
      { name: 'local-only', kind: 'bool', help: 'Only the own LAN pool; with -list.' },
    ],
    run: (flags, terminal) => {
      const action = wantedAction(flags);
      return withAgentApi(disk, (api) => perform(api, action, flags, terminal))(flags, terminal);
    },
  };
}

function wantedAction(flags: Flags): Action {
  const wanted = (Object.keys(ACTIONS) as Action[]).filter((action) =>
    action.startsWith('list') ? flags.bool(action) : Boolean(flags.string(action)),
  );
  const [action] = wanted;
  if (action === undefined) {
    throw new UsageError('One of -list, -list-primary, -install, -use, -remove is required');
  }
  if (wanted.length > 1) throw new CommandError('Only a single action is allowed');
  const relay = flags.int('relay-factor') ?? 0;
  if (relay < 0 || relay > RELAY_FACTOR_MAX) {
    throw new CommandError(
      `Error parsing relay factor: Relay factor must be in range: [0, ${RELAY_FACTOR_MAX}]`,
    );
  }
  if (flags.bool('local-only') && action !== 'list') {
    throw new CommandError(
      'Error validating local-only: local-only can only be set for list requests',
    );
  }
  return action;
}

async function perform(
  api: AgentApi,
  action: Action,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  terminal.out(`==> ${ACTIONS[action]}\n`);
  const relay = flags.int('relay-factor') ?? 0;
  const query: Query = { 'relay-factor': relay > 0 ? relay : undefined };
  try {
    if (action === 'list' || action === 'list-primary') {
      const local = flags.bool('local-only') ? 'true' : undefined;
      const body = await api.get(PATH, { ...query, 'local-only': local });
      const pools = JSON.parse(body.toString('utf8')) as readonly PoolKeys[];
      for (const pool of pools) terminal.out(poolText(pool, action));
      return 0;
    }
    const body = JSON.stringify({ Key: flags.string(action) });
    if (action === 'install') await api.post(PATH, query, body);
    else if (action === 'use') await api.put(PATH, query, body);
    else await api.delete(PATH, query, body);
    return 0;
  } catch (error) {
    throw new CommandError(`error: ${textOf(error)}`, { cause: error });
  }
}

function poolText(pool: PoolKeys, action: 'list' | 'list-primary'): string {
  const name = pool.WAN ? 'WAN' : `${pool.Datacenter} (LAN)`;
  const segment = pool.Segment === '' ? '' : ` [${pool.Segment}]`;
  const keys = action === 'list' ? pool.Keys : pool.PrimaryKeys;
  const lines = [
    `${name}${segment}:`,
    ...Object.entries(pool.Messages ?? {}).map(([node, text]) => `  ===> ${node}: ${text}`),
    ...Object.entries(keys ?? {}).map(([key, count]) => `  ${key} [${count}/${pool.NumNodes}]`),
  ];
  return `\n${lines.join('\n')}\n`;
}

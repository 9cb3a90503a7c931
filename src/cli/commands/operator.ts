/** `operator raft …` and `operator autopilot …` */

import type { FlagSpec, Flags } from '../../flags.ts';
import type { Disk } from '../../world/world.ts';
import {
  AGENT_FLAGS,
  type AgentApi,
  attempt,
  DATACENTER_FLAGS,
  openAgentApi,
} from '../agent-api.ts';
import { columns } from '../columns.ts';
import { type Command, CommandError, type Terminal } from '../command.ts';

interface Peer {
  readonly Node: string;
  readonly ID: string;
  readonly Address: string;
  readonly Leader: boolean;
  readonly Voter: boolean;
  readonly ProtocolVersion: string;
}

type AutopilotConfig = Readonly<Record<string, string | number | boolean>>;

const CONFIG_PATH = '/v1/operator/autopilot/configuration';

/** Flag, the field that it sets, and what it is for. */
const CONFIG_FLAGS: readonly (readonly [FlagSpec, string])[] = [
  [flag('cleanup-dead-servers', 'bool', 'Remove dead servers.'), 'CleanupDeadServers'],
  [
    flag('last-contact-threshold', 'string', 'Longest silence of the healthy.'),
    'LastContactThreshold',
  ],
  [flag('max-trailing-logs', 'int', 'Entries that the healthy may lag.'), 'MaxTrailingLogs'],
  [flag('min-quorum', 'int', 'Voters to keep at least.'), 'MinQuorum'],
  [flag('server-stabilization-time', 'string', 'Health before a vote.'), 'ServerStabilizationTime'],
  [flag('redundancy-zone-tag', 'string', 'No effect here.'), 'RedundancyZoneTag'],
  [flag('disable-upgrade-migration', 'bool', 'No effect here.'), 'DisableUpgradeMigration'],
  [flag('upgrade-version-tag', 'string', 'No effect here.'), 'UpgradeVersionTag'],
];

function flag(name: string, kind: FlagSpec['kind'], help: string): FlagSpec {
  return { name, kind, help };
}

/** The commands for those who run the servers. */
export function operatorCommands(disk: Disk): readonly Command[] {
  const withApi =
    (work: (api: AgentApi, flags: Flags, terminal: Terminal) => Promise<void>) =>
    async (flags: Flags, terminal: Terminal): Promise<number> => {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        await work(api, flags, terminal);
        return 0;
      } finally {
        api.close();
      }
    };
  const flags = [...AGENT_FLAGS, ...DATACENTER_FLAGS];
  const common = { parameters: '', flags } as const;
  return [
    {
      ...common,
      path: ['operator', 'raft', 'list-peers'],
      synopsis: 'Lists the servers of the raft configuration',
      run: withApi(listPeers),
    },
    {
      path: ['operator', 'raft', 'remove-peer'],
      synopsis: 'Takes a dead server out of the raft configuration',
      parameters: '',
      flags: [
        ...flags,
        flag('address', 'string', 'IP:port of the server.'),
        flag('id', 'string', 'ID of the server.'),
      ],
      run: withApi(removePeer),
    },
    {
      ...common,
      path: ['operator', 'autopilot', 'get-config'],
      synopsis: 'Prints what autopilot follows',
      run: withApi(async (api, _flags, terminal) => {
        for (const [name, value] of Object.entries(await config(api))) {
          if (name.endsWith('Index')) continue;
          const quoted = name.endsWith('Tag') ? JSON.stringify(value) : value;
          terminal.out(`${name} = ${quoted}\n`);
        }
      }),
    },
    {
      path: ['operator', 'autopilot', 'set-config'],
      synopsis: 'Changes what autopilot follows',
      parameters: '',
      flags: [...flags, ...CONFIG_FLAGS.map(([spec]) => spec)],
      run: withApi(setConfig),
    },
    {
      path: ['operator', 'autopilot', 'state'],
      synopsis: 'Prints how the servers are',
      parameters: '',
      flags: [...flags, { ...flag('format', 'string', 'pretty or json.'), fallback: 'pretty' }],
      run: withApi(state),
    },
  ];
}

async function listPeers(api: AgentApi, _flags: Flags, terminal: Terminal): Promise<void> {
  const body = await attempt('Error getting peers: Failed to retrieve raft configuration', () =>
    api.get('/v1/operator/raft/configuration'),
  );
  const { Servers } = JSON.parse(body.toString('utf8')) as { readonly Servers: readonly Peer[] };
  const rows = Servers.map((peer) => [
    peer.Node,
    peer.ID,
    peer.Address,
    peer.Leader ? 'leader' : 'follower',
    String(peer.Voter),
    peer.ProtocolVersion || '<=1',
  ]);
  const head = ['Node', 'ID', 'Address', 'State', 'Voter', 'RaftProtocol'];
  terminal.out(`${columns([head, ...rows])}\n`);
}

async function removePeer(api: AgentApi, flags: Flags, terminal: Terminal): Promise<void> {
  const address = flags.string('address') ?? '';
  const id = flags.string('id') ?? '';
  if (address === '' && id === '') {
    throw new CommandError(
      'Error removing peer: an address or id is required for the peer to remove',
    );
  }
  if (address !== '' && id !== '') {
    throw new CommandError('Error removing peer: cannot give both an address and id');
  }
  const by = address === '' ? { id } : { address };
  await attempt('Error removing peer', () => api.delete('/v1/operator/raft/peer', by));
  const [[name, value] = []] = Object.entries(by);
  terminal.out(`Removed peer with ${name} ${JSON.stringify(value)}\n`);
}

async function config(api: AgentApi): Promise<AutopilotConfig> {
  const body = await attempt('Error querying Autopilot configuration', () => api.get(CONFIG_PATH));
  return JSON.parse(body.toString('utf8')) as AutopilotConfig;
}

/** Changes what is named, unless somebody else changes the configuration meanwhile. */
async function setConfig(api: AgentApi, flags: Flags, terminal: Terminal): Promise<void> {
  const { CreateIndex: _created, ModifyIndex, ...before } = await config(api);
  const changes = CONFIG_FLAGS.filter(([{ name }]) => flags.has(name)).map(
    ([{ name, kind }, field]) => [
      field,
      kind === 'bool' ? flags.bool(name) : kind === 'int' ? flags.int(name) : flags.string(name),
    ],
  );
  const text = JSON.stringify({ ...before, ...Object.fromEntries(changes) });
  const answer = await attempt('Error setting Autopilot configuration', () =>
    api.put(CONFIG_PATH, { cas: Number(ModifyIndex) }, text),
  );
  if (answer.toString('utf8').trim() !== 'true') {
    throw new CommandError('Configuration could not be atomically updated, please try again');
  }
  terminal.out('Configuration updated!\n');
}

interface ServerState {
  readonly Name: string;
  readonly Address: string;
  readonly Version: string;
  readonly Status: string;
  readonly NodeType: string;
  readonly NodeStatus: string;
  readonly Healthy: boolean;
  readonly LastContact: string;
  readonly LastTerm: number;
  readonly LastIndex: number;
  readonly Meta: Readonly<Record<string, string>> | null;
}

interface State {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly OptimisticFailureTolerance: number;
  readonly Servers: Readonly<Record<string, ServerState>>;
  readonly Leader: string;
  readonly Voters: readonly string[];
}

async function state(api: AgentApi, flags: Flags, terminal: Terminal): Promise<void> {
  const format = flags.string('format') ?? 'pretty';
  if (format !== 'pretty' && format !== 'json') {
    throw new CommandError(`Unknown format: ${format}`);
  }
  const body = await attempt('Error querying Autopilot state', () =>
    api.get('/v1/operator/autopilot/state'),
  );
  const known = JSON.parse(body.toString('utf8')) as State;
  terminal.out(
    format === 'json' ? `${JSON.stringify(known, null, 4)}\n` : `${prettyState(known)}\n`,
  );
}

function prettyState(known: State): string {
  const servers = Object.entries(known.Servers).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    `Healthy:                      ${known.Healthy}`,
    `Failure Tolerance:            ${known.FailureTolerance}`,
    `Optimistic Failure Tolerance: ${known.OptimisticFailureTolerance}`,
    `Leader:                       ${known.Leader}`,
    'Voters:',
    ...known.Voters.map((id) => `   ${id}`),
    'Servers:',
    ...servers.flatMap(([id, server]) => [`   ${id}`, ...serverLines(server)]),
  ];
  return `${lines.join('\n')}\n`;
}

function serverLines(server: ServerState): readonly string[] {
  const meta = Object.entries(server.Meta ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `      Name:            ${server.Name}`,
    `      Address:         ${server.Address}`,
    `      Version:         ${server.Version}`,
    `      Status:          ${server.Status}`,
    `      Node Type:       ${server.NodeType}`,
    `      Node Status:     ${server.NodeStatus}`,
    `      Healthy:         ${server.Healthy}`,
    `      Last Contact:    ${server.LastContact}`,
    `      Last Term:       ${server.LastTerm}`,
    `      Last Index:      ${server.LastIndex}`,
    ...(meta.length === 0 ? [] : ['      Meta']),
    ...meta.map(([key, value]) => `         ${JSON.stringify(key)}: ${JSON.stringify(value)}`),
  ];
}

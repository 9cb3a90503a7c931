/** `members`, `join`, `leave`, `force-leave`, `event`, `info`: the agent and its gossip pools. */

import { textOf } from '../../error-text.ts';
import type { Flags } from '../../flags.ts';
import { joinHostPort } from '../../host-port.ts';
import type { Disk } from '../../world/world.ts';
import {
  AGENT_FLAGS,
  type AgentApi,
  type ApiWork,
  attempt,
  DATACENTER_FLAGS,
  withAgentApi,
} from '../agent-api.ts';
import { columns } from '../columns.ts';
import { type Command, CommandError, type Terminal, UsageError } from '../command.ts';

/** Exit code of `members` when no member matches the wanted status. */
const NO_MATCH = 2;

const STATUS_NAMES = ['none', 'alive', 'leaving', 'left', 'failed'];

interface Member {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>> | null;
  readonly Status: number;
  readonly ProtocolCur: number;
  readonly DelegateCur: number;
}

/** The commands about the agent's place among the others. */
export function clusterCommands(disk: Disk): readonly Command[] {
  const withApi = (work: ApiWork) => withAgentApi(disk, work);
  return [
    {
      path: ['members'],
      synopsis: 'Lists the members of the LAN or WAN pool',
      parameters: '',
      flags: [
        ...AGENT_FLAGS,
        { name: 'detailed', kind: 'bool', help: 'Print all tags.' },
        { name: 'segment', kind: 'string', help: 'Only this segment.', fallback: '_all' },
        {
          name: 'status',
          kind: 'string',
          help: 'Regular expression on the status.',
          fallback: '.*',
        },
        { name: 'wan', kind: 'bool', help: 'Servers of all datacenters.' },
      ],
      run: withApi(members),
    },
    {
      path: ['join'],
      synopsis: 'Makes the agent join the pool of another one',
      parameters: 'ADDRESS...',
      flags: [...AGENT_FLAGS, { name: 'wan', kind: 'bool', help: 'Join the WAN pool.' }],
      run: (flags, terminal) => {
        if (flags.rest.length === 0) {
          throw new UsageError('At least one address to join must be specified.');
        }
        return withApi(join)(flags, terminal);
      },
    },
    {
      path: ['leave'],
      synopsis: 'Makes the agent leave its pools and stop',
      parameters: '',
      flags: AGENT_FLAGS,
      run: withApi(async (api, _flags, terminal) => {
        await attempt('Error leaving', () => api.put('/v1/agent/leave'));
        terminal.out('Graceful leave complete\n');
        return 0;
      }),
    },
    {
      path: ['force-leave'],
      synopsis: 'Declares a failed member to have left',
      parameters: 'NODE',
      flags: [...AGENT_FLAGS, { name: 'prune', kind: 'bool', help: 'Forget it altogether.' }],
      run: (flags, terminal) => {
        if (flags.rest.length !== 1) {
          throw new UsageError('A single node name must be specified to force leave.');
        }
        return withApi(forceLeave)(flags, terminal);
      },
    },
    {
      path: ['event'],
      synopsis: 'Fires a user event',
      parameters: '[PAYLOAD]',
      flags: [
        ...AGENT_FLAGS,
        ...DATACENTER_FLAGS,
        { name: 'name', kind: 'string', help: 'Name of the event (required).' },
        { name: 'node', kind: 'string', help: 'Regular expression on node names.' },
        { name: 'service', kind: 'string', help: 'Regular expression on service names.' },
        { name: 'tag', kind: 'string', help: 'Regular expression on tags; needs -service.' },
      ],
      run: (flags, terminal) => {
        if (!flags.string('name')) throw new UsageError('Event name must be specified');
        return withApi(fireEvent)(flags, terminal);
      },
    },
    {
      path: ['info'],
      synopsis: 'Prints the agent’s figures',
      parameters: '',
      flags: AGENT_FLAGS,
      run: withApi(info),
    },
  ];
}

async function members(api: AgentApi, flags: Flags, terminal: Terminal): Promise<number> {
  const pattern = statusPattern(flags.string('status') ?? '.*');
  const body = await attempt('Error retrieving members', () =>
    api.get('/v1/agent/members', {
      segment: flags.string('segment') ?? '_all',
      wan: flags.bool('wan') ? 1 : undefined,
    }),
  );
  const all = JSON.parse(body.toString('utf8')) as readonly Member[];
  const shown = all
    .filter((member) => pattern.test(STATUS_NAMES[member.Status] ?? 'none'))
    .sort((a, b) => compareMembers(a, b));
  if (shown.length === 0) return NO_MATCH;
  const rows = flags.bool('detailed')
    ? [['Node', 'Address', 'Status', 'Tags'], ...shown.map(detailedRow)]
    : [
        ['Node', 'Address', 'Status', 'Type', 'Build', 'Protocol', 'DC', 'Segment'],
        ...shown.map(memberRow),
      ];
  terminal.out(`${columns(rows)}\n`);
  return 0;
}

function statusPattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (error) {
    throw new CommandError(
      `Failed to compile status regexp: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

/** Servers before clients, then by name, as `consul members` orders them. */
function compareMembers(a: Member, b: Member): number {
  const segments = segmentOf(a).localeCompare(segmentOf(b));
  if (segments !== 0) return segments;
  return a.Name < b.Name ? -1 : 1;
}

function segmentOf(member: Member): string {
  const tags = member.Tags ?? {};
  return tags['role'] === 'consul' ? '<all>' : tags['segment'] || '<default>';
}

function addressOf(member: Member): string {
  return joinHostPort(member.Addr, member.Port);
}

function memberRow(member: Member): readonly string[] {
  const tags = member.Tags ?? {};
  const role = tags['role'];
  const type = role === 'consul' ? 'server' : role === 'node' ? 'client' : 'unknown';
  const protocol = tags['vsn'] ?? '';
  const build = (tags['build'] ?? 'unknown').split(':')[0] ?? '';
  return [
    member.Name,
    addressOf(member),
    STATUS_NAMES[member.Status] ?? 'none',
    type,
    build,
    protocol,
    tags['dc'] ?? '',
    segmentOf(member),
  ];
}

function detailedRow(member: Member): readonly string[] {
  const tags = Object.entries({ ...member.Tags, segment: segmentOf(member) })
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return [member.Name, addressOf(member), STATUS_NAMES[member.Status] ?? 'none', tags.join(',')];
}

async function join(api: AgentApi, flags: Flags, terminal: Terminal): Promise<number> {
  let joined = 0;
  for (const address of flags.rest) {
    try {
      await api.put(`/v1/agent/join/${encodeURIComponent(address)}`, {
        wan: flags.bool('wan') ? 1 : undefined,
      });
      joined += 1;
    } catch (error) {
      const text = textOf(error);
      terminal.err(`Error joining address '${address}': ${text}\n`);
    }
  }
  if (joined === 0) throw new CommandError('Failed to join any nodes.');
  terminal.out(`Successfully joined cluster by contacting ${joined} nodes.\n`);
  return 0;
}

async function forceLeave(api: AgentApi, flags: Flags): Promise<number> {
  await attempt('Error force leaving', () =>
    api.put(`/v1/agent/force-leave/${encodeURIComponent(flags.rest[0] as string)}`, {
      prune: flags.bool('prune'),
    }),
  );
  return 0;
}

async function fireEvent(api: AgentApi, flags: Flags, terminal: Terminal): Promise<number> {
  const body = await attempt('Error firing event', () =>
    api.put(
      `/v1/event/fire/${encodeURIComponent(flags.string('name') ?? '')}`,
      { node: flags.string('node'), service: flags.string('service'), tag: flags.string('tag') },
      flags.rest[0] ?? '',
    ),
  );
  const event = JSON.parse(body.toString('utf8')) as { readonly ID: string };
  terminal.out(`Event ID: ${event.ID}\n`);
  return 0;
}

async function info(api: AgentApi, _flags: Flags, terminal: Terminal): Promise<number> {
  const body = await attempt('Error querying agent', () => api.get('/v1/agent/self'));
  const self = JSON.parse(body.toString('utf8')) as {
    readonly Stats?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  for (const section of Object.keys(self.Stats ?? {}).sort()) {
    terminal.out(`${section}:\n`);
    const figures = self.Stats?.[section] ?? {};
    for (const key of Object.keys(figures).sort()) {
      terminal.out(`\t${key} = ${figures[key]}\n`);
    }
  }
  return 0;
}

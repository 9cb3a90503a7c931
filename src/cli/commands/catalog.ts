/** `catalog datacenters|nodes|services` and `operator raft list-peers|remove-peer`. */

import type { Disk } from '../../world/world.ts';
import { AGENT_FLAGS, attempt, DATACENTER_FLAGS, openAgentApi } from '../agent-api.ts';
import { columns } from '../columns.ts';
import { type Command, CommandError } from '../command.ts';

const COMMON = [...AGENT_FLAGS, ...DATACENTER_FLAGS];
/** How much of a node's ID the short table shows. */
const SHORT_ID = 8;

interface CatalogNode {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Datacenter: string;
  readonly TaggedAddresses: Readonly<Record<string, string>> | null;
  readonly Meta?: Readonly<Record<string, string>> | null;
  readonly NodeMeta?: Readonly<Record<string, string>> | null;
}

interface RaftServer {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Leader: boolean;
  readonly Voter: boolean;
  readonly ProtocolVersion: string;
}

/** Commands that read the catalog and the raft configuration. */
export function catalogCommands(disk: Disk): readonly Command[] {
  return [datacenters(disk), nodes(disk), services(disk), listPeers(disk), removePeer(disk)];
}

function datacenters(disk: Disk): Command {
  return {
    path: ['catalog', 'datacenters'],
    synopsis: 'Lists all known datacenters',
    parameters: '',
    flags: COMMON,
    async run(flags, terminal) {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const body = await attempt('Error listing datacenters', () =>
          api.get('/v1/catalog/datacenters'),
        );
        for (const name of JSON.parse(body.toString('utf8')) as string[]) terminal.out(`${name}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function nodes(disk: Disk): Command {
  return {
    path: ['catalog', 'nodes'],
    synopsis: 'Lists the nodes of a datacenter',
    parameters: '',
    flags: [
      ...COMMON,
      { name: 'detailed', kind: 'bool', help: 'Print tagged addresses and meta too.' },
      { name: 'filter', kind: 'string', help: 'Filter expression.' },
      { name: 'near', kind: 'string', help: 'Sort by round-trip time from this node.' },
      { name: 'node-meta', kind: 'list', help: 'Only nodes with this key=value.' },
      { name: 'service', kind: 'string', help: 'Only nodes with this service.' },
    ],
    async run(flags, terminal) {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const service = flags.string('service');
        const path =
          service === undefined
            ? '/v1/catalog/nodes'
            : `/v1/catalog/service/${encodeURIComponent(service)}`;
        const body = await attempt('Error listing nodes', () =>
          api.get(path, {
            'node-meta': flags.list('node-meta').map((pair) => pair.replace('=', ':')),
            filter: flags.string('filter'),
            near: flags.string('near'),
          }),
        );
        const found = JSON.parse(body.toString('utf8')) as readonly CatalogNode[];
        if (found.length === 0) {
          terminal.err('No nodes match the given query - try expanding your search.\n');
          return 0;
        }
        terminal.out(`${nodeTable(found, flags.bool('detailed'))}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function nodeTable(found: readonly CatalogNode[], detailed: boolean): string {
  const head = ['Node', 'ID', 'Address', 'DC'];
  if (!detailed) {
    return columns([
      head,
      ...found.map((node) => [
        node.Node,
        node.ID.slice(0, SHORT_ID),
        node.Address,
        node.Datacenter,
      ]),
    ]);
  }
  return columns([
    [...head, 'TaggedAddresses', 'Meta'],
    ...found.map((node) => [
      node.Node,
      node.ID,
      node.Address,
      node.Datacenter,
      pairs(node.TaggedAddresses),
      pairs(node.Meta ?? node.NodeMeta ?? null),
    ]),
  ]);
}

function pairs(map: Readonly<Record<string, string>> | null): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(', ');
}

function services(disk: Disk): Command {
  return {
    path: ['catalog', 'services'],
    synopsis: 'Lists the services of a datacenter or node',
    parameters: '',
    flags: [
      ...COMMON,
      { name: 'node', kind: 'string', help: 'Only services of this node.' },
      { name: 'node-meta', kind: 'list', help: 'Only services of nodes with this key=value.' },
      { name: 'tags', kind: 'bool', help: 'Print tags too.' },
    ],
    async run(flags, terminal) {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const node = flags.string('node');
        const tagsByService = await attempt('Error listing services', async () =>
          node === undefined
            ? (JSON.parse((await api.get('/v1/catalog/services')).toString('utf8')) as Record<
                string,
                string[]
              >)
            : tagsOfNode(await api.get(`/v1/catalog/node/${encodeURIComponent(node)}`)),
        );
        const names = Object.keys(tagsByService).sort();
        if (names.length === 0) {
          terminal.err('No services match the given query - try expanding your search.\n');
          return 0;
        }
        const rows = names.map((name) =>
          flags.bool('tags') ? [name, [...(tagsByService[name] ?? [])].sort().join(',')] : [name],
        );
        terminal.out(`${columns(rows)}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function tagsOfNode(body: Buffer): Record<string, string[]> {
  const answer = JSON.parse(body.toString('utf8')) as {
    readonly Services?: Readonly<Record<string, { Service: string; Tags: string[] | null }>> | null;
  } | null;
  const tags: Record<string, string[]> = {};
  for (const service of Object.values(answer?.Services ?? {})) {
    tags[service.Service] = [
      ...new Set([...(tags[service.Service] ?? []), ...(service.Tags ?? [])]),
    ];
  }
  return tags;
}

function listPeers(disk: Disk): Command {
  return {
    path: ['operator', 'raft', 'list-peers'],
    synopsis: 'Lists the raft servers of a datacenter',
    parameters: '',
    flags: COMMON,
    async run(flags, terminal) {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const body = await attempt(
          'Error getting peers: Failed to retrieve raft configuration',
          () => api.get('/v1/operator/raft/configuration'),
        );
        const { Servers } = JSON.parse(body.toString('utf8')) as { Servers: readonly RaftServer[] };
        terminal.out(
          `${columns([
            ['Node', 'ID', 'Address', 'State', 'Voter', 'RaftProtocol'],
            ...Servers.map((server) => [
              server.Node,
              server.ID,
              server.Address,
              server.Leader ? 'leader' : 'follower',
              String(server.Voter),
              server.ProtocolVersion,
            ]),
          ])}\n`,
        );
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function removePeer(disk: Disk): Command {
  return {
    path: ['operator', 'raft', 'remove-peer'],
    synopsis: 'Removes a server from the raft configuration',
    parameters: '',
    flags: [
      ...COMMON,
      { name: 'address', kind: 'string', help: 'IP:port of the server.' },
      { name: 'id', kind: 'string', help: 'ID of the server.' },
    ],
    async run(flags, terminal) {
      const id = flags.string('id');
      const address = flags.string('address');
      if (!id && !address)
        throw new CommandError(
          'Error removing peer: an address or id is required for the peer to remove',
        );
      if (id && address)
        throw new CommandError('Error removing peer: cannot give both an address and id');
      const api = await openAgentApi(flags, terminal, disk);
      try {
        await attempt('Error removing peer', () =>
          api.delete('/v1/operator/raft/peer', { id, address }),
        );
        terminal.out(`Removed peer with ${id ? `id "${id}"` : `address "${address}"`}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

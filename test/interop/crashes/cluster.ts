// Three servers as processes, each behind a stand-in for its advertised address, and all that may be
// done to them without root: killed, stopped, cut off.

import { join } from 'node:path';
import { NETWORK, temporaryFolder, until } from '../program.ts';
import { leaderOf } from '../raft-group.ts';
import { type HttpServer, ourServer, serverName } from '../raft-server.ts';
import { type LinkEnd, Links } from './links.ts';

const GROUP = 64;
const ADVERTISED_GROUP = 65;
const START_LIMIT_MS = 60_000;
const STANDING_LIMIT_MS = 500;
const LEADER_LIMIT_MS = 30_000;
const LAST_LINES = 40;

/** Snapshots every few seconds under this load, and a log that is short enough to be outrun. */
const CONFIG = {
  bootstrap_expect: 3,
  retry_interval: '1s',
  // Whoever is killed comes back, and must not have been replaced meanwhile.
  autopilot: { cleanup_dead_servers: false },
  ports: { dns: -1, serf_wan: -1 },
  raft_snapshot_threshold: 100,
  raft_snapshot_interval: '1s',
  raft_trailing_logs: 20,
};

export interface Node {
  readonly server: HttpServer;
  readonly end: LinkEnd;
  readonly folder: string;
}

/** Disks for servers that shall not share one. */
export interface Disks {
  /** Puts one at this folder, which is empty: all that a server writes comes into it. */
  at(folder: string): void;
  close(): void;
}

/** Where all that they write is. */
interface Places {
  readonly temporary: ReturnType<typeof temporaryFolder>;
  readonly disks: Disks | undefined;
}

export class CrashCluster {
  readonly nodes: readonly Node[];
  readonly #links: Links;
  readonly #places: Places;

  private constructor(nodes: readonly Node[], links: Links, places: Places) {
    this.nodes = nodes;
    this.#links = links;
    this.#places = places;
  }

  /** Starts them and resolves when they have a leader. */
  static async start(disks?: Disks): Promise<CrashCluster> {
    const temporary = temporaryFolder();
    const ends = [1, 2, 3].map((number) => ({
      bound: serverName(GROUP, number).host,
      advertised: `${NETWORK}.${ADVERTISED_GROUP}.${number}`,
    }));
    const nodes = ends.map((end, at) => {
      const name = serverName(GROUP, at + 1);
      const retry_join = ends.filter((one) => one !== end).map(({ advertised }) => advertised);
      const config = { ...CONFIG, advertise_addr: end.advertised, retry_join };
      const server = ourServer(temporary.path, name, config);
      return { server, end, folder: join(temporary.path, name.node) };
    });
    for (const { folder } of nodes) disks?.at(folder);
    const cluster = new CrashCluster(nodes, await Links.open(ends), { temporary, disks });
    await Promise.all(nodes.map((node) => cluster.up(node)));
    await leaderOf(cluster.servers, START_LIMIT_MS);
    return cluster;
  }

  get servers(): readonly HttpServer[] {
    return this.nodes.map(({ server }) => server);
  }

  get hosts(): readonly string[] {
    return this.nodes.map(({ end }) => end.bound);
  }

  async up(node: Node): Promise<void> {
    await this.#links.accept(node.end);
    node.server.up();
  }

  async kill(node: Node): Promise<void> {
    this.#links.refuse(node.end);
    await node.server.kill();
  }

  /** Whoever leads in the highest term. */
  async leader(): Promise<Node> {
    let leader: Node | undefined;
    await until('a leader', LEADER_LIMIT_MS, async () => {
      let highest = 0;
      const standings = await Promise.all(
        this.nodes.map(({ server }) => server.standing(STANDING_LIMIT_MS)),
      );
      for (const [at, { state, term }] of standings.entries()) {
        if (state !== 'Leader' || term < highest) continue;
        highest = term;
        leader = this.nodes[at];
      }
      return leader !== undefined;
    });
    return leader as Node;
  }

  others(node: Node): readonly Node[] {
    return this.nodes.filter((one) => one !== node);
  }

  cut(from: Node, to: Node): void {
    this.#links.cut(from.end, to.end);
  }

  mend(): void {
    this.#links.mend();
  }

  /** Processes that ended although nobody killed them. */
  fallen(): readonly string[] {
    return this.servers.flatMap(({ fallen }) => fallen ?? []);
  }

  /** Where each of them stands in the group. */
  async standings(): Promise<readonly string[]> {
    const asked = this.servers.map((server) => server.standing(STANDING_LIMIT_MS));
    return (await Promise.all(asked)).map((standing, at) => {
      return `${this.servers[at]?.name.node}: ${JSON.stringify(standing)}`;
    });
  }

  /** What each of them has said last. */
  lastWords(): readonly string[] {
    return this.servers.map(({ name, lines }) => {
      return [`--- ${name.node}`, ...lines.slice(-LAST_LINES)].join('\n');
    });
  }

  async stop(): Promise<void> {
    this.#links.mend();
    await Promise.all(this.servers.map((server) => server.kill()));
    this.#links.close();
    this.#places.disks?.close();
    this.#places.temporary.remove();
  }
}

// A real Consul and two servers of ours in one raft group, whose links fail.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LinkEnd, Links } from './crashes/links.ts';
import { MixedGroup, SETTLE_LIMIT_MS } from './mixed-raft.ts';
import { consulPeer, pathOr } from './peers/find.ts';
import { NETWORK, pause, temporaryFolder, until } from './program.ts';
import { holds, leaderOf, tellLogs, Writer } from './raft-group.ts';
import { type HttpServer, serverName } from './raft-server.ts';

const GROUP = 66;
const ADVERTISED_GROUP = 67;
const CUT_WRITES = 20;
/** Resets of all connections, one after the other, in the middle of what they carry. */
const RESETS = 10;
const RESET_PAUSE_MS = 150;

const consul = pathOr('a real Consul and ours, whose links fail', consulPeer());

describe.skipIf(consul === null)('X7 a real Consul and two of ours, links fail', () => {
  const temporary = temporaryFolder();
  const names = [1, 2, 3].map((number) => serverName(GROUP, number));
  const advertised = (host: string) => `${NETWORK}.${ADVERTISED_GROUP}.${host.split('.').at(-1)}`;
  const ends = names.map(({ host }): LinkEnd => ({ bound: host, advertised: advertised(host) }));
  const group = new MixedGroup(consul ?? '', temporary.path, names, (name) => ({
    advertise_addr: advertised(name.host),
    retry_join: names.filter((other) => other !== name).map(({ host }) => advertised(host)),
    ports: { dns: -1, serf_wan: -1 },
  }));
  const { all } = group;
  const endOf = (server: HttpServer) => ends[all.indexOf(server)] as LinkEnd;
  let links: Links;

  beforeAll(async () => {
    if (consul === null) return;
    links = await Links.open(ends, endOf(group.real));
    for (const end of ends) await links.accept(end);
    for (const server of all) server.up();
    await leaderOf(all);
  });

  afterAll(async () => {
    tellLogs(all);
    await group.kill();
    links?.close();
    temporary.remove();
  });

  /** Cuts one off: what goes from it, to it, or both. */
  const cutOff = (server: HttpServer, ways: 'from it' | 'to it' | 'both'): void => {
    for (const other of ends) {
      if (other === endOf(server)) continue;
      if (ways !== 'to it') links.cut(endOf(server), other);
      if (ways !== 'from it') links.cut(other, endOf(server));
    }
  };

  const leaders = [
    ['Consul', () => group.letConsulLead()],
    ['ours', () => group.letOursLead()],
  ] as const;
  const cuts = (['from it', 'to it', 'both'] as const).flatMap((ways) =>
    leaders.map(([kind, lead]) => [kind, ways, lead] as const),
  );

  test.each(cuts)(
    'with %s as leader, cut off (%s): the others go on, and all agree in the end',
    async (kind, ways, lead) => {
      await lead();
      const leader = (await leaderOf(all)) as HttpServer;
      const others = all.filter((server) => server !== leader);
      const [witness] = others as [HttpServer];
      const writer = new Writer(`${kind}-${ways}`.replaceAll(' ', '-'), (key, value) =>
        witness.put(key, value),
      );
      await until('some writes', SETTLE_LIMIT_MS, () => writer.acknowledged.size > CUT_WRITES);
      cutOff(leader, ways);
      await leaderOf(others);
      const reached = writer.acknowledged.size;
      await until('writes again', SETTLE_LIMIT_MS, () => {
        return writer.acknowledged.size > reached + CUT_WRITES;
      });
      links.mend();
      await writer.end();
      await leaderOf(all);
      for (const server of all) await holds(server, writer.prefix, writer.acknowledged);
      await group.agree();
    },
  );

  test.each(leaders)(
    'with %s as leader, connections are reset under writes: it leads on, nothing is lost',
    async (kind, lead) => {
      await lead();
      const leader = (await leaderOf(all)) as HttpServer;
      const { term } = await leader.standing();
      const writer = new Writer(`reset-${kind}`, (key, value) => leader.put(key, value));
      await until('some writes', SETTLE_LIMIT_MS, () => writer.acknowledged.size > CUT_WRITES);
      for (let count = 0; count < RESETS; count++) {
        links.reset();
        await pause(RESET_PAUSE_MS);
      }
      const reached = writer.acknowledged.size;
      await until('writes again', SETTLE_LIMIT_MS, () => {
        return writer.acknowledged.size > reached + CUT_WRITES;
      });
      await writer.end();
      expect(await leader.standing()).toMatchObject({ state: 'Leader', term });
      for (const server of all) await holds(server, writer.prefix, writer.acknowledged);
      await group.agree();
    },
  );
});

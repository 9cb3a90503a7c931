// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of another language
/** Goal: how a prepared query is run: health, filters, distance, limit, failover, names. */

import { beforeEach, describe, expect, it } from 'vitest';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { silentLog } from '../../src/log.ts';
import { ConnectProxyConfig } from '../../src/model/catalog.ts';
import { Coordinates } from '../../src/model/coordinate.ts';
import {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  type PreparedQueryExecuteResponse,
  PreparedQueryRequest,
  ServiceQuery,
} from '../../src/model/prepared-query.ts';
import type { EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import { preparedQueryEndpoints } from '../../src/rpc/endpoints/prepared-query.ts';
import { RpcError, type RpcMethod } from '../../src/rpc/method.ts';
import * as method from '../../src/rpc/methods/prepared-query.ts';
import { StoreHarness, sessionId } from '../support/store-harness.ts';

const ORIGIN = { remote: null, signal: new AbortController().signal };
const VIEW = { leading: true, leaderAddress: 'a', lastContactMs: 0, readyForConsistentReads: true };

let store: StoreHarness;
/** What other datacenters answer; an error text is a datacenter that cannot be reached. */
let remotes: Readonly<Record<string, readonly string[] | string>>;
let asked: string[];
let chance: number;
let drawn = 0;

beforeEach(() => {
  store = new StoreHarness();
  remotes = {};
  asked = [];
  chance = 0.999;
  for (const name of ['a', 'b', 'c']) {
    store.node(name, { Address: `10.0.0.${name.charCodeAt(0)}`, NodeMeta: { rack: name } });
    store.service(name, { Service: 'db', Tags: ['Primary', name], Meta: { v: name } });
  }
});

function deps(): EndpointDeps {
  return {
    datacenter: 'dc1',
    store: store.store,
    random: { float: () => chance, bytes: (n: number) => new Uint8Array(n).fill(++drawn) },
    log: silentLog,
    consensus: { view: () => VIEW, restored: () => true, verifyLeader: async () => {} },
    datacenters: () => ['dc1', ...Object.keys(remotes)],
    raftApply: async (type: never, codec: never, request: never) => {
      const answer = store.apply(type, codec, request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    rpc: {
      call: async (_: unknown, request: { readonly Datacenter: string }) => {
        asked.push(request.Datacenter);
        const answer = remotes[request.Datacenter] ?? [];
        if (typeof answer === 'string') throw new RpcError(answer);
        const Nodes = answer.map((name) => ({ Node: { Node: name }, Service: null, Checks: null }));
        return { Nodes, Datacenter: request.Datacenter };
      },
    },
  } as unknown as EndpointDeps;
}

function call<Request, Reply>(to: RpcMethod<Request, Reply>, request: Request): Promise<Reply> {
  const served = preparedQueryEndpoints(deps()).find((one) => one.method.name === to.name);
  return served?.handle(request, ORIGIN) as Promise<Reply>;
}

function create(service: Partial<ServiceQuery>, more: Partial<PreparedQuery> = {}) {
  const Service = ServiceQuery.of({ Service: 'db', ...service });
  const Query = PreparedQuery.of({ Name: 'q', Service, ...more });
  return call(method.PREPARED_QUERY_APPLY, PreparedQueryRequest.of({ Op: 'create', Query }));
}

function execute(
  name: string,
  more: Partial<PreparedQueryExecuteRequest> = {},
): Promise<PreparedQueryExecuteResponse> {
  const Agent = { Datacenter: 'dc1', Segment: '', Node: 'b', Ip: '' };
  const request = PreparedQueryExecuteRequest.of({ QueryIDOrName: name, Agent, ...more });
  return call(method.PREPARED_QUERY_EXECUTE, request);
}

const names = ({ Nodes }: PreparedQueryExecuteResponse): readonly string[] =>
  (Nodes ?? []).map((one) => one.Node?.Node ?? '');
const sorted = async (reply: Promise<PreparedQueryExecuteResponse>) =>
  [...names(await reply)].sort();

/** Puts nodes on a line. */
function place(places: Readonly<Record<string, number>>): void {
  const batch = Object.entries(places).map(([Node, at]) => ({
    Node,
    Segment: '',
    Coord: { Vec: [at, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0 },
  }));
  store.apply(COMMAND_TYPES.CoordinateBatchUpdate, Coordinates, batch);
}

describe('which instances', () => {
  it('are not critical, or passing, whatever ignored checks say', async () => {
    store.check('a', { CheckID: 'x', Status: 'critical' });
    store.check('b', { CheckID: 'y', Status: 'warning' });
    await create({});
    expect(await sorted(execute('q'))).toEqual(['b', 'c']);
    await create({ OnlyPassing: true }, { Name: 'passing' });
    expect(await sorted(execute('passing'))).toEqual(['c']);
    await create({ OnlyPassing: true, IgnoreCheckIDs: ['x', 'y'] }, { Name: 'ignoring' });
    expect(await sorted(execute('ignoring'))).toEqual(['a', 'b', 'c']);
  });

  it('have the tags and meta data, and none of the tags with !', async () => {
    await create({ Tags: ['PRIMARY', '!A'] });
    expect(await sorted(execute('q'))).toEqual(['b', 'c']);
    await create({ NodeMeta: { rack: 'a' } }, { Name: 'node' });
    expect(await sorted(execute('node'))).toEqual(['a']);
    await create({ ServiceMeta: { v: 'c' } }, { Name: 'service' });
    expect(await sorted(execute('service'))).toEqual(['c']);
  });

  it('are the proxies when the mesh is asked for', async () => {
    store.service('c', {
      Service: 'db-proxy',
      Kind: 'connect-proxy',
      Proxy: ConnectProxyConfig.of({ DestinationServiceName: 'db' }),
    });
    await create({});
    const { Nodes } = await execute('q', { Connect: true });
    expect(Nodes?.map((one) => one.Service?.Service)).toEqual(['db-proxy']);
  });
});

describe('in which order', () => {
  it('is drawn from the given chance', async () => {
    await create({});
    expect(names(await execute('q'))).toEqual(['a', 'b', 'c']);
    chance = 0;
    expect(names(await execute('q'))).toEqual(['b', 'c', 'a']);
  });

  it('is that of distance, the node that asks first, up to the limit', async () => {
    place({ a: 0, b: 1, c: 3 });
    await create({ Near: '_agent' });
    expect(names(await execute('q'))).toEqual(['b', 'a', 'c']);
    const from = (Node: string, Ip = '') => ({ Source: { Datacenter: '', Segment: '', Node, Ip } });
    expect(names(await execute('q', from('c')))).toEqual(['c', 'b', 'a']);
    expect(names(await execute('q', { ...from('c'), Limit: 2 }))).toEqual(['c', 'b']);
    expect(names(await execute('q', from('_ip', '10.0.0.97')))).toEqual(['a', 'b', 'c']);
    expect(names(await execute('q', from('_ip', '10.9.9.9')))).toEqual(['a', 'b', 'c']);
  });
});

describe('failover', () => {
  it('asks the nearest, then those that are named and known, until one has instances', async () => {
    remotes = { dc2: [], dc3: 'No path to datacenter', dc4: ['far'], dc5: ['never'] };
    await create({
      Service: 'none',
      Failover: { NearestN: 1, Datacenters: ['nowhere', 'dc3', 'dc2', 'dc4', 'dc5'] },
    });
    const reply = await execute('q');
    expect(asked).toEqual(['dc2', 'dc3', 'dc4']);
    expect([names(reply), reply.Datacenter, reply.Failovers]).toEqual([['far'], 'dc4', 3]);
  });

  it('is not for what is here', async () => {
    remotes = { dc2: ['far'] };
    await create({ Failover: { NearestN: 3, Datacenters: null } });
    expect((await execute('q')).Failovers).toBe(0);
    expect(asked).toEqual([]);
  });
});

describe('which query', () => {
  const Template = { Type: 'name_prefix_match', Regexp: '', RemoveEmptyTags: false };
  const explain = async (name: string): Promise<string> => {
    const request = PreparedQueryExecuteRequest.of({ QueryIDOrName: name });
    const { Query } = await call(method.PREPARED_QUERY_EXPLAIN, request);
    return Query.Service.Service;
  };

  it('is that of the very name, else the template with the longest beginning of it', async () => {
    await create({ Service: 'any-${name.full}' }, { Name: '', Template });
    await create({ Service: 'geo-${name.suffix}' }, { Name: 'geo-', Template });
    await create({ Service: 'exact' }, { Name: 'geo-db' });
    expect(await explain('geo-web')).toBe('geo-web');
    expect(await explain('GEO-DB')).toBe('exact');
    expect(await explain('other')).toBe('any-other');
  });

  it('is refused by its id when it is a template, and twice without a name', async () => {
    const id = await create({ Service: '${name.full}' }, { Name: 't', Template });
    await expect(execute(id)).rejects.toThrow('templates can only be resolved up by name');
    await expect(execute('none')).rejects.toThrow('Query not found');
    await expect(execute('')).rejects.toThrow('Missing Query ID');
  });

  it('is gone with its session', async () => {
    const session = sessionId(1);
    store.session('create', { ID: session, Node: 'a', Behavior: 'release' });
    const id = await create({}, { Name: '', Session: session });
    expect(names(await execute(id))).toHaveLength(3);
    store.session('destroy', { ID: session });
    await expect(execute(id)).rejects.toThrow('Query not found');
  });

  it.each([
    [{ Failover: { NearestN: -1, Datacenters: null } }, {}, "Bad NearestN '-1', must be >= 0"],
    [{ NodeMeta: { 'a b': '' } }, {}, 'Key contains invalid characters'],
    [{}, { DNS: { TTL: '-1s' } }, "DNS TTL '-1000000000', must be >=0"],
    [{}, { Token: '<hidden>' }, 'a query definition with a redacted token was submitted'],
    [{}, { Name: '', Session: sessionId(9) }, `invalid session "${sessionId(9)}"`],
    [
      { Service: '${x}' },
      { Template },
      "failed compiling template: Bad evaluation for '${x}' in Service.Service: 1:3: unknown variable accessed: x",
    ],
  ])('is refused: %j %j', async (service, more, text) => {
    await expect(create(service, more)).rejects.toThrow(text);
  });
});

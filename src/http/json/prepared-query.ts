/** Prepared queries: bodies that define them, and what is answered about them. */

import {
  PreparedQuery,
  type PreparedQueryExecuteResponse,
  type PreparedQueryExplainResponse,
  type ServiceQuery,
} from '../../model/prepared-query.ts';
import * as input from './input.ts';
import { queryEntryJson } from './objects.ts';
import { bool, int, list, map, object, str } from './output.ts';
import { JsonDecodeError } from './parse.ts';

const texts = input.list(input.str);

const writtenFailover = input.object(
  {
    NearestN: input.int,
    Datacenters: texts,
    Targets: input.list(
      input.object(
        { Peer: input.str, Datacenter: input.str },
        { name: 'QueryFailoverTarget', unknown: 'refuse' },
      ),
    ),
  },
  { name: 'QueryFailoverOptions', unknown: 'refuse' },
);

/**
 * Later clients may list targets instead of datacenters, and always send the field. Targets that
 * name datacenters mean the same as a list of these; there are no peers here.
 */
const failoverInput: input.JsonInput<ServiceQuery['Failover']> = {
  zero: () => ({ NearestN: 0, Datacenters: null }),
  read(value, path) {
    const { Targets, NearestN, Datacenters } = writtenFailover.read(value, path);
    const targets = Targets ?? [];
    if (targets.length === 0) return { NearestN, Datacenters };
    if (NearestN !== 0 || (Datacenters ?? []).length > 0) {
      throw new JsonDecodeError('Failover.Targets cannot stand beside NearestN or Datacenters');
    }
    if (targets.some(({ Peer }) => Peer !== '')) {
      throw new JsonDecodeError('Failover.Targets: peers are not supported, name datacenters');
    }
    return { NearestN, Datacenters: targets.map(({ Datacenter }) => Datacenter) };
  },
};

/** `null` stands for an empty definition. */
export const preparedQueryInput: input.JsonInput<PreparedQuery> = input.object(
  {
    ID: input.str,
    Name: input.str,
    Session: input.str,
    Token: input.str,
    Template: input.object(
      { Type: input.str, Regexp: input.str, RemoveEmptyTags: input.bool },
      { name: 'QueryTemplateOptions', unknown: 'refuse' },
    ),
    Service: input.object(
      {
        Service: input.str,
        Failover: failoverInput,
        OnlyPassing: input.bool,
        IgnoreCheckIDs: texts,
        Near: input.str,
        Tags: texts,
        NodeMeta: input.map(input.str),
        ServiceMeta: input.map(input.str),
        Connect: input.bool,
      },
      { name: 'ServiceQuery', unknown: 'refuse' },
    ),
    DNS: input.object({ TTL: input.str }, { name: 'QueryDNSOptions', unknown: 'refuse' }),
    CreateIndex: input.uint,
    ModifyIndex: input.uint,
  },
  { name: 'PreparedQuery', unknown: 'refuse' },
);

export const EMPTY_QUERY: PreparedQuery = PreparedQuery.of({});

const dnsJson = object<PreparedQuery['DNS']>({ TTL: str });

export const preparedQueryJson = object<PreparedQuery>({
  ID: str,
  Name: str,
  Session: str,
  Token: str,
  Template: object<PreparedQuery['Template']>({ Type: str, Regexp: str, RemoveEmptyTags: bool }),
  Service: object<ServiceQuery>({
    Service: str,
    Failover: object<ServiceQuery['Failover']>({ NearestN: int, Datacenters: list(str, 'null') }),
    OnlyPassing: bool,
    IgnoreCheckIDs: list(str, 'null'),
    Near: str,
    Tags: list(str, 'null'),
    NodeMeta: map(str),
    ServiceMeta: map(str),
    Connect: bool,
  }),
  DNS: dnsJson,
  CreateIndex: int,
  ModifyIndex: int,
});

/** `LastContact` is in nanoseconds. */
const META = {
  Index: int,
  LastContact: int,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
} as const;

export const queryExecuteJson = object<PreparedQueryExecuteResponse>({
  Service: str,
  Nodes: list(queryEntryJson),
  DNS: dnsJson,
  Datacenter: str,
  Failovers: int,
  ...META,
});

export const queryExplainJson = object<PreparedQueryExplainResponse>({
  Query: preparedQueryJson,
  ...META,
});

/** Intentions as JSON, in and out. */

import type { Intention, IntentionPermission } from '../../model/intention.ts';
import { type GoTime, isZeroTime } from '../../wire/msgpack/time.ts';
import * as input from './input.ts';
import {
  bool,
  int,
  type JsonOutput,
  list,
  map,
  nullable,
  object,
  omit,
  str,
  time,
} from './output.ts';

const headerJson = object<NonNullable<NonNullable<IntentionPermission['HTTP']>['Header']>[number]>({
  Name: str,
  Present: omit(bool),
  Exact: omit(str),
  Prefix: omit(str),
  Suffix: omit(str),
  Regex: omit(str),
  Invert: omit(bool),
});

export const permissionsJson = list(
  object<IntentionPermission>({
    Action: str,
    HTTP: omit(
      nullable(
        object<NonNullable<IntentionPermission['HTTP']>>({
          PathExact: omit(str),
          PathPrefix: omit(str),
          PathRegex: omit(str),
          Header: omit(list(headerJson)),
          Methods: omit(list(str)),
        }),
      ),
    ),
  }),
);

const setTime: JsonOutput<GoTime> = { text: time.text, isEmpty: isZeroTime };

export const intentionJson = object<Intention>({
  ID: omit(str),
  Description: omit(str),
  SourceNS: str,
  SourceName: str,
  DestinationNS: str,
  DestinationName: str,
  SourceType: str,
  Action: omit(str),
  Permissions: omit(permissionsJson),
  Meta: omit(map(str)),
  Precedence: int,
  CreatedAt: omit(setTime),
  UpdatedAt: omit(setTime),
  CreateIndex: int,
  ModifyIndex: int,
});

const header = input.object(
  {
    Name: input.str,
    Present: input.bool,
    Exact: input.str,
    Prefix: input.str,
    Suffix: input.str,
    Regex: input.str,
    Invert: input.bool,
  },
  { name: 'IntentionHTTPHeaderPermission', unknown: 'refuse' },
);

const http = input.object(
  {
    PathExact: input.str,
    PathPrefix: input.str,
    PathRegex: input.str,
    Header: input.list(header),
    Methods: input.list(input.str),
  },
  { name: 'IntentionHTTPPermission', unknown: 'refuse' },
);

const permission = input.object(
  { Action: input.str, HTTP: input.pointer(http) },
  { name: 'IntentionPermission', unknown: 'refuse' },
);

/** What a writer may say; times, hash, precedence and indexes are ours and are passed over. */
export const intentionInput = input.object(
  {
    ID: input.str,
    Description: input.str,
    SourceNS: input.str,
    SourceName: input.str,
    DestinationNS: input.str,
    DestinationName: input.str,
    SourceType: input.str,
    Action: input.str,
    Permissions: input.list(permission),
    Meta: input.map(input.str),
    Precedence: input.any,
    CreatedAt: input.any,
    UpdatedAt: input.any,
    Hash: input.any,
    CreateIndex: input.any,
    ModifyIndex: input.any,
  },
  { name: 'Intention', unknown: 'refuse' },
);

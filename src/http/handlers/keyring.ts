/** `/v1/operator/keyring`: the keys of all gossip pools of all datacenters. */

import { parseGoBool } from '../../go-bool.ts';
import { joinedErrors } from '../../joined-errors.ts';
import { KeyringRequest, type KeyringResponse } from '../../model/event.ts';
import { INTERNAL_KEYRING_OPERATION } from '../../rpc/methods/internal.ts';
import type { HttpContext } from '../context.ts';
import {
  bool as boolInput,
  type InputOf,
  object as objectInput,
  str as strInput,
  uint as uintInput,
} from '../json/input.ts';
import { bool, int, list, map, object, omit, str } from '../json/output.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { requestToken } from '../options.ts';
import type { Method, Route } from '../router.ts';
import { prefixedBody } from './body.ts';

const RELAY_FACTOR_MAX = 5;
const OPERATIONS = { GET: 'list', POST: 'install', PUT: 'use', DELETE: 'remove' } as const;

const keyringInput = objectInput(
  { Key: strInput, Token: strInput, RelayFactor: uintInput, LocalOnly: boolInput },
  { name: 'keyringArgs', unknown: 'refuse' },
);

const keyringJson = list(
  object<KeyringResponse>({
    WAN: bool,
    Datacenter: str,
    Segment: str,
    Messages: omit(map(str)),
    Keys: map(int),
    PrimaryKeys: map(int),
    NumNodes: int,
    Error: omit(str),
  }),
);

export const KEYRING_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/operator/keyring', methods: ['GET', 'POST', 'PUT', 'DELETE'], handler: keyring },
];

async function keyring(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const operation = OPERATIONS[http.method as Method];
  const wish = await wishOf(http);
  if (context.agent.role === 'client') {
    throw new Error('keyring operations must run against a server node');
  }
  const { Responses } = await context.rpc.call(
    INTERNAL_KEYRING_OPERATION,
    KeyringRequest.of({
      Operation: operation,
      Key: wish.Key,
      RelayFactor: wish.RelayFactor,
      LocalOnly: wish.LocalOnly,
      Token: requestToken(http) || context.agent.defaultToken(),
    }),
    http.signal,
  );
  const failures = failuresOf(Responses ?? []);
  if (failures.length > 0) throw new Error(joinedErrors(failures));
  return operation === 'list' ? jsonAnswer(keyringJson.text(Responses)) : emptyAnswer();
}

type KeyringWish = InputOf<typeof keyringInput>;

/** The body, and what parameters say more; throws an HttpError (400). */
async function wishOf(http: HttpRequest): Promise<KeyringWish> {
  const lists = http.method === 'GET';
  const body = lists ? keyringInput.zero() : await prefixedBody(http, keyringInput);
  const factor = http.query.get('relay-factor');
  const localOnly = http.query.get('local-only');
  return {
    ...body,
    RelayFactor: factor === '' ? body.RelayFactor : relayFactor(factor),
    LocalOnly: localOnly === '' ? body.LocalOnly : localOnlyWish(localOnly, lists),
  };
}

function relayFactor(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    const complaint = `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw prefixedBadRequest(`Error parsing relay factor: ${complaint}`);
  }
  const factor = Number(text);
  if (factor >= 0 && factor <= RELAY_FACTOR_MAX) return factor;
  throw prefixedBadRequest(
    `Invalid relay-factor: Relay factor must be in range: [0, ${RELAY_FACTOR_MAX}]`,
  );
}

function localOnlyWish(text: string, lists: boolean): boolean {
  const local = parseGoBool(text);
  if (local === null) {
    const complaint = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw prefixedBadRequest(`Error parsing local-only: ${complaint}`);
  }
  if (local && !lists) {
    throw prefixedBadRequest(
      'Invalid use of local-only: local-only can only be set for list requests',
    );
  }
  return local;
}

/** One line for each pool that failed, followed by those of its members. */
function failuresOf(responses: readonly KeyringResponse[]): readonly string[] {
  return responses
    .filter(({ Error: error }) => error !== '')
    .flatMap(({ WAN, Datacenter, Error: error, Messages }) => [
      `${WAN ? 'WAN' : `${Datacenter} (LAN)`} error: ${error}`,
      ...Object.entries(Messages ?? {}).map(([node, text]) => `${node}: ${text}`),
    ]);
}

/** Key operations of a pool: queries that every member answers for its own key ring. */

import { KEY_QUERY } from '../../src/wire/gossip/harmless.ts';
import { addKey, type KeyRing, keyText, removeKey, useKey } from '../../src/wire/gossip/keyring.ts';
import type { Read } from '../../src/wire/gossip/messages.ts';
import { encodeSerf, type KeyResponse, readSerf } from '../../src/wire/gossip/serf.ts';
import type { KeyOperation, KeyOutcome } from '../routes/gossip.ts';
import type { RunningQuery } from './state.ts';
import type { Work } from './work.ts';

const NO_RING: Readonly<Record<KeyOperation, string>> = {
  install: 'No keyring to modify (encryption not enabled)',
  use: 'No keyring to modify (encryption not enabled)',
  remove: 'No keyring to modify (encryption not enabled)',
  list: 'Keyring is empty (encryption not enabled)',
};

const CHANGE = { install: addKey, use: useKey, remove: removeKey } as const;

export function keyOperationOf(query: string): KeyOperation | null {
  switch (query) {
    case KEY_QUERY.install:
      return 'install';
    case KEY_QUERY.use:
      return 'use';
    case KEY_QUERY.remove:
      return 'remove';
    case KEY_QUERY.list:
      return 'list';
    default:
      return null;
  }
}

/** Does what a key query asks of this member and returns the answer to it. */
export function answerKeyQuery(
  work: Work,
  operation: KeyOperation,
  payload: Uint8Array,
): KeyResponse {
  const failed = (Message: string): KeyResponse => ({
    Result: false,
    Message,
    Keys: null,
    PrimaryKey: '',
  });
  const ring = work.values.keyRing;
  if (ring.keys.length === 0) return failed(NO_RING[operation]);
  if (operation === 'list') {
    return {
      Result: true,
      Message: '',
      Keys: ring.keys.map(keyText),
      PrimaryKey: keyText(ring.keys[0] as Uint8Array),
    };
  }
  const request = readSerf(payload);
  if (!request.ok || request.value.kind !== 'keyRequest') return failed('key request is malformed');
  const change: (ring: KeyRing, key: Uint8Array) => Read<KeyRing> = CHANGE[operation];
  const changed = change(ring, request.value.body.Key ?? new Uint8Array(0));
  if (!changed.ok) return failed(changed.error);
  if (changed.value !== ring) {
    work.values.keyRing = changed.value;
    work.effects.keyRing = changed.value;
  }
  return { Result: true, Message: '', Keys: null, PrimaryKey: '' };
}

/** Encodes an answer; a list that is too long is cut to what `fits`. */
export function encodeKeyResponse(
  response: KeyResponse,
  fits: (encoded: Uint8Array) => boolean,
): Buffer {
  const all = response.Keys ?? [];
  for (let count = all.length; ; count--) {
    const cut = count < all.length;
    const body = cut
      ? {
          ...response,
          Keys: all.slice(0, count),
          Message: `truncated key list response, showing first ${count} of ${all.length} keys`,
        }
      : response;
    const encoded = encodeSerf({ kind: 'keyResponse', body });
    if (count === 0 || fits(encoded)) return encoded;
  }
}

/** What the answers of the members come to. */
export function keyOutcome(query: RunningQuery, nodes: number): KeyOutcome {
  const messages: Record<string, string> = {};
  const keys: Record<string, number> = {};
  const primaryKeys: Record<string, number> = {};
  let errors = 0;
  for (const { from, payload } of query.responses) {
    const read = readSerf(payload);
    if (!read.ok || read.value.kind !== 'keyResponse') {
      messages[from] = `Invalid key query response type: ${payload[0] ?? 'none'}`;
      errors += 1;
      continue;
    }
    const { Result, Message, Keys, PrimaryKey } = read.value.body;
    if (!Result) errors += 1;
    if (!Result || Message !== '') messages[from] = Message;
    for (const key of Keys ?? []) keys[key] = (keys[key] ?? 0) + 1;
    if (PrimaryKey !== '') primaryKeys[PrimaryKey] = (primaryKeys[PrimaryKey] ?? 0) + 1;
  }
  const answers = query.responses.length;
  let error = '';
  if (errors > 0) error = `${errors}/${nodes} nodes reported failure`;
  else if (answers !== nodes) error = `${answers}/${nodes} nodes reported success`;
  return { messages, keys, primaryKeys, nodes, error };
}

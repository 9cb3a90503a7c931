/** UUIDs as texts. */

import type { Random } from '../world/world.ts';

/** Why a text is no UUID, in the words of Go's library; `null` when it is one. */
export function uuidComplaint(text: string): string | null {
  if (text.length !== 36) return 'uuid string is wrong length';
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)
    ? null
    : 'uuid is improperly formatted';
}

/** 16 random bytes in the form of a UUID, as Consul makes them: without version bits. */
export function randomUuid(random: Random): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex');
  return [0, 8, 12, 16, 20].map((at, part) => hex.slice(at, [8, 12, 16, 20, 32][part])).join('-');
}

/**
 * Who waits for what. A reader's watch set names the keys and key prefixes it looked at; a commit
 * names the keys it touched and wakes exactly those that looked at them.
 */

/** Watches of one tree that a set keeps apart; beyond, the set watches the whole tree. */
export const WATCHES_PER_TREE_MAX = 8192;

/** Sets waiting at a time; more are refused. */
export const WAITERS_MAX = 262_144;

/** What a reader looked at: keys and prefixes of keys, by tree. */
export class WatchSet {
  readonly #keys = new Map<number, Set<string>>();
  readonly #prefixes = new Map<number, Set<string>>();

  key(slot: number, key: string): void {
    this.#add(this.#keys, slot, key);
  }

  prefix(slot: number, prefix: string): void {
    this.#add(this.#prefixes, slot, prefix);
  }

  get keys(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#keys;
  }

  get prefixes(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#prefixes;
  }

  #add(bySlot: Map<number, Set<string>>, slot: number, text: string): void {
    if (this.#prefixes.get(slot)?.has('')) return;
    const texts = bySlot.get(slot) ?? new Set();
    bySlot.set(slot, texts);
    texts.add(text);
    if (texts.size <= WATCHES_PER_TREE_MAX) return;
    this.#keys.delete(slot);
    this.#prefixes.set(slot, new Set(['']));
  }
}

export type WakeReason = 'changed' | 'restored';

/** Called once; the waiter is gone by then. */
export type Wake = (reason: WakeReason) => void;

interface Waiter {
  readonly watches: WatchSet;
  readonly wake: Wake;
}

/** Keys touched by a commit, by tree. */
export type Touched = readonly (ReadonlySet<string> | undefined)[];

/** All waiters of a store, found by the keys they watch. */
export class WaiterMap {
  readonly #waiters = new Set<Waiter>();
  readonly #byKey: (Map<string, Set<Waiter>> | undefined)[] = [];
  readonly #byPrefix: (PrefixMap | undefined)[] = [];

  get size(): number {
    return this.#waiters.size;
  }

  /** Waits until something in `watches` is touched. Returns the way to give up. */
  add(watches: WatchSet, wake: Wake): () => void {
    if (this.#waiters.size >= WAITERS_MAX) {
      throw new RangeError(`more than ${WAITERS_MAX} blocking queries`);
    }
    const waiter: Waiter = { watches, wake };
    this.#waiters.add(waiter);
    for (const [slot, keys] of watches.keys) {
      const byKey = this.#byKey[slot] ?? new Map<string, Set<Waiter>>();
      this.#byKey[slot] = byKey;
      for (const key of keys) addTo(byKey, key, waiter);
    }
    for (const [slot, prefixes] of watches.prefixes) {
      const byPrefix = this.#byPrefix[slot] ?? new PrefixMap();
      this.#byPrefix[slot] = byPrefix;
      for (const prefix of prefixes) byPrefix.add(prefix, waiter);
    }
    return () => this.#remove(waiter);
  }

  /** Wakes whoever watches one of the touched keys. */
  wake(touched: Touched): void {
    if (this.#waiters.size === 0) return;
    const woken = new Set<Waiter>();
    touched.forEach((keys, slot) => {
      if (keys === undefined) return;
      const byKey = this.#byKey[slot];
      const byPrefix = this.#byPrefix[slot];
      if (byKey === undefined && byPrefix === undefined) return;
      for (const key of keys) {
        for (const waiter of byKey?.get(key) ?? []) woken.add(waiter);
        byPrefix?.collect(key, woken);
      }
    });
    this.#wakeAll(woken, 'changed');
  }

  /** Wakes everybody: the store was replaced. */
  wakeRestored(): void {
    this.#wakeAll([...this.#waiters], 'restored');
  }

  #wakeAll(woken: Iterable<Waiter>, reason: WakeReason): void {
    for (const waiter of woken) {
      if (this.#remove(waiter)) waiter.wake(reason);
    }
  }

  #remove(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    for (const [slot, keys] of waiter.watches.keys) {
      for (const key of keys) removeFrom(this.#byKey[slot], key, waiter);
    }
    for (const [slot, prefixes] of waiter.watches.prefixes) {
      for (const prefix of prefixes) this.#byPrefix[slot]?.remove(prefix, waiter);
    }
    return true;
  }
}

/** Waiters by prefix; finding those of a key costs one lookup for each length of prefix in use. */
class PrefixMap {
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #prefixesByLength = new Map<number, number>();

  add(prefix: string, waiter: Waiter): void {
    if (!this.#waiters.has(prefix)) {
      const count = this.#prefixesByLength.get(prefix.length) ?? 0;
      this.#prefixesByLength.set(prefix.length, count + 1);
    }
    addTo(this.#waiters, prefix, waiter);
  }

  remove(prefix: string, waiter: Waiter): void {
    if (!removeFrom(this.#waiters, prefix, waiter) || this.#waiters.has(prefix)) return;
    const count = this.#prefixesByLength.get(prefix.length) ?? 0;
    if (count > 1) this.#prefixesByLength.set(prefix.length, count - 1);
    else this.#prefixesByLength.delete(prefix.length);
  }

  collect(key: string, into: Set<Waiter>): void {
    for (const length of this.#prefixesByLength.keys()) {
      if (length > key.length) continue;
      for (const waiter of this.#waiters.get(key.slice(0, length)) ?? []) into.add(waiter);
    }
  }
}

function addTo(map: Map<string, Set<Waiter>>, key: string, waiter: Waiter): void {
  const waiters = map.get(key);
  if (waiters === undefined) map.set(key, new Set([waiter]));
  else waiters.add(waiter);
}

function removeFrom(
  map: Map<string, Set<Waiter>> | undefined,
  key: string,
  waiter: Waiter,
): boolean {
  const waiters = map?.get(key);
  if (waiters === undefined || !waiters.delete(waiter)) return false;
  if (waiters.size === 0) map?.delete(key);
  return true;
}

/**
 * An immutable map that stands on another and knows only what is different from it. A large table
 * of which every transition writes a few entries costs those few, not a copy of it all.
 */

/** Stands for an entry that the map below has and this one has not. */
const GONE: unique symbol = Symbol('gone');

type Changes<K, V> = ReadonlyMap<K, V | typeof GONE>;

/** Tables up to this size are copied whole: that is as fast, and they are read faster. */
const COPIED_MAX = 32;
/** Changes that a layer carries over from the one before; with more it becomes a plain map. */
const CARRIED_MAX = 32;

export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly #below: ReadonlyMap<K, V>;
  readonly #changes: Map<K, V | typeof GONE>;
  #size: number;

  private constructor(below: ReadonlyMap<K, V>, changes: Changes<K, V>, size: number) {
    this.#below = below;
    this.#changes = new Map(changes);
    this.#size = size;
  }

  /** A copy of `base` that its maker may write to; `base` is never changed by that. */
  static over<K, V>(base: ReadonlyMap<K, V>): Map<K, V> | LayeredMap<K, V> {
    const { size } = base;
    if (size <= COPIED_MAX) return new Map(base);
    if (!(base instanceof LayeredMap)) return new LayeredMap(base, new Map(), size);
    const layered: LayeredMap<K, V> = base;
    const carried = layered.#changes;
    if (carried.size > CARRIED_MAX) return new LayeredMap(new Map(layered), new Map(), size);
    return new LayeredMap(layered.#below, carried, size);
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    const changed = this.#changes.get(key);
    if (changed === undefined) return this.#below.get(key);
    return changed === GONE ? undefined : changed;
  }

  has(key: K): boolean {
    const changed = this.#changes.get(key);
    return changed === undefined ? this.#below.has(key) : changed !== GONE;
  }

  /** For the maker alone, before the map is handed on. Values are never undefined. */
  set(key: K, value: V): void {
    if (!this.has(key)) this.#size += 1;
    this.#changes.set(key, value);
  }

  /** For the maker alone, before the map is handed on. */
  delete(key: K): void {
    if (!this.has(key)) return;
    this.#size -= 1;
    if (this.#below.has(key)) this.#changes.set(key, GONE);
    else this.#changes.delete(key);
  }

  /** Entries of the map below in its order, then those that are new. */
  *entries(): Generator<[K, V], undefined> {
    for (const [key, value] of this.#below) {
      const changed = this.#changes.get(key);
      if (changed === undefined) yield [key, value];
      else if (changed !== GONE) yield [key, changed];
    }
    for (const [key, value] of this.#changes) {
      if (value !== GONE && !this.#below.has(key)) yield [key, value];
    }
  }

  *keys(): Generator<K, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
}

import { LayeredMap } from './layered-map.ts';

/**
 * A map that is read as it is and copied at the first write, so that a transition may work on its
 * tables in place and yet leave those of the state before untouched. Values are immutable.
 */
export class CowMap<K, V> {
  readonly #base: ReadonlyMap<K, V>;
  #own: Map<K, V> | LayeredMap<K, V> | null = null;

  constructor(base: ReadonlyMap<K, V>) {
    this.#base = base;
  }

  /** The map as it is now; not to be kept across a write. */
  get current(): ReadonlyMap<K, V> {
    return this.#own ?? this.#base;
  }

  get changed(): boolean {
    return this.#own !== null;
  }

  get size(): number {
    return this.current.size;
  }

  get(key: K): V | undefined {
    return this.current.get(key);
  }

  has(key: K): boolean {
    return this.current.has(key);
  }

  set(key: K, value: V): void {
    this.#writable().set(key, value);
  }

  delete(key: K): void {
    if (this.current.has(key)) this.#writable().delete(key);
  }

  /** Entries of now: writes while iterating do not disturb. */
  entries(): readonly (readonly [K, V])[] {
    return [...this.current];
  }

  values(): readonly V[] {
    return [...this.current.values()];
  }

  #writable(): Map<K, V> | LayeredMap<K, V> {
    this.#own ??= LayeredMap.over(this.#base);
    return this.#own;
  }
}

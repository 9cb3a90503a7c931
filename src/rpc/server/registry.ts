/** The methods that a server offers, by their names on the wire. */

import type { ServedMethod } from '../method.ts';

export type MethodLookup =
  | { readonly found: true; readonly served: ServedMethod }
  | { readonly found: false; readonly error: string };

export class RpcRegistry {
  readonly #methods = new Map<string, ServedMethod>();
  readonly #services = new Set<string>();

  constructor(methods: readonly ServedMethod[] = []) {
    for (const method of methods) this.add(method);
  }

  /** Throws when the name is taken or is not `Service.Method`. */
  add(served: ServedMethod): void {
    const { name } = served.method;
    const dot = name.lastIndexOf('.');
    if (dot < 1) throw new Error(`not a method name: ${name}`);
    if (this.#methods.has(name)) throw new Error(`method served twice: ${name}`);
    this.#methods.set(name, served);
    this.#services.add(name.slice(0, dot));
  }

  /** Finds a method; when there is none, with the words of Go's net/rpc. */
  lookup(name: string): MethodLookup {
    const served = this.#methods.get(name);
    if (served !== undefined) return { found: true, served };
    const dot = name.lastIndexOf('.');
    if (dot < 0) return { found: false, error: `rpc: service/method request ill-formed: ${name}` };
    const missing = this.#services.has(name.slice(0, dot)) ? 'method' : 'service';
    return { found: false, error: `rpc: can't find ${missing} ${name}` };
  }
}

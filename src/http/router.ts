/**
 * Which handler answers a path: exact paths and, for those that end in `/`, everything below; the
 * longest wins. Unclean paths and missing trailing slashes are redirected, as Go's ServeMux does.
 */

import type { HttpAnswer, HttpRequest } from './message.ts';

export type Handler<Context> = (request: HttpRequest, context: Context) => Promise<HttpAnswer>;

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface Route<Context> {
  /** `/v1/kv/` serves everything below it, `/v1/status/leader` only itself. */
  readonly path: string;
  /** In the order in which `Allow` names them. */
  readonly methods: readonly Method[];
  /** Where they depend on the path. A refusal does not name `OPTIONS` then. */
  readonly methodsAt?: (path: string) => readonly Method[];
  readonly handler: Handler<Context>;
}

export type RouteMatch<Context> =
  | { readonly kind: 'route'; readonly route: Route<Context> }
  | { readonly kind: 'redirect'; readonly path: string }
  | { readonly kind: 'unknown' };

export class RouteTable<Context> {
  readonly #routes: ReadonlyMap<string, Route<Context>>;
  readonly #prefixes: readonly Route<Context>[];

  constructor(routes: readonly Route<Context>[]) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    if (this.#routes.size !== routes.length) throw new Error('a path has two routes');
    this.#prefixes = routes
      .filter((route) => route.path.endsWith('/'))
      .sort((a, b) => b.path.length - a.path.length);
  }

  match(path: string): RouteMatch<Context> {
    const clean = cleanPath(path);
    if (clean !== path) return { kind: 'redirect', path: clean };
    const exact = this.#routes.get(path);
    if (exact !== undefined) return { kind: 'route', route: exact };
    if (this.#routes.has(`${path}/`)) return { kind: 'redirect', path: `${path}/` };
    const route = this.#prefixes.find((one) => path.startsWith(one.path));
    return route === undefined ? { kind: 'unknown' } : { kind: 'route', route };
  }
}

/** Removes empty, `.` and `..` segments; a trailing slash stays. */
export function cleanPath(path: string): string {
  if (path === '') return '/';
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const clean = `/${kept.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

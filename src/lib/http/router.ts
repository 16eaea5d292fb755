// Finds the route of a method and a path, and says what to answer when there is none (http-api section 3): a redirect
// to a path that only differs in slashes or letter case, the list of allowed methods, or nothing. Pure: no I/O, no
// state besides the table given at the start. A pattern is a literal path, or one ending in `/:name` for a last
// segment.

import { cleanPath } from './clean-path.js';

export interface Route<Handler> {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
}

/** What to answer when no route matches exactly. */
export type Miss =
  /** `path` is decoded; GET is redirected permanently, other methods temporarily with their body. */
  | { readonly kind: 'redirect'; readonly path: string }
  | { readonly kind: 'options'; readonly allow: string }
  | { readonly kind: 'method-not-allowed'; readonly allow: string }
  | { readonly kind: 'not-found' };

const NOT_FOUND: Miss = { kind: 'not-found' };

/** The routes of one method. */
interface MethodTable<Handler> {
  readonly literal: Map<string, Route<Handler>>;
  /** Routes with a parameter, by what precedes it (`/config/`). */
  readonly parametric: Map<string, Route<Handler>>;
}

export class Router<Handler> {
  readonly #tables = new Map<string, MethodTable<Handler>>();

  constructor(routes: Iterable<Route<Handler>>) {
    for (const route of routes) this.#add(route);
  }

  /** The route that matches exactly. `path` is decoded, without the query. Hot path: bench http-pub. */
  find(method: string, path: string): Route<Handler> | undefined {
    const table = this.#tables.get(method);
    return table === undefined ? undefined : findIn(table, path);
  }

  /** What to answer when `find` found nothing. */
  miss(method: string, path: string): Miss {
    const table = this.#tables.get(method);
    const fixed = table === undefined || path === '/' ? undefined : fixedPath(table, path);
    if (fixed !== undefined) return { kind: 'redirect', path: fixed };
    const allow = this.#allow(path);
    if (allow === '') return NOT_FOUND;
    return { kind: method === 'OPTIONS' ? 'options' : 'method-not-allowed', allow };
  }

  #add(route: Route<Handler>): void {
    let table = this.#tables.get(route.method);
    if (table === undefined) {
      table = { literal: new Map(), parametric: new Map() };
      this.#tables.set(route.method, table);
    }
    const colon = route.pattern.indexOf(':');
    if (colon < 0) table.literal.set(route.pattern, route);
    else table.parametric.set(route.pattern.slice(0, colon), route);
  }

  /** Sorted methods of a path with OPTIONS, or the empty string. An asterisk stands for the whole server. */
  #allow(path: string): string {
    const methods: string[] = [];
    for (const [method, table] of this.#tables) {
      if (path === '*' || findIn(table, path) !== undefined) methods.push(method);
    }
    return methods.length === 0 ? '' : [...methods, 'OPTIONS'].sort().join(', ');
  }
}

/** The last segment of a path: the parameter of a route with one. */
export function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function findIn<Handler>(table: MethodTable<Handler>, path: string): Route<Handler> | undefined {
  const literal = table.literal.get(path);
  if (literal !== undefined || path.endsWith('/')) return literal;
  return table.parametric.get(path.slice(0, path.lastIndexOf('/') + 1));
}

/** The existing path the client probably meant: first the trailing slash is tried alone, then everything else. */
function fixedPath<Handler>(table: MethodTable<Handler>, path: string): string | undefined {
  const toggled = toggleTrailingSlash(path);
  if (findIn(table, toggled) !== undefined) return toggled;
  // An empty parameter with a slash behind it loses the slash, although nothing answers at the resulting path.
  if (path.endsWith('/') && table.parametric.has(toggled)) return toggled;
  const cleaned = cleanPath(path);
  return findIgnoringCase(table, cleaned) ?? findIgnoringCase(table, toggleTrailingSlash(cleaned));
}

function toggleTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
}

/** The parameter keeps its spelling: only the literal parts are compared without case. */
function findIgnoringCase<Handler>(table: MethodTable<Handler>, path: string): string | undefined {
  const lowered = path.toLowerCase();
  for (const literal of table.literal.keys()) {
    if (literal.toLowerCase() === lowered) return literal;
  }
  const segmentStart = path.lastIndexOf('/') + 1;
  for (const prefix of table.parametric.keys()) {
    const isPrefix = prefix.toLowerCase() === lowered.slice(0, segmentStart);
    if (isPrefix && segmentStart < path.length) return prefix + path.slice(segmentStart);
  }
  return undefined;
}

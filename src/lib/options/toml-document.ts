// The tables of a TOML document while it is being read, and the rules which of them may still be added to.
// A statement that breaks a rule gets the reason back as text; the parser adds the line.
//
// How a table came to be decides who may extend it later:
//
//   origin    made by                          [header] of it   keys by a.b.c =   sub-tables
//   implicit  being on the way of a header     once             yes               yes
//   header    [header] or an element of [[x]]  no               no                yes
//   dotted    a.b.c =                          no               yes               yes
//   inline    { }, or inside [ ]               no               no                no

import type { TomlArray, TomlTable, TomlValue } from './toml-value.js';

type Origin = 'implicit' | 'header' | 'dotted';

/** A table that may still grow. Tables without an entry in `#origins` are inline ones and closed. */
interface OpenTable extends TomlTable {
  readonly entries: Map<string, TomlValue>;
}

export class TomlDocument {
  readonly root = openTable();
  readonly #origins = new Map<TomlValue, Origin>([[this.root, 'header']]);
  /** Elements of the arrays made by [[headers]]; other arrays cannot be appended to. */
  readonly #arraysOfTables = new Map<TomlValue, OpenTable[]>();
  #current: OpenTable = this.root;

  /** Makes the table of a `[path]` header current. Returns the reason if it may not be (re)opened. */
  openTable(path: readonly string[]): string | undefined {
    const parent = this.#descend(this.root, path.slice(0, -1), 'implicit');
    if (typeof parent === 'string') return parent;
    const name = path.at(-1) ?? '';
    const existing = parent.entries.get(name);
    if (existing === undefined) {
      this.#current = this.#addTable(parent, name, 'header');
    } else if (this.#origins.get(existing) === 'implicit' && isOpen(existing)) {
      this.#origins.set(existing, 'header');
      this.#current = existing;
    } else {
      return `table '${path.join('.')}' has already been defined`;
    }
    return undefined;
  }

  /** Appends a table to the array of a `[[path]]` header and makes it current. Returns the reason if it may not. */
  appendTable(path: readonly string[]): string | undefined {
    const parent = this.#descend(this.root, path.slice(0, -1), 'implicit');
    if (typeof parent === 'string') return parent;
    const name = path.at(-1) ?? '';
    const existing = parent.entries.get(name);
    const tables = existing === undefined ? this.#addArrayOfTables(parent, name) : this.#arraysOfTables.get(existing);
    if (tables === undefined) return `'${path.join('.')}' has already been defined and is not an array of tables`;
    const table = openTable();
    this.#origins.set(table, 'header');
    tables.push(table);
    this.#current = table;
    return undefined;
  }

  /** Sets a key of the current table. Returns the reason if it is taken. */
  setKey(path: readonly string[], value: TomlValue): string | undefined {
    return this.#set(this.#current, path, value);
  }

  /** Makes a table of `{ }`: filled by the callback through its setter, closed afterwards. */
  buildInlineTable(fill: (set: (path: readonly string[], value: TomlValue) => string | undefined) => void): TomlTable {
    const table = openTable();
    const dotted: TomlValue[] = [];
    fill((path, value) => this.#set(table, path, value, dotted));
    // The tables inside made by dotted keys are closed together with it.
    for (const inner of dotted) this.#origins.delete(inner);
    return table;
  }

  /** Sets a key below `table`; tables made for its dots are added to `made`. Returns the reason if it is taken. */
  #set(table: OpenTable, path: readonly string[], value: TomlValue, made: TomlValue[] = []): string | undefined {
    const parent = this.#descend(table, path.slice(0, -1), 'dotted', made);
    if (typeof parent === 'string') return parent;
    const name = path.at(-1) ?? '';
    if (parent.entries.has(name)) return `key '${path.join('.')}' has already been defined`;
    parent.entries.set(name, value);
    return undefined;
  }

  /** Walks from `table` along `path`, making what is missing. Returns the reason where the way is barred. */
  #descend(
    table: OpenTable,
    path: readonly string[],
    origin: 'implicit' | 'dotted',
    made: TomlValue[] = [],
  ): OpenTable | string {
    let here = table;
    for (const name of path) {
      const next = here.entries.get(name);
      if (next === undefined) {
        here = this.#addTable(here, name, origin);
        made.push(here);
        continue;
      }
      const open = this.#enter(next, origin);
      if (open === undefined) return `key '${name}' has already been defined and cannot be extended`;
      here = open;
    }
    return here;
  }

  /** The table to go on in: `value` itself or, for headers, the last element of an array of tables. */
  #enter(value: TomlValue, by: 'implicit' | 'dotted'): OpenTable | undefined {
    if (by === 'implicit' && value.kind === 'array') return this.#arraysOfTables.get(value)?.at(-1);
    const origin = this.#origins.get(value);
    if (origin === undefined || !isOpen(value)) return undefined;
    return by === 'dotted' && origin === 'header' ? undefined : value;
  }

  #addTable(parent: OpenTable, name: string, origin: Origin): OpenTable {
    const table = openTable();
    this.#origins.set(table, origin);
    parent.entries.set(name, table);
    return table;
  }

  #addArrayOfTables(parent: OpenTable, name: string): OpenTable[] {
    const items: OpenTable[] = [];
    const array: TomlArray = { kind: 'array', items };
    this.#arraysOfTables.set(array, items);
    parent.entries.set(name, array);
    return items;
  }
}

function openTable(): OpenTable {
  return { kind: 'table', entries: new Map<string, TomlValue>() };
}

/** Every table of a document is built on a Map; the public type only hides that it can be written to. */
function isOpen(value: TomlValue): value is OpenTable {
  return value.kind === 'table';
}

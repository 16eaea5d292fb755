// What a TOML document consists of. Every value is tagged with its TOML type, because the option layer has to tell
// `1` from `1.0` and `true` from `"true"`.

import { formatGoFloat } from './go-float.js';

export interface TomlTable {
  readonly kind: 'table';
  readonly entries: ReadonlyMap<string, TomlValue>;
}

export interface TomlArray {
  readonly kind: 'array';
  readonly items: readonly TomlValue[];
}

export type TomlValue =
  | { readonly kind: 'string'; readonly value: string }
  /** Within signed 64 bits. */
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** Any of TOML's four date and time forms, as written. */
  | { readonly kind: 'datetime'; readonly text: string }
  | TomlArray
  | TomlTable;

/** The document is not TOML. The message begins with `toml: line <n>: `. */
export class TomlError extends Error {
  override readonly name = 'TomlError';
}

/** The value in a message, spelled like Go's %v: `5`, `1.5`, `true`, `[1 a]`, `map[a:1]`. */
export function describeTomlValue(value: TomlValue): string {
  switch (value.kind) {
    case 'string':
      return value.value;
    case 'integer':
    case 'boolean':
      return String(value.value);
    case 'float':
      return formatGoFloat(value.value);
    case 'datetime':
      return value.text;
    case 'array':
      return `[${value.items.map(describeTomlValue).join(' ')}]`;
    case 'table':
      return `map[${[...value.entries].map(([key, item]) => `${key}:${describeTomlValue(item)}`).join(' ')}]`;
  }
}

const GO_TYPE_NAMES: Readonly<Record<TomlValue['kind'], string>> = {
  string: 'string',
  integer: 'int64',
  float: 'float64',
  boolean: 'bool',
  datetime: 'time.Time',
  array: '[]interface {}',
  table: 'map[string]interface {}',
};

/** The name nsqd's messages give to the value's type. */
export function goTypeName(value: TomlValue): string {
  return GO_TYPE_NAMES[value.kind];
}

// What an option's type has to know: how its values are written on the command line, in the config file,
// in the usage text and in GET /config/<key>. The types themselves are in scalar-types, list-types and tls-types.

import type { Parsed } from './parsed.js';
import type { TomlValue } from './toml-value.js';

/** A value as GET /config/<key> shows it: strings raw, everything else as JSON. */
export type ConfigValue = string | number | boolean | readonly string[] | readonly number[];

/** A flag's value, or why it is refused. A `isFatal` refusal ends the program without the usage text. */
export type ParsedFlag<T> = Parsed<T> | { readonly ok: false; readonly reason: string; readonly isFatal: true };

export interface ValueType<T> {
  /** The word after the flag's name in the usage text; '' for boolean-style flags. */
  readonly word: string;
  /** Boolean-style flags never take the next argument; without a value they are set to `true` (options.md 2.1). */
  readonly isBooleanStyle: boolean;
  /** Reads a flag's value. `earlier` is what the same flag gave before on this command line: lists append to it. */
  parseFlag(text: string, earlier: T | undefined): ParsedFlag<T>;
  /** Reads the config file's value (options.md 6.3). */
  parseConfig(value: TomlValue): Parsed<T>;
  /** The value as the usage text shows a default, '' if it is not worth showing. */
  printDefault(value: T): string;
  /** The value as GET /config/<key> shows it. */
  show(value: T): ConfigValue;
}

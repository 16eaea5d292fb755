// The answer of every parser of option texts: a value, or the reason there is none.
// A refused text is an expected outcome and therefore a return value; only broken invariants are thrown.

/** A value of type T, or why the text is not one. `reason` is ready to be shown to the user. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** The successful answer. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** The refusal. */
export function refused(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}

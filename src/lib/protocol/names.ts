// Topic and channel names (tcp-protocol 4.6): one rule for both.

const NAME = /^[.a-zA-Z0-9_-]+(#ephemeral)?$/;
const NAME_BYTES_MAX = 64;
const EPHEMERAL_SUFFIX = '#ephemeral';

/** The 64 bytes include the `#ephemeral` suffix. */
export function isValidName(name: string): boolean {
  return name.length >= 1 && name.length <= NAME_BYTES_MAX && NAME.test(name);
}

export function isEphemeralName(name: string): boolean {
  return name.endsWith(EPHEMERAL_SUFFIX);
}

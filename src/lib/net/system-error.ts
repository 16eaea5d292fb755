// Why a socket could not be opened or used, in the words of the system that Go programs show.

const WORDS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EADDRINUSE', 'address already in use'],
  ['EADDRNOTAVAIL', 'cannot assign requested address'],
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset by peer'],
  ['EHOSTUNREACH', 'no route to host'],
  ['EINVAL', 'invalid argument'],
  ['ENETUNREACH', 'network is unreachable'],
  ['ENOENT', 'no such file or directory'],
  ['ENOTDIR', 'not a directory'],
  ['ENOTFOUND', 'no such host'],
  ['EPIPE', 'broken pipe'],
  ['EROFS', 'read-only file system'],
  ['ETIMEDOUT', 'connection timed out'],
]);

/** The system's code of an error; '' where there is none. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** What went wrong, without the address that most of Node's messages repeat. */
export function errorReason(error: unknown): string {
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return WORDS.get(code) ?? (message === '' ? code : message);
}

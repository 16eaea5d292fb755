// The canonical form of a URL path: rooted, without empty, `.` and `..` segments; a trailing slash stays.

/** `//a/./b/../c/` becomes `/a/c/`. */
export function cleanPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const endsInDirectory = path.endsWith('/') || path.endsWith('/.');
  return segments.length === 0 ? '/' : `/${segments.join('/')}${endsInDirectory ? '/' : ''}`;
}

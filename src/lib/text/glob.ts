// Patterns of names: `*` stands for any number of characters, none included, everything else for itself.

/** The pattern as a test of whole names. Takes steps in proportion to the length of name and pattern multiplied, at most. */
export function globMatcher(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name === pattern;
  return (name) => {
    const end = name.length - last.length;
    if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
    let at = first.length;
    // The leftmost place of each piece leaves the most room for those behind it.
    for (const piece of rest) {
      const found = name.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

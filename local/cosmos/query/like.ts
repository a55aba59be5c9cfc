type Part = { readonly kind: 'any' } | { readonly kind: 'one'; readonly matches: (char: string) => boolean };

/** Reads `[a-z]` or `[^a-z]` beginning at `from`; undefined when it is not closed. */
function characterSet(pattern: readonly string[], from: number): { part: Part; next: number } | undefined {
  const end = pattern.indexOf(']', from + 1);
  if (end < 0) return undefined;
  let inside = pattern.slice(from + 1, end);
  const negated = inside[0] === '^';
  if (negated) inside = inside.slice(1);
  const tests: [string, string][] = [];
  for (let i = 0; i < inside.length; i++) {
    const low = inside[i] ?? '';
    const high = inside[i + 1] === '-' ? inside[i + 2] : undefined;
    tests.push([low, high ?? low]);
    if (high !== undefined) i += 2;
  }
  const matches = (char: string): boolean =>
    tests.some(([low, high]) => char >= low && char <= high) !== negated;
  return { part: { kind: 'one', matches }, next: end + 1 };
}

function parts(like: string, escape: string | undefined): Part[] {
  const pattern = Array.from(like);
  const found: Part[] = [];
  const literal = (expected: string): void =>
    void found.push({ kind: 'one', matches: (char) => char === expected });
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? '';
    const set = char === '[' ? characterSet(pattern, i) : undefined;
    if (char === escape && i + 1 < pattern.length) literal(pattern[++i] ?? '');
    else if (char === '%') found.push({ kind: 'any' });
    else if (char === '_') found.push({ kind: 'one', matches: () => true });
    else if (set) {
      found.push(set.part);
      i = set.next - 1;
    } else literal(char);
  }
  return found;
}

/**
 * Compiles a LIKE pattern (`%`, `_`, `[a-z]`, `[^a-z]`). Matches in time O(text × pattern) at worst,
 * where a regular expression made from it could take exponential time.
 */
export function likePattern(like: string, escape: string | undefined): (text: string) => boolean {
  const pattern = parts(like, escape);
  return (input) => {
    const text = Array.from(input);
    let at = 0;
    let of = 0;
    let retryOf = -1;
    let retryAt = 0;
    while (at < text.length) {
      const part = pattern[of];
      if (part?.kind === 'one' && part.matches(text[at] ?? '')) {
        at++;
        of++;
      } else if (part?.kind === 'any') {
        retryOf = ++of;
        retryAt = at;
      } else if (retryOf >= 0) {
        of = retryOf;
        at = ++retryAt;
      } else return false;
    }
    while (pattern[of]?.kind === 'any') of++;
    return of === pattern.length;
  };
}

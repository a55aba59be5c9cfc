/** The rows of the Markdown tables whose first column is headed `first`, each by the names of its columns. */
export function tableIn(markdown: string, first: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  let columns: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      columns = undefined;
      continue;
    }
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells[0] === first) columns = cells;
    else if (columns && !cells.every((cell) => /^:?-+:?$/.test(cell)))
      rows.push(Object.fromEntries(columns.map((name, at) => [name, cells[at] ?? ''])));
  }
  return rows;
}

/** The text under each heading of this level, by the heading. */
export function sectionsIn(markdown: string, level: number): Map<string, string> {
  const parts = markdown.split(new RegExp(`^${'#'.repeat(level)} `, 'm')).slice(1);
  return new Map(
    parts.map((part): [string, string] => {
      const [heading = '', ...lines] = part.split('\n');
      return [heading.trim(), lines.join('\n').trim()];
    }),
  );
}

/** One line on stderr with the time and the part that speaks. */
export function log(part: string, text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${part}: ${text}\n`);
}

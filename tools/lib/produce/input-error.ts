/** What is to be sent cannot be read on: expected, told to whoever started it, and never retried. */
export class InputError extends Error {
  /** @param line of the file, from 1 */
  constructor(
    message: string,
    readonly line?: number,
  ) {
    super(message);
    this.name = 'InputError';
  }
}

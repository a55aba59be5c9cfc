/** Where an endpoint or the host stands beside the real service: what its README lists, and the suites print. */
export interface Standing {
  /** What answers otherwise, and why: each is checked by a case of the suite, or cannot be seen from outside. */
  readonly deviations: readonly Deviation[];
  /** What is refused with a clear answer. */
  readonly notImplemented: readonly string[];
}

export interface Deviation {
  /** The words by which the README names it. */
  readonly what: string;
  readonly reason: string;
}

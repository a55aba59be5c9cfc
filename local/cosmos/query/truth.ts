/** What a condition may be: neither true nor false where it looks at what is not there. */
export type Truth = boolean | undefined;

/** `OR` over several conditions: one that is true decides, then one that is undefined. */
export function anyTrue(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true;
  return truths.includes(undefined) ? undefined : false;
}

/** `AND` over several conditions: one that is false decides, then one that is undefined. */
export function allTrue(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(undefined) ? undefined : true;
}

/**
 * Arguments for every Node process of the local cloud. On a machine with much memory V8 takes 128 MiB for new objects
 * alone, in each process; with this much less a laptop keeps its memory, and the CPU time of a batch is the same.
 */
export const MEMORY_ARGUMENTS: readonly string[] = ['--max-semi-space-size=16'];

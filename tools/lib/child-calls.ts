import type { ChildProcess } from 'node:child_process';

/**
 * Calls into a child process, which answers each message `{id, …}` with `{id, value}` or `{id, error}`.
 * @param lost what the calls fail with that are open when it ends
 * @returns asks for something; rejects with what the child says is wrong
 */
export function callsTo(child: ChildProcess, lost: string): <T>(request: object) => Promise<T> {
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', ({ id, value, error }: { id: number; value: unknown; error?: string }) => {
    const waiting = open.get(id);
    open.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  });
  child.on('exit', () => {
    for (const { reject } of open.values()) reject(new Error(lost));
  });
  return <T>(request: object): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = calls++;
      open.set(id, { resolve: (value) => resolve(value as T), reject });
      child.send({ id, ...request });
    });
}

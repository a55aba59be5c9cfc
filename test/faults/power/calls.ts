import { resolve } from 'node:path';
import { bytesOf, type SystemCall } from './trace';

/** What a system call does to the disk. */
export type DiskCall =
  | { readonly does: 'open'; readonly path: string; readonly creates: boolean; readonly empties: boolean }
  | { readonly does: 'write'; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly does: 'truncate'; readonly path: string; readonly size: number }
  | { readonly does: 'sync'; readonly path: string }
  | { readonly does: 'makeFolder'; readonly path: string }
  | { readonly does: 'remove'; readonly path: string }
  | { readonly does: 'rename'; readonly path: string; readonly to: string };

/**
 * All that is traced: what changes or syncs a file or a folder, and what the model does not know and must see. Without
 * `write` and `writev`, of which sockets live: what they do to a file is noticed when the recording is compared with the disk.
 */
export const TRACED_CALLS =
  'openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,pwrite64,pwritev,pwritev2,' +
  'ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,link,linkat,symlink,symlinkat,mmap,' +
  'copy_file_range,splice';

const FD = /^(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?/;
const STRING = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g;
const LAST_NUMBER = /(\d+)$/;

/**
 * What a call does to the disk; undefined when it does nothing: it failed, only reads, or its file has no name any more.
 * @throws when the model has no place for it: a recording that is not wholly understood would prove nothing.
 */
export function diskCall(call: SystemCall): DiskCall | undefined {
  const { name, args, result } = call;
  if (result.startsWith('-1') || result === '?') return undefined;
  const [, fdPath = '', deleted] = FD.exec(args) ?? [];
  const path = bytesOf(fdPath).toString();
  switch (name) {
    case 'open':
    case 'openat':
      return openCall(call);
    case 'pwrite64':
    case 'pwritev':
      if (deleted) return undefined;
      return { does: 'write', path, offset: lastNumber(call), bytes: writtenBytes(call) };
    case 'ftruncate':
      return deleted ? undefined : { does: 'truncate', path, size: lastNumber(call) };
    case 'fsync':
    case 'fdatasync':
      return deleted ? undefined : { does: 'sync', path };
    case 'mkdir':
    case 'mkdirat':
      return { does: 'makeFolder', path: pathsOf(call)[0] };
    case 'unlink':
    case 'unlinkat':
    case 'rmdir':
      return { does: 'remove', path: pathsOf(call)[0] };
    case 'rename':
    case 'renameat':
    case 'renameat2': {
      const [from, to] = pathsOf(call);
      if (to === undefined || !args.endsWith('"')) throw unknown(call);
      return { does: 'rename', path: from, to };
    }
    case 'mmap':
      if (args.includes('MAP_SHARED') && args.includes('PROT_WRITE')) throw unknown(call);
      return undefined;
    default:
      throw unknown(call);
  }
}

/** The path of the file that a call is about, as far as it is about one: to leave out those that are not modelled. */
export function pathOf({ args }: SystemCall): string {
  const [, inside = ''] = /(?:^|, )\d+<((?:\\x[0-9a-f]{2})*)>/.exec(args) ?? [];
  if (inside !== '') return bytesOf(inside).toString();
  const [first] = args.matchAll(STRING);
  return bytesOf(first?.[1] ?? '').toString();
}

/** The bytes that a call wrote, of which there may be fewer than it was given. */
export function writtenBytes(call: SystemCall): Buffer {
  const pieces = [...call.args.matchAll(STRING)].map(([, hex = '', cut]) => {
    if (cut !== undefined) throw new Error(`The trace cuts what ${call.name} writes: -s must be larger.`);
    return bytesOf(hex);
  });
  const written = Number.parseInt(call.result, 10);
  return Number.isNaN(written) ? Buffer.concat(pieces) : Buffer.concat(pieces).subarray(0, written);
}

function openCall(call: SystemCall): DiskCall | undefined {
  const { args } = call;
  const creates = args.includes('O_CREAT');
  const empties = args.includes('O_TRUNC');
  // Where an appending write goes is not in the trace.
  if (args.includes('O_APPEND')) throw unknown(call);
  return creates || empties ? { does: 'open', path: pathsOf(call)[0], creates, empties } : undefined;
}

function pathsOf(call: SystemCall): [string, ...string[]] {
  const folders = [...call.args.matchAll(/(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>/g)].map(([, hex = '']) =>
    bytesOf(hex).toString(),
  );
  const [first, ...rest] = [...call.args.matchAll(STRING)].map(([, hex = ''], index) =>
    resolve(folders[index] ?? '/', bytesOf(hex).toString()),
  );
  if (first === undefined) throw unknown(call);
  return [first, ...rest];
}

function lastNumber(call: SystemCall): number {
  const [, digits] = LAST_NUMBER.exec(call.args) ?? [];
  if (digits === undefined) throw unknown(call);
  return Number(digits);
}

function unknown({ name, args }: SystemCall): Error {
  const shown = args.replaceAll(/(?:\\x[0-9a-f]{2})+/g, (hex) => bytesOf(hex.slice(0, 400)).toString());
  return new Error(`The model of the disk does not know ${name}(${shown}).`);
}

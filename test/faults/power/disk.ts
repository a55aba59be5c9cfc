import { basename, dirname, join } from 'node:path';
import type { DiskCall } from './calls';

type FileChange = { readonly offset: number; readonly bytes: Buffer } | { readonly size: number };

type NameChange = { readonly set: ReadonlyMap<string, Node | undefined> };

/** A file: what is on the disk for certain, and what was done to it since. */
interface FileNode {
  readonly kind: 'file';
  durable: Buffer;
  pending: FileChange[];
}

/** A folder: which names are on the disk for certain, and which were made, moved and removed since. */
interface FolderNode {
  readonly kind: 'folder';
  readonly durable: Map<string, Node>;
  readonly current: Map<string, Node>;
  pending: NameChange[];
}

type Node = FileNode | FolderNode;

/** What a power cut leaves of what was not synced. */
export interface Survival {
  /** Whether a change of names (made, renamed, removed) has reached the disk. */
  keepsName(): boolean;
  /** Whether a change of a file's size has. */
  keepsSize(): boolean;
  /** Which of so many sectors of a write have, and whether the file has at least grown by the others. */
  keepsSectors(count: number): { readonly sectors: readonly boolean[]; readonly grows: boolean };
}

/** The unit that disks write as a whole or not at all (https://sqlite.org/atomiccommit.html#_hardware_assumptions). */
export const SECTOR_BYTES = 512;

/** What an image consists of: paths relative to the disk's root, folders before what is in them. */
export type ImageEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly bytes: Buffer };

function newFolder(): FolderNode {
  return { kind: 'folder', durable: new Map(), current: new Map(), pending: [] };
}

function newFile(bytes: Buffer): FileNode {
  return { kind: 'file', durable: bytes, pending: [] };
}

/**
 * A disk as POSIX promises it, and no more: content is durable when its file was synced after the write, a name when
 * its folder was. What was not synced may be on the disk or not, in any combination, writes in sectors.
 *
 * Real file systems promise more (most keep the order of names); a store that needs that should say so.
 */
export class Disk {
  private readonly root = newFolder();

  /**
   * @param path the folder that is modelled
   * @param before what is in it from the beginning, durably
   */
  constructor(
    private readonly path: string,
    before: readonly ImageEntry[] = [],
  ) {
    for (const entry of before) {
      const folder = this.folder(dirname(join(path, entry.path)));
      const node = entry.kind === 'folder' ? newFolder() : newFile(entry.bytes);
      for (const names of [folder.durable, folder.current]) names.set(basename(entry.path), node);
    }
  }

  /** Takes in a call that has ended. A sync is no change: see {@link beginSync}. */
  apply(call: DiskCall): void {
    switch (call.does) {
      case 'open':
        return this.open(call.path, call);
      case 'write':
        this.file(call.path).pending.push({ offset: call.offset, bytes: call.bytes });
        return undefined;
      case 'truncate':
        this.file(call.path).pending.push({ size: call.size });
        return undefined;
      case 'makeFolder':
        return this.name(call.path, newFolder());
      case 'remove':
        return this.name(call.path, undefined);
      case 'rename':
        return this.rename(call.path, call.to);
      case 'sync':
        return undefined;
      default:
        return call satisfies never;
    }
  }

  /** A sync begins: it covers what was done until now. @returns what to call when it has ended well. */
  beginSync(path: string): () => void {
    const node = this.find(path);
    if (!node) throw new Error(`${path} is synced, but was not made.`);
    if (node.kind === 'file') {
      const covered = new Set(node.pending);
      return () => {
        node.durable = content(
          node.durable,
          node.pending.filter((change) => covered.has(change)),
        );
        node.pending = node.pending.filter((change) => !covered.has(change));
      };
    }
    const covered = new Set(node.pending);
    return () => {
      for (const { set } of node.pending.filter((change) => covered.has(change))) setNames(node.durable, set);
      node.pending = node.pending.filter((change) => !covered.has(change));
    };
  }

  /** What a power cut at this moment leaves. */
  image(survival: Survival): ImageEntry[] {
    return imageOf(
      this.root,
      '',
      (folder) => survivingNames(folder, survival),
      (file) => survivingContent(file, survival),
    );
  }

  /** What the files hold while the power is on. */
  now(): ImageEntry[] {
    return imageOf(
      this.root,
      '',
      ({ current }) => current,
      ({ durable, pending }) => content(durable, pending),
    );
  }

  private open(path: string, { creates, empties }: { creates: boolean; empties: boolean }): void {
    const node = this.find(path);
    if (!node && creates) this.name(path, newFile(Buffer.alloc(0)));
    else if (node?.kind === 'file' && empties) node.pending.push({ size: 0 });
  }

  private name(path: string, node: Node | undefined): void {
    const folder = this.folder(dirname(path));
    const set = new Map([[basename(path), node]]);
    folder.pending.push({ set });
    setNames(folder.current, set);
  }

  private rename(from: string, to: string): void {
    const node = this.find(from);
    if (!node || dirname(from) !== dirname(to))
      throw new Error(`The model of the disk does not know how ${from} is moved to ${to}.`);
    const folder = this.folder(dirname(from));
    const set = new Map([
      [basename(from), undefined],
      [basename(to), node],
    ]);
    folder.pending.push({ set });
    setNames(folder.current, set);
  }

  private find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path
      .slice(this.path.length + 1)
      .split('/')
      .filter((part) => part !== '')) {
      node = node?.kind === 'folder' ? node.current.get(name) : undefined;
    }
    return node;
  }

  private file(path: string): FileNode {
    const node = this.find(path);
    if (node?.kind !== 'file') throw new Error(`${path} is written, but was not made.`);
    return node;
  }

  private folder(path: string): FolderNode {
    const node = this.find(path);
    if (node?.kind !== 'folder') throw new Error(`${path} gets names, but was not made.`);
    return node;
  }
}

function setNames(names: Map<string, Node>, set: ReadonlyMap<string, Node | undefined>): void {
  for (const [name, node] of set) {
    if (node) names.set(name, node);
    else names.delete(name);
  }
}

/** The bytes with all changes made, in their order. */
function content(durable: Buffer, changes: readonly FileChange[]): Buffer {
  let size = durable.length;
  let highest = size;
  for (const change of changes) {
    size = 'size' in change ? change.size : Math.max(size, change.offset + change.bytes.length);
    highest = Math.max(highest, size);
  }
  const bytes = Buffer.alloc(highest);
  durable.copy(bytes);
  let end = durable.length;
  for (const change of changes) {
    if ('size' in change) {
      // What lies behind the new end must not come back when the file grows again.
      if (change.size < end) bytes.fill(0, change.size, end);
      end = change.size;
    } else {
      change.bytes.copy(bytes, change.offset);
      end = Math.max(end, change.offset + change.bytes.length);
    }
  }
  return bytes.subarray(0, size);
}

function survivingNames({ durable, pending }: FolderNode, survival: Survival): Map<string, Node> {
  const names = new Map(durable);
  for (const { set } of pending) if (survival.keepsName()) setNames(names, set);
  return names;
}

function survivingContent({ durable, pending }: FileNode, survival: Survival): Buffer {
  const kept = pending.flatMap((change): FileChange[] => {
    if ('size' in change) return survival.keepsSize() ? [change] : [];
    return survivingSectors(change, survival);
  });
  return content(durable, kept);
}

function survivingSectors(
  { offset, bytes }: { offset: number; bytes: Buffer },
  survival: Survival,
): FileChange[] {
  const first = Math.floor(offset / SECTOR_BYTES);
  const end = offset + bytes.length;
  const count = Math.ceil(end / SECTOR_BYTES) - first;
  const { sectors, grows } = survival.keepsSectors(count);
  const kept: FileChange[] = grows ? [{ offset: end, bytes: Buffer.alloc(0) }] : [];
  sectors.forEach((isKept, index) => {
    if (!isKept) return;
    const from = Math.max(offset, (first + index) * SECTOR_BYTES);
    const to = Math.min(end, (first + index + 1) * SECTOR_BYTES);
    kept.push({ offset: from, bytes: bytes.subarray(from - offset, to - offset) });
  });
  return kept;
}

function imageOf(
  folder: FolderNode,
  path: string,
  namesOf: (folder: FolderNode) => ReadonlyMap<string, Node>,
  bytesOf: (file: FileNode) => Buffer,
): ImageEntry[] {
  return [...namesOf(folder)].flatMap(([name, node]): ImageEntry[] => {
    const inside = path === '' ? name : `${path}/${name}`;
    if (node.kind === 'file') return [{ kind: 'file', path: inside, bytes: bytesOf(node) }];
    return [{ kind: 'folder', path: inside }, ...imageOf(node, inside, namesOf, bytesOf)];
  });
}

import type { NoteBook, Promises } from './promises';
import type { Random } from '../../../tools/lib/random';

/** A service in a process of its own, which is recorded. */
export interface Recorded {
  /** Resolves when it is gone, however that came about. */
  readonly exited: Promise<unknown>;
  /** Ends it as `kill -9` does, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Lets it end in good order. */
  stop(): Promise<void>;
}

/** One of the local cloud's services: how it is put under load, and how its store is checked after a power cut. */
export interface PowerService<R extends Recorded = Recorded> {
  readonly name: string;
  /** All its writes and syncs come from one thread: then it can also be killed as it is about to sync. */
  readonly hasOneWriter?: boolean;
  /** Starts it on a folder, in a process of its own. */
  start(dataDir: string): Promise<R>;
  /**
   * Writes through the official SDK until the service ends, and notes what was asked and acknowledged.
   * @param life 0 for the first start on the folder; what is written in another life has other names.
   */
  load(running: R, notes: NoteBook, random: Random, life: number): Promise<void>;
  /** All that it shows to a reader, before it is under load: that must stay, too. */
  read?(running: R): Promise<ReadonlyMap<string, string>>;
  /** Starts it on what a power cut has left, and tells what is wrong: what is lost, half there, or refused. */
  check(dataDir: string, promises: Promises): Promise<string[]>;
}

import { BUCKETS } from '../keys';
import { SHARDS } from './row';

/**
 * - `recover`: tries again what was given up at or after `since`
 * - `replay`: sends the present documents again, those whose version was written at or after `since`
 */
export type Repair =
  | { readonly type: 'recover'; readonly since: string }
  | {
      readonly type: 'replay';
      /** ISO 8601; absent: all */
      readonly since?: string;
      readonly datasets: readonly string[];
    };

export type RepairType = Repair['type'];

/** Both kinds: of each the last one is known. */
export const REPAIR_TYPES: readonly RepairType[] = ['recover', 'replay'];

/** Where a repair goes on: a part, and a place in it. */
export interface RepairPosition {
  /** `recover`: the shard; `replay`: the bucket, those of all data sets counted through. */
  readonly part: number;
  /** `recover`: the id of the row before; `replay`: the store's continuation token. */
  readonly after?: string;
}

export interface RepairCounts {
  /** Rows or documents looked at. */
  readonly seen: number;
  /** Rows that are due for it. After a crash some may have been marked without being counted. */
  readonly marked: number;
}

/** The input of the orchestration, anew for each slice. */
export interface RepairTask {
  /** Also the name of a replay: the ids of its events are made from it. */
  readonly id: string;
  readonly subscription: string;
  readonly repair: Repair;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly position: RepairPosition;
  readonly counts: RepairCounts;
}

/** What one activity did of it, all slices before included. */
export interface RepairSlice {
  /** Absent: it is done. */
  readonly position?: RepairPosition;
  readonly counts: RepairCounts;
}

/** At most one repair of a kind runs for a subscription: they share an instance. */
export function repairInstance(subscription: string, type: RepairType): string {
  return `repair-${subscription}-${type}`;
}

const REPAIR_ID = /^(recover|replay)-[0-9a-f]{32}$/;

/** @param random 32 hexadecimal digits */
export function repairId(type: RepairType, random: string): string {
  return `${type}-${random}`;
}

/** The kind of repair that an id names; undefined when it is no id of a repair. */
export function repairTypeOf(id: string): RepairType | undefined {
  return REPAIR_ID.exec(id)?.[1] as RepairType | undefined;
}

/** The position after a part, or undefined after the last one. */
export function nextPart(repair: Repair, part: number): RepairPosition | undefined {
  const parts = repair.type === 'recover' ? SHARDS : repair.datasets.length * BUCKETS;
  return part + 1 < parts ? { part: part + 1 } : undefined;
}

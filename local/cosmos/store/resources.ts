import type { PartitionKeyDefinition } from '../partition-key';
import type { ItemTable } from './items';
import type { PhysicalRange } from './ranges';

/** Throughput as given by the client: fixed, or the maximum of an autoscale setting, in RU/s. */
export interface Throughput {
  readonly throughput?: number;
  readonly autoscaleMax?: number;
}

export interface DatabaseRecord {
  readonly num: number;
  readonly id: string;
  readonly rid: string;
  readonly self: string;
  readonly etag: string;
  readonly ts: number;
  readonly offer: Throughput | undefined;
}

/** Paths whose values together occur once in a logical partition. */
export interface UniqueKey {
  readonly paths: readonly string[];
}

/** The part of a container that its creator chooses, normalised. */
export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: PartitionKeyDefinition;
  readonly uniqueKeyPolicy?: { readonly uniqueKeys: readonly UniqueKey[] };
  /** Seconds; -1: items live for ever unless they have a ttl of their own; absent: ttl is off. */
  readonly defaultTtl?: number;
  readonly [property: string]: unknown;
}

export interface ContainerRecord {
  readonly num: number;
  readonly database: number;
  readonly databaseId: string;
  readonly id: string;
  readonly rid: string;
  readonly self: string;
  readonly etag: string;
  readonly ts: number;
  readonly definition: ContainerDefinition;
  readonly ranges: readonly PhysicalRange[];
  /** Undefined when it was created without: 400 RU/s are reported then, and nothing is throttled. */
  readonly offer: Throughput | undefined;
  /** The throughput of its database, which the containers without one of their own share. */
  readonly sharedOffer: Throughput | undefined;
  readonly items: ItemTable;
}

/** The throughput of what was created without one. */
export const DEFAULT_THROUGHPUT = 400;

/** The unique keys of a container. */
export function uniqueKeysOf({ uniqueKeyPolicy }: ContainerDefinition): readonly UniqueKey[] {
  return uniqueKeyPolicy?.uniqueKeys ?? [];
}

import { refusal, type Refusal } from './conditions';
import type { Partition } from './partition';

/** Key of the selector filter in a receiver's source, by name and by code. */
const SELECTOR = 'apache.org:selector-filter:string';
const EXPRESSION =
  /^\s*amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=?)\s*'([^']*)'\s*$/;

/**
 * Finds the first event that a receiver asked for with its selector filter.
 * @returns its sequence number, or a promise of it when the log has to be searched.
 * https://learn.microsoft.com/azure/event-hubs/event-hubs-features#stream-offsets
 */
export function startOf(filter: unknown, partition: Partition): number | Promise<number> | Refusal {
  const expression = expressionOf(filter);
  if (expression === undefined) return partition.firstSequenceNumber;
  const match = EXPRESSION.exec(expression);
  const [, kind, operator, value = ''] = match ?? [];
  if (!match) return refusal('com.microsoft:argument-error', `The filter is not supported: ${expression}`);
  if (kind === 'offset' && value === '@latest') return partition.nextSequenceNumber;
  const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) {
    return refusal('com.microsoft:argument-error', `The supplied ${kind} '${value}' is invalid.`);
  }
  const from = operator === '>=' ? number : number + 1;
  if (kind === 'enqueued-time') return partition.firstAfter(from - 1);
  return kind === 'offset' ? byOffset(from, value, partition) : bySequenceNumber(from, value, partition);
}

function byOffset(from: number, value: string, partition: Partition): number | Promise<number> | Refusal {
  if (from <= 0) return partition.firstSequenceNumber;
  const last = partition.last?.offset ?? -1;
  if (from <= last) return partition.firstWithOffset(from);
  if (from === last + 1) return partition.nextSequenceNumber;
  return refusal(
    'com.microsoft:argument-error',
    `The supplied offset '${value}' is invalid. The last offset in the system is '${last}'.`,
  );
}

function bySequenceNumber(from: number, value: string, partition: Partition): number | Refusal {
  const next = partition.nextSequenceNumber;
  if (from <= next) return Math.max(from, partition.firstSequenceNumber);
  return refusal(
    'com.microsoft:argument-error',
    `The supplied sequence number '${value}' is invalid. The last sequence number in the system is '${next - 1}'.`,
  );
}

function expressionOf(filter: unknown): string | undefined {
  if (typeof filter !== 'object' || filter === null) return undefined;
  const selector: unknown = (filter as Record<string, unknown>)[SELECTOR];
  const value: unknown =
    typeof selector === 'object' && selector !== null ? (selector as { value?: unknown }).value : selector;
  return typeof value === 'string' ? value : undefined;
}

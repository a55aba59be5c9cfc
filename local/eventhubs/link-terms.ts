import { type link, types } from 'rhea';
import type { RheaReceiver, RheaSender } from './amqp';
import { refusal, type Refusal } from './conditions';
import { PRODUCER_GROUP, PRODUCER_LEVEL, PRODUCER_NUMBER } from './event';
import type { Claim, ClaimRequest } from './producers';
import type { ReaderOptions } from './reader';

/** What clients ask for when they attach, as properties and capabilities of the link, and what is offered in return. */

const EPOCH = 'com.microsoft:epoch';
const RECEIVER_NAME = 'com.microsoft:receiver-name';
const RUNTIME_METRIC = 'com.microsoft:enable-receiver-runtime-metric';
const IDEMPOTENT_PRODUCER = 'com.microsoft:idempotent-producer';

export function readerOptions(sender: RheaSender): ReaderOptions | Refusal {
  const properties: Record<string, unknown> = sender.properties ?? {};
  const epoch = properties[EPOCH];
  const name = properties[RECEIVER_NAME];
  if (epoch !== undefined && epoch !== null && !Number.isSafeInteger(epoch)) {
    return refusal('com.microsoft:argument-error', 'The epoch must be an integer.');
  }
  return {
    name: typeof name === 'string' ? name : 'nil',
    epoch: typeof epoch === 'number' ? epoch : undefined,
    isTracking: asks(sender, RUNTIME_METRIC),
  };
}

export function offerTracking(sender: RheaSender): void {
  sender.local.attach.offered_capabilities = RUNTIME_METRIC;
}

export function asksForNumbering(receiver: RheaReceiver): boolean {
  return asks(receiver, IDEMPOTENT_PRODUCER);
}

/** What an idempotent producer wants to go on with. */
export function claimRequest(receiver: RheaReceiver): ClaimRequest | Refusal {
  const properties: Record<string, unknown> = receiver.properties ?? {};
  const integer = (name: string): number | undefined | 'malformed' => {
    const value = properties[name] ?? undefined;
    if (value === undefined) return undefined;
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : 'malformed';
  };
  const [group, level, last] = [PRODUCER_GROUP, PRODUCER_LEVEL, PRODUCER_NUMBER].map(integer);
  if (group === 'malformed' || level === 'malformed' || last === 'malformed') {
    return refusal(
      'com.microsoft:argument-error',
      'Producer id, epoch and sequence number must be integers.',
    );
  }
  return { group, level, last };
}

export function offerClaim({ local: { attach } }: RheaReceiver, { group, level, last }: Claim): void {
  attach.offered_capabilities = IDEMPOTENT_PRODUCER;
  attach.properties = {
    [PRODUCER_GROUP]: types.wrap_long(group),
    [PRODUCER_LEVEL]: types.wrap_short(level),
    [PRODUCER_NUMBER]: types.wrap_int(last),
  };
}

function asks(link: link, capability: string): boolean {
  const desired: unknown = link.desired_capabilities;
  return Array.isArray(desired) ? desired.includes(capability) : desired === capability;
}

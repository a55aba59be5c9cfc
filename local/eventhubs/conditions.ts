/** An AMQP error as the service words it; the SDK derives its error classes from `condition`. */
export interface Refusal {
  readonly condition: Condition;
  readonly description: string;
}

/** Error conditions that this endpoint answers with: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot */
export type Condition =
  /** No such hub, consumer group or node. */
  | 'amqp:not-found'
  /** The connection put no token that covers this address. */
  | 'amqp:unauthorized-access'
  /** The feature exists in the service but not here. */
  | 'amqp:not-implemented'
  /** The request makes no sense in this state. */
  | 'amqp:not-allowed'
  /** The bytes are no AMQP message. */
  | 'amqp:decode-error'
  /** A sixth reader without an owner level, or a full disk. */
  | 'amqp:resource-limit-exceeded'
  /** The message is larger than the link allows. */
  | 'amqp:link:message-size-exceeded'
  /** A reader with the same or a higher owner level took the partition. */
  | 'amqp:link:stolen'
  /** The store failed; nothing was acknowledged. */
  | 'amqp:internal-error'
  /** The endpoint is going down. */
  | 'amqp:connection:forced'
  /** The peer broke the protocol. */
  | 'amqp:connection:framing-error'
  /** The numbers of an idempotent producer do not follow those that were stored. */
  | 'com.microsoft:out-of-order-sequence'
  /** Another idempotent producer of the group claimed the partition with a higher owner level. */
  | 'com.microsoft:producer-epoch-stolen'
  /** A malformed position, property or filter. */
  | 'com.microsoft:argument-error'
  /** No such partition. */
  | 'com.microsoft:argument-out-of-range'
  /** Try again later. */
  | 'com.microsoft:server-busy';

export function refusal(condition: Condition, description: string): Refusal {
  return { condition, description };
}

import { type link, type Message, types } from 'rhea';
import type { RheaConnection, RheaSender } from './amqp';
import type { Condition } from './conditions';
import type { Answer } from './management';

/** `status-code` of a refused request, as the SDKs map it back to a condition. */
const STATUS: Partial<Record<Condition, number>> = {
  'amqp:unauthorized-access': 401,
  'amqp:not-found': 404,
  'amqp:not-implemented': 501,
  'amqp:resource-limit-exceeded': 403,
  'com.microsoft:argument-error': 400,
  'com.microsoft:argument-out-of-range': 400,
};

const SUCCESS = { OK: 200, Accepted: 202 } as const;

/**
 * Sends the answer to a request on the link that its `reply-to` names: by name, as the SDKs do for `$cbs`, or by the
 * address that the client listens at. Without such a link, or without credit on it, nobody waits for the answer.
 */
export function reply(
  connection: RheaConnection,
  request: Message,
  answer: Answer,
  success: keyof typeof SUCCESS,
): void {
  const sender = connection.find_sender(
    (candidate: link) =>
      candidate.name === request.reply_to || candidate.target?.address === request.reply_to,
  ) as RheaSender | undefined;
  if (!sender || sender.credit <= 0) return;
  const isRefused = 'condition' in answer;
  const code = isRefused ? (STATUS[answer.condition] ?? 500) : SUCCESS[success];
  sender.send({
    correlation_id: request.message_id,
    application_properties: {
      'status-code': types.wrap_int(code),
      'status-description': isRefused ? answer.description : success,
      ...(isRefused ? { 'error-condition': types.wrap_symbol(answer.condition) } : {}),
    },
    body: isRefused ? null : (answer.body ?? null),
  });
}

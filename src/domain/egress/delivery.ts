/** An HTTP request to a subscriber's address. */
export interface WebhookRequest {
  readonly method: 'POST' | 'OPTIONS';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Why a request got no answer. */
export type WebhookFailure =
  /** The address, or the one its name stands for, is not allowed. */
  | 'address-refused'
  | 'name-not-resolved'
  | 'connection-failed'
  | 'tls-failed'
  /** The time-out passed before the answer was complete. */
  | 'timed-out'
  /** The connection broke, or what came is no HTTP. */
  | 'no-answer';

/** What came of a request. `durationMs` counts from the call to the end of what is read of the answer. */
export type WebhookOutcome =
  | {
      readonly type: 'answered';
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string>>;
      /** The first bytes of the body as text. */
      readonly body: string;
      readonly durationMs: number;
    }
  | {
      readonly type: 'failed';
      readonly code: WebhookFailure;
      readonly message: string;
      readonly durationMs: number;
    };

/** Only 2xx is success: a redirect is none. */
export function isSuccess(outcome: WebhookOutcome): boolean {
  return outcome.type === 'answered' && outcome.status >= 200 && outcome.status < 300;
}

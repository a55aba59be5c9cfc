import { app, type HttpMethod } from '@azure/functions';
import * as df from 'durable-functions';
import { answering, type Handler } from '../triggers/http';

/** The binding through which functions reach orchestrations. */
export const durableClient = df.input.durableClient();

/** `keyed` routes are checked by the platform; `signed` ones carry their own proof, and the platform lets them through. */
export function http(
  name: string,
  access: 'keyed' | 'signed',
  method: HttpMethod,
  route: string,
  handler: Handler,
): void {
  app.http(name, {
    methods: [method],
    route,
    authLevel: access === 'keyed' ? 'function' : 'anonymous',
    extraInputs: [durableClient],
    handler: answering(handler),
  });
}

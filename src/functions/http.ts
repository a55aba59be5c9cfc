import { app, type FunctionInput, type HttpMethod } from '@azure/functions';
import * as df from 'durable-functions';
import { answering, type Handler } from '../triggers/http';

/** The binding through which functions reach orchestrations. */
export const durableClient = df.input.durableClient();

/**
 * `keyed` routes are checked by the platform; `signed` ones carry their own proof, and the platform lets them through.
 * @param inputs what the handler is given beside the request: each costs something in every call
 */
export function http(
  name: string,
  access: 'keyed' | 'signed',
  method: HttpMethod,
  route: string,
  handler: Handler,
  inputs: FunctionInput[] = [durableClient],
): void {
  app.http(name, {
    methods: [method],
    route,
    authLevel: access === 'keyed' ? 'function' : 'anonymous',
    extraInputs: inputs,
    handler: answering(handler),
  });
}

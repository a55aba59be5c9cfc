import { blob } from './blob';
import { cosmos } from './cosmos';
import { database } from './database';
import { durable } from './durable';
import { eventhubs } from './eventhubs';
import type { PowerService } from './service';

/** All services whose stores must outlive a power cut. */
export const SERVICES: readonly PowerService[] = [blob, cosmos, eventhubs, durable, database];

/** @throws when there is no such service. */
export function serviceNamed(name: string): PowerService {
  const service = SERVICES.find((candidate) => candidate.name === name);
  if (!service)
    throw new Error(`There is no service ${name}: it is ${SERVICES.map((one) => one.name).join(', ')}.`);
  return service;
}

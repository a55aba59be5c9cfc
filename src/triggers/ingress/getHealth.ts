import type { Priority } from '../../activities/priority';
import type { Pressure } from '../../activities/ingress/pressure';
import { Problem } from '../../domain/problem';
import { json, type Handler } from '../http';

/**
 * `GET /api/health`: what waits and how fast it becomes less, whether the doors are open, and whether deliveries hold
 * back. Without a key, for those who look whether the app lives; measured once a second, however often it is asked.
 */
export function createGetHealth(pressure: Pressure, priority: Pick<Priority, 'held'>): Handler {
  return async () => {
    const { at, ...figures } = await pressure.figures();
    return json(200, { at, accepting: accepting(pressure), ...figures, deliveriesHeld: priority.held });
  };
}

function accepting(pressure: Pressure): boolean {
  try {
    pressure.admit();
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { Intake } from '../../local/eventhubs/intake';
import { MAX_QUEUED_BYTES } from '../../local/eventhubs/limits';

/** A stream in the place of a socket, that flows as one does. */
const socket = (): Socket => new PassThrough().resume() as unknown as Socket;

test('who sends more than may wait is not read, until half of it is stored', () => {
  const intake = new Intake();
  const [patient, greedy, late] = [socket(), socket(), socket()];
  intake.add(MAX_QUEUED_BYTES / 2, patient);
  intake.add(MAX_QUEUED_BYTES / 2, patient);
  expect(patient.isPaused()).toBe(false);
  intake.add(1, greedy);
  intake.add(1, late);
  expect([patient, greedy, late].map((one) => one.isPaused())).toEqual([false, true, true]);
  intake.remove(MAX_QUEUED_BYTES / 2 + 1);
  expect(greedy.isPaused()).toBe(true);
  intake.remove(1);
  expect([patient, greedy, late].map((one) => one.isPaused())).toEqual([false, false, false]);
});

import type { Socket } from 'node:net';
import { MAX_QUEUED_BYTES } from './limits';

/** Bounds what all publishers together may have waiting for the disk: beyond it their sockets are not read. */
export class Intake {
  private bytes = 0;
  private readonly paused = new Set<Socket>();

  add(bytes: number, socket: Socket): void {
    this.bytes += bytes;
    if (this.bytes <= MAX_QUEUED_BYTES) return;
    socket.pause();
    this.paused.add(socket);
  }

  remove(bytes: number): void {
    this.bytes -= bytes;
    if (this.bytes > MAX_QUEUED_BYTES / 2 || this.paused.size === 0) return;
    for (const socket of this.paused) socket.resume();
    this.paused.clear();
  }
}

import { readFileSync } from 'node:fs';
import type { LocalCloud } from '../../../local/start';

/** A process of the cloud. */
export interface ProcessSample {
  readonly name: string;
  readonly pid: number;
  /** Resident memory, bytes; undefined where there is no `/proc`. */
  readonly rss: number | undefined;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function rssOf(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** The services and the workers of the Functions host, in the order of their ids. */
export function processes(cloud: LocalCloud): ProcessSample[] {
  return cloud.children.flatMap(({ name, pid }) => [
    { name, pid, rss: rssOf(pid) },
    ...childrenOf(pid).map((child) => ({ name: `${name} worker`, pid: child, rss: rssOf(child) })),
  ]);
}

/** How a process's memory moved between warm-up and end, bytes. */
export interface Growth {
  readonly name: string;
  readonly warm: number;
  readonly end: number;
  readonly most: number;
  readonly allowed: number;
}

const MIB = 1024 * 1024;

/**
 * A leak is what grows with the number of requests. Had only the bodies been kept, the growth would be their bytes; so that
 * share of them is allowed which is far below it, and a fixed part for what a heap does by itself: V8 lets garbage lie
 * until it is worth its while.
 */
const ALLOWED_MIB = 96;

/** Of samples after the warm-up the median of the first third and of the last: single ones catch garbage in flight. */
export function growthOf(samples: readonly (readonly ProcessSample[])[], warmUp: number): Growth[] {
  const later = samples.slice(Math.floor(samples.length * warmUp));
  const third = Math.max(1, Math.floor(later.length / 3));
  return (later.at(-1) ?? []).map(({ name, pid }) => {
    const rss = later.map((sample) => sample.find((one) => one.pid === pid)?.rss ?? 0);
    return {
      name,
      warm: median(rss.slice(0, third)),
      end: median(rss.slice(-third)),
      most: Math.max(...rss),
      allowed: ALLOWED_MIB * MIB,
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

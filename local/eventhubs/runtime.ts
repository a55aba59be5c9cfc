import { message, types } from 'rhea';
import { Section, sectionAt } from './encoding';
import type { Partition } from './partition';

/** .NET's `DateTime.MinValue`, which the service gives for "never", in milliseconds since the epoch. */
const NEVER = -62_135_596_800_000;

/** Where a partition ends, in the names that `$management` and delivery annotations share. */
export function lastEnqueued(partition: Partition): Record<string, unknown> {
  const { last } = partition;
  return {
    last_enqueued_sequence_number: types.wrap_long(partition.nextSequenceNumber - 1),
    last_enqueued_offset: String(last?.offset ?? -1),
    last_enqueued_time_utc: types.wrap_timestamp(last?.time ?? NEVER),
  };
}

/** The encoded delivery annotations that tell a reader where the partition ends. */
export function runtimeAnnotations(partition: Partition, now: number): Buffer {
  const encoded = message.encode({
    delivery_annotations: {
      ...lastEnqueued(partition),
      runtime_info_retrieval_time_utc: types.wrap_timestamp(now),
    },
    body: null,
  });
  return annotationsOnly(encoded);
}

function annotationsOnly(encoded: Buffer): Buffer {
  let at = 0;
  while (at < encoded.length) {
    const section = sectionAt(encoded, at);
    if (section.code === Section.deliveryAnnotations) return encoded.subarray(at, section.end);
    at = section.end;
  }
  throw new Error('The delivery annotations were not encoded.');
}

import { mapLimited } from '../../clients/once';
import { isObject, type Json } from '../../domain/json';
import { AT_A_TIME, type Slice, type UpkeepDeps } from './deps';

/** Batches of one query. */
const PAGE = 200;

/**
 * This much (ms) older than the age a batch is when its instance is purged here. By then no request can be under way any
 * more that starts it once more, and clocks that differ have not hidden a batch behind the cursor. The purge of its
 * chunks has removed most instances before.
 */
const LATE_MS = 3_600_000;

/** Instances kept in mind that could not be purged; with more of them the cursor stays where it is. */
const MOST_WAITING = 1_000;

const NAME = 'instances.json';

/** All instances of batches that were closed before `through` are purged, but for those that wait. */
interface Cursor {
  /** ISO 8601; '' at the beginning */
  readonly through: string;
  /** Batches whose instances have not ended, or could not be purged. */
  readonly waiting: readonly string[];
}

/**
 * Purges the instances of closed batches, along the time at which they were closed. How far it is stands in a blob, so
 * that each batch is looked at once, whatever there is of the past. The cursor moves behind what is done; what could not
 * be done is kept in it. Two runs at the same time may set it back to where one of them is, no further: what lies
 * before it is done in any case.
 */
export function createPurgeInstances({
  blobs,
  batches,
  purgeAfterMs,
  now,
}: UpkeepDeps): (slice: Slice) => Promise<void> {
  return async (slice) => {
    let cursor = await readCursor(blobs);
    const before = new Date(now().getTime() - purgeAfterMs - LATE_MS);
    const still = await left(slice, cursor.waiting);
    cursor = await move(blobs, cursor, { ...cursor, waiting: still });
    for (let most = PAGE; now().getTime() < slice.until;) {
      const page = await batches.closed(cursor.through, before, most);
      const last = page.at(-1)?.completedAt ?? cursor.through;
      const waiting = new Set(cursor.waiting);
      for (const id of await left(
        slice,
        page.map((batch) => batch.id),
      ))
        waiting.add(id);
      if (waiting.size > MOST_WAITING)
        throw new Error(`${waiting.size} instances of closed batches could not be purged.`);
      // The last of the page may not be the last of its millisecond: the next page begins with it.
      const isStuck = last === cursor.through;
      cursor = await move(blobs, cursor, { through: last, waiting: [...waiting] });
      if (page.length < most) return;
      most = isStuck ? most * 2 : PAGE;
    }
  };
}

/** Purges instances; gives those that are still there. */
async function left({ instances, report }: Slice, ids: readonly string[]): Promise<string[]> {
  const outcomes = await mapLimited(ids, AT_A_TIME, async (id) => {
    try {
      return await instances.purge(id);
    } catch (error) {
      report(`The instance of batch ${id} could not be purged: ${String(error)}`);
      return 'running' as const;
    }
  });
  return ids.filter((_, at) => outcomes[at] === 'running');
}

type CursorBlobs = Pick<UpkeepDeps['blobs'], 'read' | 'put' | 'forget'>;

async function readCursor(blobs: CursorBlobs): Promise<Cursor> {
  // Another process may have written it since.
  blobs.forget('upkeep', NAME);
  const stored = parsed((await blobs.read('upkeep', NAME))?.toString('utf8') ?? '');
  // To begin anew costs a look at each batch, and no more.
  if (!isObject(stored)) return { through: '', waiting: [] };
  const { through, waiting } = stored;
  return {
    through: typeof through === 'string' ? through : '',
    waiting: Array.isArray(waiting) ? waiting.filter((id) => typeof id === 'string') : [],
  };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

async function move(blobs: CursorBlobs, from: Cursor, to: Cursor): Promise<Cursor> {
  const text = JSON.stringify(to);
  if (text !== JSON.stringify(from)) await blobs.put('upkeep', NAME, Buffer.from(text), 'application/json');
  return to;
}

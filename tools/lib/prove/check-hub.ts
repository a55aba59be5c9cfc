import { contentHash } from './content';
import type { Facts, Line } from './facts';
import type { Findings } from './findings';

export interface HubCounts {
  /** Records in the hub. */
  lines: number;
  /** Of them those with an id that is there before: a send that was repeated within the app. */
  sameId: number;
  /** Those that no 202 names: their request had no answer, and the record was sent again. */
  unanswered: number;
}

/** Which record of the load a line of the hub is, by its id; undefined: none. */
export type IndexOf = (line: Line) => number | undefined;

const nameOf = (key: string, eventTime: number): string => `${eventTime} ${key}`;

/**
 * Every accepted record is in the hub under its id, as it was sent; whatever else is there is a record of the load that had
 * a request without an answer.
 */
export function checkHub(facts: Facts, findings: Findings): { counts: HubCounts; indexOf: IndexOf } {
  const { records, accepted, partitions } = facts;
  const indices = new Map<string, number>();
  for (const { index, id } of accepted) {
    const other = indices.get(id);
    if (other !== undefined)
      findings.add('double-id', `Records ${other} and ${index} were given the same id.`, {
        id,
        key: records.keyOf(index),
      });
    indices.set(id, index);
  }
  const unknown = Map.groupBy(facts.unknown, (index) =>
    nameOf(records.keyOf(index), records.eventTimeOf(index)),
  );
  const indexOf: IndexOf = ({ id, key, eventTime, content }) =>
    indices.get(id) ??
    unknown.get(nameOf(key, eventTime))?.find((index) => contentHash(records.bodyOf(index)) === content);

  const counts: HubCounts = { lines: 0, sameId: 0, unanswered: 0 };
  const seen = new Set<string>();
  for (const { partition, events } of partitions)
    for (const { sequenceNumber, lines } of events)
      for (const line of lines) {
        const where = `event ${sequenceNumber} of partition ${partition}`;
        counts.lines++;
        if (seen.has(line.id)) counts.sameId++;
        else if (!indices.has(line.id)) counts.unanswered++;
        seen.add(line.id);
        checkLine(facts, line, indexOf(line), where, findings);
      }
  for (const { index, id } of accepted)
    if (!seen.has(id))
      findings.add('lost-in-hub', `Record ${index} was answered with 202, and is not in the hub.`, {
        id,
        key: records.keyOf(index),
      });
  return { counts, indexOf };
}

function checkLine(
  { records }: Facts,
  { id, key, eventTime, content }: Line,
  index: number | undefined,
  where: string,
  findings: Findings,
): void {
  if (index === undefined)
    findings.add('unexplained-line', `It is in ${where}, and nobody has sent it.`, { id, key });
  else if (
    key !== records.keyOf(index) ||
    eventTime !== records.eventTimeOf(index) ||
    content !== contentHash(records.bodyOf(index))
  )
    findings.add('content-differs', `Record ${index} is otherwise in ${where} than it was sent.`, {
      id,
      key,
    });
}

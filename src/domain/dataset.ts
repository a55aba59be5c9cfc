import { sha256 } from './content';
import { isObject, pointerTokens, type Json, type JsonObject } from './json';

/** `date` is a day (`YYYY-MM-DD`) and stands for its midnight in UTC. */
export type EventTimeFormat = 'date-time' | 'date' | 'epoch-seconds' | 'epoch-milliseconds';

/** A named kind of record: its JSON Schema and what the schema's `x-headwater` block says. */
export interface DataSet {
  readonly name: string;
  readonly schema: JsonObject;
  /** `{declared version}+{first 8 hex digits of the schema's SHA-256}`: two schemas never share one. */
  readonly schemaVersion: string;
  /** Path of the record's key. */
  readonly key: readonly string[];
  /** Absent: the time of receipt orders the versions of a document. */
  readonly eventTime?: {
    readonly path: readonly string[];
    readonly format: EventTimeFormat;
    /** How far an event time may lie behind the time of receipt, in ms. */
    readonly allowedSkewMs: number;
  };
  /** A record whose value at `path` equals `equals` deletes its document. */
  readonly deletion?: { readonly path: readonly string[]; readonly equals: null | boolean | number | string };
  /** Fields with base64 content that moves to blob storage. */
  readonly media: readonly { readonly path: readonly string[]; readonly contentType: string }[];
}

/** The name of a data set is part of URLs, blob names and partition keys. */
export const DATASET_NAME = /^[a-z][a-z0-9-]{0,39}$/;

const FORMATS: readonly EventTimeFormat[] = ['date-time', 'date', 'epoch-seconds', 'epoch-milliseconds'];

class BlockReader {
  constructor(
    private readonly file: string,
    private readonly block: JsonObject,
    private readonly where: string,
  ) {}

  fail(member: string, expected: string): never {
    throw new Error(`${this.file}: ${this.where}.${member} must be ${expected}.`);
  }

  only(...allowed: string[]): this {
    const unknown = Object.keys(this.block).find((name) => !allowed.includes(name));
    if (unknown !== undefined)
      throw new Error(
        `${this.file}: ${this.where}.${unknown} is not known; known are ${allowed.join(', ')}.`,
      );
    return this;
  }

  has(member: string): boolean {
    return this.block[member] !== undefined;
  }

  /** A value that `===` can compare. */
  scalar(member: string): null | boolean | number | string {
    const value = this.block[member];
    return value === null || ['boolean', 'number', 'string'].includes(typeof value)
      ? (value as null | boolean | number | string)
      : this.fail(member, 'a string, a number, true, false or null');
  }

  pointer(member: string): string[] {
    const value = this.block[member];
    return typeof value === 'string' && value.startsWith('/')
      ? pointerTokens(value)
      : this.fail(member, 'a JSON Pointer such as "/id"');
  }

  number(member: string): number {
    const value = this.block[member];
    return typeof value === 'number' && Number.isFinite(value) && value >= 0
      ? value
      : this.fail(member, 'a number of at least 0');
  }

  whole(member: string): number {
    const value = this.number(member);
    return Number.isSafeInteger(value) ? value : this.fail(member, 'a whole number');
  }

  text(member: string): string {
    const value = this.block[member];
    return typeof value === 'string' && value !== '' ? value : this.fail(member, 'a text');
  }

  object(member: string): BlockReader {
    const value = this.block[member];
    return isObject(value)
      ? new BlockReader(this.file, value, `${this.where}.${member}`)
      : this.fail(member, 'an object');
  }

  list(member: string): BlockReader[] {
    const value = this.block[member] ?? [];
    if (!Array.isArray(value)) return this.fail(member, 'a list');
    return value.map((item, index) =>
      isObject(item)
        ? new BlockReader(this.file, item, `${this.where}.${member}[${index}]`)
        : this.fail(`${member}[${index}]`, 'an object'),
    );
  }
}

function readEventTime(block: BlockReader): NonNullable<DataSet['eventTime']> {
  block.only('pointer', 'format', 'allowedSkewSeconds');
  const format = FORMATS.find((known) => known === block.text('format'));
  return {
    path: block.pointer('pointer'),
    format: format ?? block.fail('format', `one of ${FORMATS.join(', ')}`),
    allowedSkewMs: block.number('allowedSkewSeconds') * 1000,
  };
}

function parseJson(file: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Reads a data set from its schema file.
 * @param name the file's name without `.json`
 * @param text the file's content
 * @throws Error naming the file and member that is wrong and what would be right
 */
export function parseDataSet(name: string, text: string): DataSet {
  const file = `schemas/${name}.json`;
  if (!DATASET_NAME.test(name))
    throw new Error(`${file}: a data set's name must match ${DATASET_NAME.source}.`);
  const schema = parseJson(file, text);
  if (!isObject(schema)) throw new Error(`${file}: a schema must be a JSON object.`);
  const block = new BlockReader(file, schema, '$')
    .object('x-headwater')
    .only('version', 'key', 'eventTime', 'deletion', 'media');
  const hash = sha256(text).slice(0, 8);
  const deletion = block.has('deletion') ? block.object('deletion').only('pointer', 'equals') : undefined;
  return {
    name,
    schema,
    schemaVersion: `${block.whole('version')}+${hash}`,
    key: block.pointer('key'),
    ...(block.has('eventTime') ? { eventTime: readEventTime(block.object('eventTime')) } : {}),
    ...(deletion
      ? { deletion: { path: deletion.pointer('pointer'), equals: deletion.scalar('equals') } }
      : {}),
    media: block.list('media').map((item) => {
      item.only('pointer', 'contentType');
      return { path: item.pointer('pointer'), contentType: item.text('contentType') };
    }),
  };
}

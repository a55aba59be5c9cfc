import type { Chance } from './child-endpoint';

/** What a connection sends, and what must come back. */
export interface Conversation {
  readonly what: string;
  readonly bytes: Buffer;
  /**
   * `error`: a close, end or detach with an error. `nothing`: the peer was never opened. `end`: at least the end of
   * the connection, as when its bytes stop in the middle of a frame.
   */
  readonly expected: 'error' | 'nothing' | 'end';
}

type Performative =
  'open' | 'begin' | 'attach' | 'transfer' | 'flow' | 'disposition' | 'detach' | 'end' | 'close';

interface Frames extends Record<Performative, (fields: object) => unknown> {
  write_frame(frame: unknown): Buffer;
  amqp_frame(channel: number, performative: unknown): unknown;
}
const frames = jest.requireActual<Frames>('rhea/lib/frames.js');

const HEADER = Buffer.from('AMQP\x00\x01\x00\x00', 'latin1');

function frame(name: Performative, fields: object, channel = 0): Buffer {
  return frames.write_frame(frames.amqp_frame(channel, frames[name](fields)));
}

/** A frame with a body of any bytes. */
function rawFrame(body: Buffer, { size = body.length + 8, doff = 2, type = 0, channel = 0 } = {}): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size >>> 0);
  head.writeUInt8(doff, 4);
  head.writeUInt8(type, 5);
  head.writeUInt16BE(channel, 6);
  return Buffer.concat([head, body]);
}

const OPEN = frame('open', { container_id: 'hostile', max_frame_size: 65_536 });
const BEGIN = frame('begin', { next_outgoing_id: 0, incoming_window: 100, outgoing_window: 100 });
const START = Buffer.concat([HEADER, OPEN, BEGIN]);

const ATTACH = { name: 'link', handle: 0, role: false, initial_delivery_count: 0 };

/** The frames that belong to a session, with fields that are right. */
function sessionFrame(chance: Chance, channel: number): Buffer {
  return chance.one([
    () => frame('attach', ATTACH, channel),
    () => frame('transfer', { handle: chance.below(9), delivery_id: 0 }, channel),
    () => frame('flow', { incoming_window: 9, next_outgoing_id: 0, outgoing_window: 9 }, channel),
    () => frame('disposition', { role: true, first: 0, last: 1, settled: true }, channel),
    () => frame('detach', { handle: chance.below(9), closed: true }, channel),
    () => frame('end', {}, channel),
  ])();
}

type Make = (chance: Chance) => Conversation;

const noise: Make = (chance) => ({
  what: 'noise',
  expected: 'nothing',
  bytes: chance.one<() => Buffer>([
    () => chance.bytes(1 + chance.below(200)),
    () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    () => Buffer.from([0x16, 3, 1, 0, 200, 1, ...chance.bytes(200)]),
    () => Buffer.concat([chance.flipped(HEADER), OPEN]),
    () => HEADER.subarray(0, chance.below(8)),
    () => Buffer.concat([Buffer.from('AMQP\x03\x01\x00\x00', 'latin1'), chance.bytes(40)]),
  ])(),
});

const beforeOpen: Make = (chance) => ({
  what: 'before the open',
  expected: 'nothing',
  bytes: Buffer.concat([
    HEADER,
    chance.one([BEGIN, sessionFrame(chance, chance.below(3)), frame('close', {})]),
    OPEN,
  ]),
});

const cut: Make = (chance) => {
  const whole = Buffer.concat([START, frame('attach', ATTACH)]);
  return { what: 'cut', expected: 'end', bytes: whole.subarray(0, 9 + chance.below(whole.length - 9)) };
};

const sizes: Make = (chance) => ({
  what: 'size',
  expected: 'error',
  bytes: Buffer.concat([
    START,
    chance.one([
      () => rawFrame(chance.bytes(20), { size: chance.below(8) }),
      () => rawFrame(chance.bytes(20), { size: 65_537 + chance.below(0x7fff_0000) }),
      () => rawFrame(chance.bytes(20), { size: 0xffff_ffff }),
      () => rawFrame(Buffer.alloc(20), { doff: chance.below(2) }),
      () => rawFrame(Buffer.alloc(20), { doff: 8 + chance.below(240) }),
      () => rawFrame(Buffer.from([0, 0x53, 0x18, 0x45]), { type: 1 + chance.below(255) }),
    ])(),
  ]),
});

const bodies: Make = (chance) => {
  const good = frame('attach', ATTACH).subarray(8);
  const body = chance.one<() => Buffer>([
    () => good.subarray(0, 1 + chance.below(good.length - 1)),
    () => Buffer.concat([Buffer.from([1 + chance.below(255)]), chance.bytes(chance.below(60))]),
    () => Buffer.from([0, 0x53, 0x19 + chance.below(0x20), 0x45]),
    () => Buffer.from([0, 0x53, 0x12, 0x45]),
    () => Buffer.from([0, 0x53, 0x12, 0xd0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    () => Buffer.from([0, 0x53, 0x12, 0xc0, 5, 200, 0x40, 0x40, 0x40, 0x40]),
    () => Buffer.alloc(20_000),
    () => Buffer.concat(Array.from({ length: 3_000 }, () => Buffer.from([0, 0x53, 0x12, 0xc0]))),
  ])();
  return { what: 'body', expected: 'error', bytes: Buffer.concat([START, rawFrame(body)]) };
};

const order: Make = (chance) => ({
  what: 'order',
  expected: 'error',
  bytes: Buffer.concat([
    START,
    chance.one<() => Buffer>([
      () => sessionFrame(chance, 1 + chance.below(65_534)),
      () => OPEN,
      () => BEGIN,
      () =>
        frame('begin', { remote_channel: 7, next_outgoing_id: 0, incoming_window: 9, outgoing_window: 9 }),
      () => frame('transfer', { handle: 3, delivery_id: 0 }),
      () => frame('detach', { handle: 3, closed: true }),
      () => Buffer.concat([frame('attach', ATTACH), frame('attach', { ...ATTACH, handle: 1 })]),
      () => frame('disposition', { role: true, first: 0, last: 0x7fff_ffff, settled: true }),
      () => frame('attach', { ...ATTACH, target: { address: 'orders' } }),
    ])(),
  ]),
});

/** Values of one type each, some of them larger than what is there. */
function randomValue(chance: Chance, depth = 0): Buffer {
  const value = chance.one<() => Buffer>([
    () => Buffer.from([0x40 + chance.below(6)]),
    () => Buffer.from([0x50 + chance.below(8), chance.below(256)]),
    () => Buffer.concat([Buffer.from([0x70]), chance.bytes(4)]),
    () => Buffer.concat([Buffer.from([0x80 + chance.below(5)]), chance.bytes(8)]),
    () => Buffer.concat([Buffer.from([chance.one([0xa0, 0xa1, 0xa3]), 5]), chance.bytes(5)]),
    () =>
      listOf(
        Array.from({ length: chance.below(4) }, () => randomValue(chance, depth + 1)),
        chance.one([0xc0, 0xc1]),
      ),
  ]);
  return depth > 3 ? Buffer.from([0x40]) : value();
}

function listOf(items: readonly Buffer[], code = 0xc0): Buffer {
  const content = Buffer.concat(items).subarray(0, 250);
  return Buffer.concat([Buffer.from([code, content.length + 1, items.length]), content]);
}

/** Performatives with fields of any types: some may pass. What counts is that nothing breaks. */
const types: Make = (chance) => ({
  what: 'types',
  expected: 'end',
  bytes: Buffer.concat([
    START,
    ...Array.from({ length: 1 + chance.below(3) }, () =>
      rawFrame(
        Buffer.concat([
          Buffer.from([0, 0x53, 0x10 + chance.below(9)]),
          listOf(Array.from({ length: chance.below(14) }, () => randomValue(chance))),
        ]),
      ),
    ),
  ]),
});

const KINDS: readonly Make[] = [noise, beforeOpen, cut, sizes, bodies, order, types, types];

export function hostileConversation(chance: Chance): Conversation {
  return chance.one(KINDS)(chance);
}

const PERFORMATIVE = { open: 0x10, detach: 0x16, end: 0x17, close: 0x18 };

/** What is wrong with the answer of an endpoint; undefined when nothing is. */
export function faultOf({ expected }: Conversation, answer: Buffer): string | undefined {
  const codes: number[] = [];
  let hasError = false;
  for (let at = answer.indexOf('AMQP') === 0 ? 8 : 0; at + 8 <= answer.length;) {
    // A second header follows the one of the security layer.
    if (answer.toString('latin1', at, at + 4) === 'AMQP') {
      at += 8;
      continue;
    }
    const size = answer.readUInt32BE(at);
    if (size < 8 || at + size > answer.length) return 'The answer is not made of frames.';
    const body = answer.subarray(at + 4 * answer.readUInt8(at + 4), at + size);
    const code = answer.readUInt8(at + 5) === 0 ? body[2] : undefined;
    if (code !== undefined) codes.push(code);
    const isEnd = code !== undefined && code >= PERFORMATIVE.detach;
    if (isEnd && /(amqp|com\.microsoft):[a-z:-]+/.test(body.toString('latin1'))) hasError = true;
    at += size;
  }
  if (expected === 'nothing' && codes.includes(PERFORMATIVE.open)) return `It was opened: ${codes.join()}`;
  if (expected === 'error' && !hasError) return `There is no error: ${codes.join()}`;
  return undefined;
}

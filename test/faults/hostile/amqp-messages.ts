import { message } from 'rhea';
import { signToken, type Token } from './amqp-peer';
import type { Chance } from './child-endpoint';

const TYPE = 'servicebus.windows.net:sastoken';
const BATCH_FORMAT = 0x80013700;
/** The limit of the service. */
const MAX_MESSAGE_BYTES = 1_048_576;

/** A token that opens nothing. */
export function hostileToken(
  chance: Chance,
  { port, ...credential }: { port: number; keyName: string; key: string },
): Token {
  const name = `sb://127.0.0.1:${port}/orders`;
  const soon = Math.floor(Date.now() / 1000) + 600;
  const good = signToken(name, soon, credential);
  const token = { operation: 'put-token', type: TYPE, name };
  return chance.one<() => Token>([
    () => ({ ...token, body: signToken(name, soon, { ...credential, key: 'wrong' }) }),
    () => ({ ...token, body: signToken(name, soon, { ...credential, keyName: 'nobody' }) }),
    () => ({ ...token, body: signToken(name, soon - 1_200, credential) }),
    () => ({
      ...token,
      // As text: another case of a percent code would be the same signature.
      body: good.replace(/(?<=sig=)[^&]*/, (sig) =>
        encodeURIComponent(chance.altered(decodeURIComponent(sig))),
      ),
    }),
    () => ({ ...token, body: good.replace(/se=\d+/, `se=${soon + 1}`) }),
    () => ({ ...token, body: good.replace(/se=\d+/, `se=${chance.one(['', '-1', 'x', '9'.repeat(20)])}`) }),
    () => ({ ...token, body: good.replace('orders', 'other') }),
    () => ({ ...token, body: good, name: `sb://127.0.0.1:${port}/${chance.one(['other', '', 'orders2'])}` }),
    () => ({ ...token, body: good.slice(0, chance.below(good.length)) }),
    () => ({ ...token, body: good.split('&').reverse().slice(1).join('&') }),
    () => ({
      ...token,
      body: chance.one<unknown>([null, 7, '', 'x'.repeat(10_000), ['a'], { a: 1 }, '%%%']),
    }),
    () => ({ ...token, body: good, name: chance.one<unknown>([null, 7, ['x']]) }),
    () => ({ ...token, body: good, type: chance.one<unknown>(['jwt', null, 7]) }),
    () => ({ ...token, body: good, operation: chance.one<unknown>(['delete-token', null, 7]) }),
  ])();
}

/** An address of nothing. */
export function hostileAddress(chance: Chance): string {
  return chance.one([
    () => chance.bytes(1 + chance.below(40)).toString('latin1'),
    () => `orders/Partitions/${chance.one(['1', '-1', '00', ' ', '', 'x', '9'.repeat(50), '0/0'])}`,
    () => `orders/ConsumerGroups/${chance.one(['nobody', ' ', '../..', 'x'.repeat(5_000)])}/Partitions/0`,
    () => `orders/ConsumerGroups/$Default/Partitions/${chance.one(['1', '-1', ' ', '0x0'])}`,
    () => `orders/Publishers/${'p'.repeat(200 + chance.below(1_000))}`,
    () => `orders/${chance.one(['$management', 'Publishers/', '../orders', 'Partitions'])}`,
    () => '/'.repeat(1 + chance.below(2_000)),
    () => `nowhere-${chance.below(1e6)}`,
    () => `sb://127.0.0.1/orders${chance.below(9)}`,
  ])();
}

/** Application properties of a `$management` request that makes no sense. */
export function hostileRequest(chance: Chance): Record<string, unknown> {
  const hub = { operation: 'READ', type: 'com.microsoft:eventhub', name: 'orders' };
  const partition = { ...hub, type: 'com.microsoft:partition' };
  return chance.one<() => Record<string, unknown>>([
    () => ({ ...hub, operation: chance.one<unknown>(['DELETE', '', null, 7, 'x'.repeat(9_000)]) }),
    () => ({ ...hub, type: chance.one<unknown>(['com.microsoft:queue', null, 7, true]) }),
    () => ({ ...hub, name: chance.one<unknown>(['nowhere', '', null, 7, '../orders', 'orders/']) }),
    () => ({ ...partition, partition: chance.one<unknown>(['1', '-1', '', ' ', null, 'x', '0x0', 7]) }),
    () => ({ [`k${chance.below(9)}`]: 'x' }),
  ])();
}

/** Bytes that are no message. */
export function hostileMessage(chance: Chance): { bytes: Buffer; format: number } {
  const encoded = message.encode({ body: message.data_section(Buffer.from('event')) });
  const batch = message.encode({ body: message.data_sections([encoded, encoded]) });
  const bytes = chance.one<() => Buffer>([
    () => Buffer.concat([Buffer.from([1 + chance.below(255)]), chance.bytes(chance.below(100))]),
    // Cut in the middle of the only section, or of the second one.
    () => batch.subarray(0, 1 + chance.below(batch.length / 2 - 1)),
    () => batch.subarray(0, batch.length - 1 - chance.below(encoded.length)),
    () => Buffer.concat([batch, chance.bytes(1)]),
    () => Buffer.concat([batch, Buffer.from([0, 0x53, 0x79, 0x40])]),
    () => Buffer.concat([batch, Buffer.from([0, 0x53, 0x75, 0xb0, 0xff, 0xff, 0xff, 0xff])]),
    () => Buffer.from([0, 0x53, 0x75, 0xa0, 3, 1, 2, 3]),
    () => Buffer.from([0, 0x53, 0x75, 0xa0, 0]),
    () => Buffer.from([0, 0x53, 0x75, 0x40]),
    () => Buffer.from([0, 0x53, 0x72, 0xc1, 2, 3, 0x40]),
    () => Buffer.alloc(50_000),
    () => Buffer.alloc(chance.below(20) === 0 ? MAX_MESSAGE_BYTES + 1 : 1),
  ])();
  return { bytes, format: BATCH_FORMAT };
}

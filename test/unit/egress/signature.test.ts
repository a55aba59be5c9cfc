import { Webhook } from 'standardwebhooks';
import { newSecret, secretFault, sign } from '../../../src/domain/egress/signature';
import { fc } from '../../support/properties';

const key = fc.uint8Array({ minLength: 24, maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const id = fc.stringMatching(/^[0-9a-f]{64}$/);
const body = fc.json().filter((text) => text !== '');

describe('a signed request', () => {
  // Receivers refuse what is older than five minutes.
  const now = Math.floor(Date.now() / 1000);

  test('is what any of its secrets verifies, and no other secret', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 2, maxLength: 4 }), id, body, (keys, id, body) => {
        const [other = '', ...secrets] = keys.map(newSecret);
        const headers = sign(secrets, id, now, body);
        for (const secret of secrets)
          expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
        expect(() => new Webhook(other).verify(body, headers)).toThrow('No matching signature');
      }),
    );
  });

  test('is bound to its text, id and time', () => {
    const secret = newSecret(Buffer.alloc(32, 7));
    const headers = sign([secret], 'a1', now, '{"a":"é😀\\u0000"}');
    const webhook = new Webhook(secret);
    expect(webhook.verify('{"a":"é😀\\u0000"}', headers)).toEqual({ a: 'é😀\0' });
    const altered = [
      { ...headers, 'webhook-id': 'a2' },
      { ...headers, 'webhook-timestamp': String(now - 1) },
    ];
    for (const one of altered) expect(() => webhook.verify('{"a":"é😀\\u0000"}', one)).toThrow();
    expect(() => webhook.verify('{"a":"é😀\\u0001"}', headers)).toThrow();
  });

  test('says when it was signed, and what each secret makes of it', () => {
    // Computed with `openssl dgst -sha256 -mac HMAC`.
    const secrets = [newSecret(Buffer.alloc(24, 0xff)), newSecret(Buffer.alloc(64))];
    expect(sign(secrets, 'a1', 1_700_000_000, '{}')).toEqual({
      'webhook-id': 'a1',
      'webhook-timestamp': '1700000000',
      'webhook-signature':
        'v1,xP6joHJrlO0I8HvGl2szlCsZG7pbytL1HEAKDIbGo7k= v1,aoWhoNsiDNNNDPvMN7S4SnYJgL2SgYnCs/M9XfCqZ0s=',
    });
  });
});

describe('a secret', () => {
  test('that was made is one that is taken', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const secret = newSecret(bytes);
        expect(secret.startsWith('whsec_')).toBe(true);
        expect(secretFault(secret)).toBeUndefined();
      }),
    );
  });

  test.each([0, 23, 65])('is not made of %i bytes', (length) => {
    expect(() => newSecret(Buffer.alloc(length))).toThrow(RangeError);
  });

  const good = Buffer.alloc(32, 251).toString('base64');
  test.each([
    ['', 'It must begin with "whsec_".'],
    [good, 'It must begin with "whsec_".'],
    [`WHSEC_${good}`, 'It must begin with "whsec_".'],
    ['whsec_', 'It must hold 24 to 64 bytes; it holds 0.'],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, 'It must hold 24 to 64 bytes; it holds 23.'],
    [`whsec_${Buffer.alloc(65).toString('base64')}`, 'It must hold 24 to 64 bytes; it holds 65.'],
    [`whsec_${good.replace(/=+$/, '')}`, 'with its padding'],
    [`whsec_${Buffer.alloc(32, 251).toString('base64url')}`, 'base64'],
    [`whsec_${good}\n`, 'base64'],
    [`whsec_ ${good}`, 'base64'],
    [`whsec_${good}é`, 'base64'],
    // The last digit has bits that no byte takes.
    [`whsec_${Buffer.alloc(32).toString('base64').replace('A=', 'B=')}`, 'base64'],
  ])('%j is refused', (text, fault) => {
    expect(secretFault(text)).toContain(fault);
  });
});

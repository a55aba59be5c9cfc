import { createSecrets } from '../../../src/clients/secrets';
import { bearerToken, isTokenOf, subscriptionToken, tokenHash } from '../../../src/domain/egress/tokens';
import { mergePatch } from '../../../src/domain/mergePatch';
import type { Json, JsonObject } from '../../../src/domain/json';
import { fc } from '../../support/properties';

const secrets = createSecrets(Buffer.alloc(32, 1));
const ID = '0123456789abcdef'.repeat(2);

describe('a sealed secret', () => {
  test('is opened by the same key for the same subscription, and by no other', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (secret, id) => {
        const sealed = secrets.seal(id, secret);
        expect(JSON.parse(JSON.stringify(sealed))).toEqual(sealed);
        expect(secrets.open(id, sealed)).toBe(secret);
        expect(secrets.open(`${id}x`, sealed)).toBeUndefined();
        expect(createSecrets(Buffer.alloc(32, 2)).open(id, sealed)).toBeUndefined();
      }),
    );
  });

  test('is another one each time, and shows nothing of what is in it', () => {
    const [one, other] = [secrets.seal(ID, 'whsec_secret'), secrets.seal(ID, 'whsec_secret')];
    expect(one.iv).not.toBe(other.iv);
    expect(one.ciphertext).not.toBe(other.ciphertext);
    expect(Buffer.from(one.iv, 'base64')).toHaveLength(12);
    expect(Buffer.from(one.tag, 'base64')).toHaveLength(16);
  });

  test('that was altered is not opened, and nothing throws', () => {
    const sealed = secrets.seal(ID, 'whsec_secret');
    const part = fc.constantFrom('iv', 'ciphertext', 'tag');
    fc.assert(
      fc.property(part, fc.oneof(fc.base64String(), fc.string()), (name, value) => {
        fc.pre(!Buffer.from(value, 'base64').equals(Buffer.from(sealed[name as 'iv'], 'base64')));
        expect(secrets.open(ID, { ...sealed, [name]: value })).toBeUndefined();
      }),
    );
    // A short tag would be guessed soon.
    const tag = Buffer.from(sealed.tag, 'base64').subarray(0, 4).toString('base64');
    expect(secrets.open(ID, { ...sealed, tag })).toBeUndefined();
  });

  test('signs until it expires, the newest first', () => {
    const one = (secret: string, expiresAt?: string) => ({
      sealed: secrets.seal(ID, secret),
      createdAt: '',
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    const end = '2026-01-02T00:00:00.000Z';
    const subscription = { id: ID, secrets: [one('new'), one('old', end)] };
    expect(secrets.secretsOf(subscription, Date.parse(end) - 1)).toEqual(['new', 'old']);
    expect(secrets.secretsOf(subscription, Date.parse(end))).toEqual(['new']);
    expect(createSecrets(Buffer.alloc(32, 2)).secretsOf(subscription, 0)).toEqual([]);
  });
});

describe('a token', () => {
  const random = fc.uint8Array({ minLength: 32, maxLength: 32 });

  test('names its subscription, and is known by its hash', () => {
    fc.assert(
      fc.property(random, random, (mine, theirs) => {
        const token = subscriptionToken(ID, mine);
        expect(bearerToken(`Bearer ${token}`)).toEqual({ token, id: ID });
        expect(bearerToken(`bearer  ${token}`)).toEqual({ token, id: ID });
        expect(isTokenOf(token, tokenHash(token))).toBe(true);
        const other = subscriptionToken(ID, theirs);
        expect(isTokenOf(other, tokenHash(token))).toBe(other === token);
        expect(isTokenOf(token, undefined)).toBe(false);
        expect(isTokenOf(token, '')).toBe(false);
      }),
    );
  });

  test('of another form is none', () => {
    const token = subscriptionToken(ID, Buffer.alloc(32));
    const others = [
      null,
      '',
      'Bearer',
      'Bearer ',
      token,
      `Basic ${token}`,
      `Bearer ${token}=`,
      `Bearer ${token} x`,
    ];
    others.push(`Bearer ${token.toUpperCase()}`, `Bearer ${token.slice(0, -1)}`, `Bearer hws__${token}`);
    for (const header of others) expect(bearerToken(header)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (header) => expect(bearerToken(header)).toBeUndefined()));
  });
});

describe('a merge patch', () => {
  /** RFC 7396, appendix A, those whose patch is an object. */
  test.each<[Json, JsonObject, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, expected) => {
    const before = JSON.stringify(target);
    expect(mergePatch(target, patch)).toEqual(expected);
    expect(JSON.stringify(target)).toBe(before);
  });

  test('sets no prototype', () => {
    const merged = mergePatch(
      { a: 1 },
      JSON.parse('{"__proto__": {"b": 1}, "a": {"__proto__": {"c": 2}}}') as JsonObject,
    );
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(merged['b']).toBeUndefined();
    expect(Object.keys(merged)).toEqual(['a', '__proto__']);
  });
});

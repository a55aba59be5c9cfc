import { isSignedFor, signLink, type LinkOperation } from '../../src/domain/links';
import { fc } from '../support/properties';

const SECRET = 'a secret of at least 32 characters';
const operation = fc.constantFrom<LinkOperation>('status', 'terminate');
const id = fc.stringMatching(/^[0-9a-f]{32}$/);

test('a link opens the batch and the operation that it was made for', () => {
  fc.assert(
    fc.property(operation, id, (what, batchId) => {
      const signature = signLink(SECRET, what, batchId);
      expect(isSignedFor(SECRET, what, batchId, signature)).toBe(true);
      expect(signature).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }),
  );
});

test('and nothing else', () => {
  const signature = signLink(SECRET, 'status', 'abc');
  expect(isSignedFor(SECRET, 'terminate', 'abc', signature)).toBe(false);
  expect(isSignedFor(SECRET, 'status', 'abd', signature)).toBe(false);
  expect(isSignedFor(SECRET, 'status', '', signature)).toBe(false);
  expect(isSignedFor(`${SECRET}!`, 'status', 'abc', signature)).toBe(false);
  // Operation and batch cannot be read in another way than they were signed.
  expect(isSignedFor(SECRET, 'status', 'terminate\nabc', signLink(SECRET, 'terminate', 'abc'))).toBe(false);
});

test('any change of a signature closes it, and none makes the check throw', () => {
  const signature = signLink(SECRET, 'status', 'abc');
  const change = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      ' ',
      `${signature} `,
      ` ${signature}`,
      `${signature}=`,
      signature.slice(1),
      signature.toUpperCase(),
    ),
    fc
      .tuple(fc.nat(42), fc.constantFrom('A', 'B', '-'))
      .map(([at, by]) => signature.slice(0, at) + by + signature.slice(at + 1)),
  );
  fc.assert(
    fc.property(change, (given) => {
      expect(isSignedFor(SECRET, 'status', 'abc', given)).toBe(given === signature);
    }),
    { numRuns: 300 },
  );
});

test('a signature is stable: links outlive a deployment', () => {
  expect(signLink(SECRET, 'status', 'abc')).toBe('hex3zXyZrUxtn-DMqRTb2LScuCPEaYwAqRdsfSMOPFg');
  expect(signLink(SECRET, 'terminate', 'abc')).toBe('YF7rgRgJIoXXy9s9zA5tE39OE9anEmlfmY5YD0pMQNk');
});

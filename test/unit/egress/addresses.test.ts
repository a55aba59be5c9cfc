import { execFile } from 'node:child_process';
import * as http from 'node:http';
import * as https from 'node:https';
import { BlockList } from 'node:net';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { AddressRefused, createAgents } from '../../../src/clients/webhookAgents';
import { createWebhooks } from '../../../src/clients/webhooks';
import { addressFault } from '../../../src/domain/egress/address';
import { MAX_URL_LENGTH, urlFault } from '../../../src/domain/egress/url';
import { fc } from '../../support/properties';
import { answers, refusedAsDialled, refusedAsWritten } from './hostile-urls';
import { post, rawReceiver, type Receiver } from './receivers';

/** Listens on all of this machine's addresses. */
let receiver: Receiver;

beforeAll(async () => {
  receiver = await rawReceiver((socket) => socket.destroy(), '::');
});

afterAll(() => receiver.close());

const at = (url: string): string => url.replaceAll('{port}', String(receiver.port));

const resolve = (hostname: string): Promise<{ address: string; family: number }[]> => {
  const found = answers.get(hostname);
  if (!found) throw new Error(`${hostname} should not be looked up.`);
  return Promise.resolve(found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
};

describe('a request to an address that is not allowed', () => {
  const webhooks = createWebhooks({ allowLocal: false, timeoutMs: 5_000, resolve });
  let before: number;

  beforeEach(() => (before = receiver.connections()));
  afterEach(() => expect(receiver.connections()).toBe(before));
  afterAll(() => webhooks.close());

  test('there are enough of them, and each once', () => {
    const all = new Set([...refusedAsWritten, ...refusedAsDialled]);
    expect(all.size).toBe(refusedAsWritten.length + refusedAsDialled.length);
    expect(all.size).toBeGreaterThanOrEqual(200);
  });

  test.each(refusedAsWritten)('%j is refused as it is written', async (url) => {
    expect(await webhooks.send(post(at(url)))).toMatchObject({ type: 'failed', code: 'address-refused' });
    expect(urlFault(at(url), false)).toMatch(/^It/);
  });

  test.each(refusedAsDialled)('%j is refused when it is dialled', async (url) => {
    expect(urlFault(at(url), false)).toBeUndefined();
    expect(await webhooks.send(post(at(url)))).toMatchObject({
      type: 'failed',
      code: 'address-refused',
      message: expect.stringContaining('stands for') as string,
    });
  });

  test('a name that is rebound is refused from the next connection on', async () => {
    const said = ['192.0.2.1', '127.0.0.1'].map((address) => [{ address, family: 4 }]);
    const dialled: string[] = [];
    const rebinding = createWebhooks({
      allowLocal: false,
      timeoutMs: 5_000,
      resolve: (hostname) => {
        dialled.push(hostname);
        return Promise.resolve(said.shift() ?? []);
      },
    });
    const url = at('https://rebound.example:{port}/');
    expect(urlFault(url, false)).toBeUndefined();
    for (const address of ['192.0.2.1', '127.0.0.1']) {
      expect(await rebinding.send(post(url))).toMatchObject({
        code: 'address-refused',
        message: expect.stringContaining(`rebound.example stands for ${address}`) as string,
      });
    }
    expect(dialled).toEqual(['rebound.example', 'rebound.example']);
  });

  test('no proxy of the environment is asked to go there', async () => {
    const client = path.resolve('dist/clients/webhooks.js');
    const script = `
      const { createWebhooks } = require(${JSON.stringify(client)});
      const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
      createWebhooks({ allowLocal: false, timeoutMs: 5000, resolve })
        .send({ method: 'POST', url: 'https://receiver.example/', headers: {}, body: '' })
        .then(({ code }) => console.log(code));`;
    const proxy = at('http://127.0.0.1:{port}');
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy };
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { env });
    expect(stdout).toBe('address-refused\n');
  });
});

describe('the guard of connections, whatever was checked before', () => {
  const connect = (scheme: 'http:' | 'https:', hostname: string): Promise<Error> =>
    new Promise((resolve, reject) => {
      const agent = createAgents({ allowLocal: false }, true)[scheme];
      (scheme === 'http:' ? http : https)
        .get({ agent, hostname, port: receiver.port }, () => reject(new Error('It was answered.')))
        .on('error', resolve);
    });

  test.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    '::',
    '169.254.169.254',
    'fe80::1%lo',
    'localhost',
  ])('%s is not dialled', async (hostname) => {
    const before = receiver.connections();
    expect(await connect('http:', hostname)).toBeInstanceOf(AddressRefused);
    expect(await connect('https:', hostname)).toBeInstanceOf(AddressRefused);
    expect(receiver.connections()).toBe(before);
  });
});

test('with local addresses allowed they are dialled', async () => {
  const webhooks = createWebhooks({ allowLocal: true, timeoutMs: 5_000 });
  const before = receiver.connections();
  const urls = ['https://127.0.0.1:{port}/', 'http://0x7f.1:{port}/', 'https://localhost:{port}/'];
  for (const url of urls.map(at)) {
    expect(urlFault(url, true)).toBeUndefined();
    expect(await webhooks.send(post(url))).toMatchObject({
      code: url.startsWith('https') ? 'tls-failed' : 'no-answer',
    });
  }
  expect(receiver.connections()).toBeGreaterThanOrEqual(before + urls.length);
  webhooks.close();
});

describe('an address for storing', () => {
  test.each([
    'https://example.com/changes',
    'https://example.com:8443/a?b=c%20d',
    'https://93.184.215.14/',
    'https://[2606:4700::1111]/',
    'https://[64:ff9b::5db8:d70e]/',
    'https://bücher.example/ä',
    'https://localhost.example.com/',
    'https://notlocalhost/',
  ])('%s is taken', (url) => expect(urlFault(url, false)).toBeUndefined());

  test.each([
    ['http://example.com/', 'It must begin with https://.'],
    ['https://u:p@example.com/', 'It must not contain a user name or password: requests are signed.'],
    ['https://example.com/#a', 'It must not have a fragment: leave out what follows the "#".'],
    ['https://example.com/#', 'It must not have a fragment: leave out what follows the "#".'],
    ['https://example.com/a b', 'It must not contain spaces or control characters: write them as %20.'],
    ['example.com', 'It must be an absolute URL, such as https://example.com/changes.'],
    ['https://2130706433/', 'Its host must be public: 127.0.0.1 is loopback.'],
    [
      'https://[::ffff:10.0.0.1]/',
      'Its host must be public: [::ffff:a00:1] is an IPv4 address written as IPv6.',
    ],
    ['https://LOCALHOST/', 'Its host must be public: localhost is loopback.'],
  ])('%s is refused: %s', (url, fault) => expect(urlFault(url, false)).toBe(fault));

  test('is at most so long', () => {
    const url = 'https://example.com/'.padEnd(MAX_URL_LENGTH, 'a');
    expect(urlFault(url, false)).toBeUndefined();
    expect(urlFault(`${url}a`, false)).toBe(`It must be at most ${MAX_URL_LENGTH} characters long.`);
  });

  test('is otherwise the same where local ones are allowed', () => {
    expect(urlFault('http://127.0.0.1:8080/', true)).toBeUndefined();
    expect(urlFault('ftp://127.0.0.1/', true)).toBe('It must begin with https:// or http://.');
    expect(urlFault('http://u@127.0.0.1/', true)).toContain('user name');
  });

  test('no text makes the check throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, allowLocal) => {
        for (const url of [text, `https://${text}`, `https://[${text}]/`]) {
          const fault = urlFault(url, allowLocal);
          expect(fault === undefined || fault.startsWith('It')).toBe(true);
        }
      }),
    );
  });
});

describe('an IP address', () => {
  test.each([
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '1.0.0.0',
    '168.63.129.15',
    '168.63.129.17',
    '2000::',
    '2001:200::1',
    '2001:db7::1',
    '2001:db9::1',
    '2003::1',
    '2606:4700::1111',
    '3ffe::1',
    '3fff:1000::',
    '64:ff9b::808:808',
    '64:ff9b::8.8.8.8',
  ])('%s is allowed', (address) => expect(addressFault(address)).toBeUndefined());

  /** Read by another parser than ours. */
  const blockList = (family: 'ipv4' | 'ipv6', blocks: string): BlockList => {
    const list = new BlockList();
    for (const [address = '', bits] of blocks.split(' ').map((block) => block.split('/')))
      list.addSubnet(address, Number(bits), family);
    return list;
  };
  const ipv4 = blockList(
    'ipv4',
    '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3',
  );
  // ::/16 has all that embeds IPv4 at its end; 64:ff9b::/96 lies beside it.
  const ipv6 = blockList('ipv6', '::/16 2001:db8::/32 2002::/16 4000::/2 8000::/1');

  test('of the blocks that must not be reached is refused, in every way to write it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const fault = addressFault(address);
        if (ipv4.check(address)) expect(fault).toBeDefined();
        for (const prefix of ['::ffff:', '::', '::ffff:0:', '2002::', '64:ff9b:1::'])
          expect(addressFault(prefix + address)).toBeDefined();
        expect(addressFault(`64:ff9b::${address}`)).toBe(fault);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const fault = addressFault(address);
        const { hostname } = new URL(`https://[${address}]`);
        expect(addressFault(hostname.slice(1, -1))).toBe(fault);
        expect(addressFault(address.toUpperCase())).toBe(fault);
        expect(addressFault(`${address}%eth0`)).toBe(fault);
        if (ipv6.check(address, 'ipv6')) expect(fault).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '0x1.2.3.4',
    '1.2.3.-4',
    ' 1.2.3.4',
    '1.2.3.4\n',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '2000:::',
    '12345::',
    '2600::1.2.3',
    '2600::g',
    '2600::1.2.3.4.5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '2600:1.2.3.4::',
    '2600::1/64',
    'example.com',
    '%eth0',
  ])('is not what %j writes', (text) => expect(addressFault(text)).toBe('is no IP address'));
});

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AccountSASPermissions,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { blobConnectionString } from '../../../local/blob/server';
import { random } from '../../../tools/lib/random';
import { type Hostile, hostileRequest, type Target } from './blob-requests';
import { Chance, ChildEndpoint, SEED } from './child-endpoint';

const REQUESTS = 2_000;
const LANES = 8;
/** Requests of a lane between two good ones. */
const STEP = 10;
const STORE = { account: 'hostile', key: Buffer.alloc(64, 3).toString('base64') };
const CONTENT = Buffer.alloc(100, 'content ');

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly body: string;
}

let dataDir: string;
let endpoint: ChildEndpoint;
let service: BlobServiceClient;
let target: Target;
const agent = new Agent({ keepAlive: true, maxSockets: LANES });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hostile-blob-'));
  endpoint = await ChildEndpoint.start('blob', { dataDir, ...STORE });
  service = BlobServiceClient.fromConnectionString(blobConnectionString({ port: endpoint.port, ...STORE }));
  await service.createContainer('target');
  await service.getContainerClient('target').getBlockBlobClient('there').upload(CONTENT, CONTENT.length);
  const credential = new StorageSharedKeyCredential(STORE.account, STORE.key);
  const sas = (expires: number, signer = credential): string =>
    generateAccountSASQueryParameters(
      {
        expiresOn: new Date(Date.now() + expires),
        permissions: AccountSASPermissions.parse('rwdlacup'),
        resourceTypes: 'sco',
        services: 'b',
      },
      signer,
    ).toString();
  const stranger = new StorageSharedKeyCredential(STORE.account, Buffer.alloc(64, 4).toString('base64'));
  target = {
    account: STORE.account,
    container: 'target',
    blob: 'there',
    credential,
    sas: { good: sas(3_600_000), expired: sas(-1_000), foreign: sas(3_600_000, stranger) },
  };
});
afterAll(async () => {
  agent.destroy();
  await endpoint.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function send({ method, path, headers, body }: Extract<Hostile, { method: string }>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const latin1 = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.trim() === '' ? 'empty' : value]),
    );
    const sizes = { ...latin1, 'content-length': String(body?.length ?? 0) };
    const message = request({ port: endpoint.port, agent, method, path, headers: sizes }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          code: String(reply.headers['x-ms-error-code']),
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    message.on('error', reject);
    message.end(body);
  });
}

/** What comes back on a connection of its own until the endpoint closes it. */
function sendBytes(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(endpoint.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.end(bytes);
  });
}

/** What is wrong with how the endpoint took the request; undefined when nothing is. */
async function fault(hostile: Hostile): Promise<string | undefined> {
  if ('bytes' in hostile) {
    const text = await sendBytes(hostile.bytes);
    // A request that breaks off may be left without an answer.
    const isRefused = /^HTTP\/1\.1 4\d\d [^]*<Error><Code>[A-Za-z]+<\/Code>/.test(text);
    return text === '' || isRefused ? undefined : text.slice(0, 200);
  }
  const { status, code, body } = await send(hostile);
  const isRefused = (status >= 400 && status < 500) || status === 501;
  const isTold = hostile.method === 'HEAD' || body.includes(`<Error><Code>${code}</Code>`);
  return isRefused && isTold ? undefined : `${status} ${code} ${body.slice(0, 200)}`;
}

test(`${REQUESTS} malformed requests are refused, and cost nobody else anything (seed ${SEED})`, async () => {
  const blob = service.getContainerClient('target').getBlobClient('there');
  const lane = async (index: number): Promise<void> => {
    const chance = new Chance(random(SEED + index));
    for (let count = 0; count < REQUESTS / LANES; count += 1) {
      const hostile = hostileRequest(chance, target);
      const found = await fault(hostile);
      if (found !== undefined)
        throw new Error(`Seed ${SEED}: ${JSON.stringify(hostile)} was answered: ${found}`);
      if (count % STEP === 0) expect((await blob.downloadToBuffer()).equals(CONTENT)).toBe(true);
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  expect(endpoint.isAlive).toBe(true);
  const names: string[] = [];
  for await (const { name } of service.getContainerClient('target').listBlobsFlat()) names.push(name);
  expect(names).toEqual(['there']);
  expect((await blob.getProperties()).metadata).toEqual({});
});

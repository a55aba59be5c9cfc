import { createHmac } from 'node:crypto';
import type { CosmosClientOptions } from '@azure/cosmos';
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { cosmosSigner, withKeyObject } from '../../src/clients/signing';

type Request = Parameters<NonNullable<CosmosClientOptions['tokenProvider']>>[0];

/** The example of https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources. */
const KEY = 'dsZQi3KtZmCv1ljt3VNWNm7sQUF1y5rJfC6kv5JiwvW0EndXdDku/dkKBp8/ufDToSxLzR4y+O/0H/t4bQtVNw==';
const request = (changes: object = {}): Request =>
  ({
    verb: 'GET',
    path: '/dbs/ToDoList',
    resourceType: 'dbs',
    resourceId: 'dbs/ToDoList',
    headers: { 'x-ms-date': 'Thu, 27 Apr 2017 00:51:12 GMT' },
    ...changes,
  }) as unknown as Request;

describe('the signer of Cosmos DB', () => {
  const signer = cosmosSigner(`AccountEndpoint=https://a.documents.azure.com:443/;AccountKey=${KEY};`);
  const token = async (one: Request): Promise<string | undefined> => signer?.tokenProvider(one);

  test('signs as the documentation says, however often', async () => {
    expect(signer?.endpoint).toBe('https://a.documents.azure.com:443/');
    for (let time = 0; time < 2; time++)
      expect(await token(request())).toBe(
        'type=master&ver=1.0&sig=c09PEVJrgp2uQRkr934kFbTqhByc7TVr3OHyqlu+c+c=',
      );
  });

  test('signs each of method, type, name and time', async () => {
    const others = [
      { verb: 'PUT' },
      { resourceType: 'colls' },
      { resourceId: 'dbs/todolist' },
      { headers: { 'x-ms-date': 'Thu, 27 Apr 2017 00:51:13 GMT' } },
      { resourceType: undefined, resourceId: undefined },
    ];
    const all = await Promise.all([{}, ...others].map((changes) => token(request(changes))));
    expect(new Set(all).size).toBe(others.length + 1);
  });

  test.each(['AccountEndpoint=https://a;', 'AccountEndpoint=https://a;AccountKey=type=sas&ver=1.0&sig=x'])(
    'leaves %s to the SDK',
    (connectionString) => expect(cosmosSigner(connectionString)).toBeUndefined(),
  );
});

test('a credential of storage signs with a key object as it does with bytes', () => {
  const credential = withKeyObject(new StorageSharedKeyCredential('account', KEY));
  expect(credential.computeHMACSHA256('text')).toBe(
    createHmac('sha256', Buffer.from(KEY, 'base64')).update('text').digest('base64'),
  );
  expect(Buffer.isBuffer(Reflect.get(credential, 'accountKey'))).toBe(false);
});

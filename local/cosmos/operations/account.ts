import { ok, type Outcome } from '../errors';
import type { CosmosRequest, Reply } from '../http';

const REGION = 'Local';

/** `GET /`: one region for reads and writes, at the address by which the client came. */
export function readAccount(request: CosmosRequest): Outcome<Reply> {
  const locations = [{ name: REGION, databaseAccountEndpoint: `${request.origin}/` }];
  const body = {
    _self: '',
    id: 'headwater',
    _rid: 'headwater.local',
    media: '//media/',
    addresses: '//addresses/',
    _dbs: '//dbs/',
    writableLocations: locations,
    readableLocations: locations,
    enableMultipleWriteLocations: false,
    userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 1 },
    userConsistencyPolicy: { defaultConsistencyLevel: 'Session' },
    systemReplicationPolicy: { minReplicaSetSize: 1, maxReplicasetSize: 1 },
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    queryEngineConfiguration: JSON.stringify({ maxSqlQueryInputLength: 512 * 1024, maxJoinsPerSqlQuery: 10 }),
  };
  return ok({ status: 200, body: JSON.stringify(body), charge: 0 });
}

/** What the links of the Durable HTTP API are made of. */
export interface LinkBase {
  /** e.g. `http://127.0.0.1:7071` */
  origin: string;
  /** e.g. `/runtime/webhooks/durabletask` */
  prefix: string;
  taskHub: string;
  connection: string;
  systemKey: string;
}

/** An id as the platform writes it into links (.NET's `WebUtility.UrlEncode`). */
export function encodeId(id: string): string {
  return encodeURIComponent(id)
    .replaceAll('%20', '+')
    .replace(/['~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The inverse of {@link encodeId}; undefined when the text is no valid encoding. */
export function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment.replaceAll('+', '%20'));
  } catch {
    return undefined;
  }
}

function linksOf(base: LinkBase, encodedId: string): Record<string, string> {
  const instance = `${base.origin}${base.prefix}/instances/${encodedId}`;
  const hub = `taskHub=${encodeURIComponent(base.taskHub)}&connection=${encodeURIComponent(base.connection)}`;
  const query = `${hub}&code=${encodeURIComponent(base.systemKey)}`;
  return {
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

/**
 * The body of the answer to a start:
 * https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api#start-orchestration
 */
export function managementPayload(base: LinkBase, id: string): Record<string, string> {
  const { rewindPostUri: _, ...links } = linksOf(base, encodeId(id));
  return { id, ...links };
}

const ID_PLACEHOLDER = 'INSTANCEID';

/** The JSON text that a function with a durable client input binding receives. */
export function clientBindingData(base: LinkBase, rpcBaseUrl: string): string {
  const root = `${base.origin}${base.prefix}`;
  const code = `code=${encodeURIComponent(base.systemKey)}`;
  const start = `${root}/orchestrators/{functionName}[/{instanceId}]`;
  return JSON.stringify({
    taskHubName: base.taskHub,
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${start}?${code}`,
      createAndWaitOnNewInstancePostUri: `${start}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${code}`,
    },
    managementUrls: { id: ID_PLACEHOLDER, ...linksOf(base, ID_PLACEHOLDER) },
    baseUrl: root,
    requiredQueryStringParameters: code,
    rpcBaseUrl,
    httpBaseUrl: null,
    maxGrpcMessageSizeInBytes: null,
    grpcHttpClientTimeout: null,
  });
}

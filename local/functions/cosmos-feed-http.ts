import * as http from 'node:http';
import * as https from 'node:https';
import type { CosmosClientOptions } from '@azure/cosmos';

type HttpClient = NonNullable<CosmosClientOptions['httpClient']>;
type HttpRequest = Parameters<HttpClient['sendRequest']>[0];
type HttpResponse = Awaited<ReturnType<HttpClient['sendRequest']>>;

/** Changes as the store sent them. */
export interface RawChanges {
  /** The UTF-8 of a JSON array. */
  readonly utf8: Buffer;
  readonly count: number;
}

const OK = 200;

/**
 * HTTP for a client of the SDK that reads change feeds: the changes of a page are kept aside as they came, for whoever
 * passes them on, and the SDK is given a number in their place. To parse them and to write them again is most of what a
 * page costs, and nobody in between looks at them.
 */
export class FeedHttpClient implements HttpClient {
  private readonly kept = new Map<string, RawChanges>();
  private pages = 0;

  async sendRequest(request: HttpRequest): Promise<HttpResponse> {
    const { status, headers, body } = await exchange(request);
    const isPage = status === OK && request.headers.has('a-im');
    return { request, status, headers, bodyAsText: isPage ? this.keep(body) : body.toString('utf8') };
  }

  /** The changes that `page`, the only document of the SDK's page, stands for. */
  take(page: unknown): RawChanges {
    const name = String(page);
    const changes = this.kept.get(name);
    if (!changes) throw new Error('A page of the change feed was read twice.');
    this.kept.delete(name);
    return changes;
  }

  private keep(body: Buffer): string {
    const name = String(++this.pages);
    this.kept.set(name, changesIn(body));
    return JSON.stringify({ Documents: [name] });
  }
}

const HEAD = /^\{"_rid":"[^"]*","Documents":(?=\[)/;
const TAIL = /(?<=\]),"_count":(\d+)\}$/;
/** Beginning and end are looked for within so many bytes. */
const ENDS_BYTES = 200;

/** The changes of a page `{"_rid":"…","Documents":[…],"_count":…}`. One that is written differently is parsed. */
export function changesIn(body: Buffer): RawChanges {
  const head = HEAD.exec(body.toString('latin1', 0, ENDS_BYTES));
  const tail = TAIL.exec(body.toString('latin1', Math.max(0, body.length - ENDS_BYTES)));
  if (head && tail) {
    return {
      utf8: body.subarray(head[0].length, body.length - tail[0].length),
      count: Number(tail[1]),
    };
  }
  const { Documents } = JSON.parse(body.toString('utf8')) as { Documents: unknown[] };
  return { utf8: Buffer.from(JSON.stringify(Documents)), count: Documents.length };
}

interface Exchange {
  readonly status: number;
  readonly headers: HttpResponse['headers'];
  readonly body: Buffer;
}

function exchange(request: HttpRequest): Promise<Exchange> {
  const { method, url, headers, body, abortSignal, agent } = request;
  const send = url.startsWith('https:') ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const outgoing = send(
      url,
      {
        method,
        agent: agent as http.Agent & https.Agent,
        headers: headers.toJSON(),
        ...(abortSignal ? { signal: abortSignal as AbortSignal } : {}),
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on('data', (part: Buffer) => parts.push(part));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: headersOf(request, incoming),
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' ? body : undefined);
  });
}

/** The SDK has its own class for headers, of which the request has one. */
function headersOf({ headers }: HttpRequest, incoming: http.IncomingMessage): HttpResponse['headers'] {
  const made = new (headers.constructor as new () => HttpResponse['headers'])();
  for (const [name, values = []] of Object.entries(incoming.headersDistinct)) made.set(name, values.join(', '));
  return made;
}

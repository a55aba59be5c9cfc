import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { CosmosClient, type Database } from '@azure/cosmos';
import { cosmosConnectionString, type CosmosOptions } from '../../../local/cosmos/server';
import type { FromChild } from '../../../local/shared/child';

/** What these tests run: the built endpoint. */
export const MAIN = resolve('build/local/cosmos/main.js');
const KEY = Buffer.from('a key for tests only').toString('base64');

const GONE = { kind: 'gone' } as const;

/** What became of a request; of one whose endpoint is gone nobody knows whether it had its effect. */
export type Answer<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: number }
  | typeof GONE;

/** A status, or the name of what befell the connection; batches have it in the cause of their error. */
function codeOf(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return code ?? cause?.code;
}

/** One life of an endpoint in a process of its own, which can be killed. */
export class Endpoint {
  readonly client: CosmosClient;
  private untilKill = Infinity;

  private constructor(
    readonly child: ChildProcess,
    private readonly gone: Promise<typeof GONE>,
    port: number,
  ) {
    this.client = new CosmosClient(cosmosConnectionString({ port, key: KEY }));
  }

  /** @throws what the endpoint says when it does not start. */
  static async start(dataDir: string, options: Partial<CosmosOptions> = {}): Promise<Endpoint> {
    const child = fork(MAIN, { execArgv: ['--disable-warning=ExperimentalWarning'], silent: true });
    const gone = once(child, 'exit').then(() => GONE);
    child.send({ type: 'start', options: { dataDir, port: 0, key: KEY, ...options } });
    const [answer] = (await once(child, 'message')) as [FromChild];
    if (answer.type === 'ready') return new Endpoint(child, gone, answer.port);
    child.kill('SIGKILL');
    await gone;
    throw new Error(answer.message);
  }

  get database(): Database {
    return this.client.database('db');
  }

  /** Has it killed, in the middle of all it does, when so many more writes are acknowledged. */
  killAfter(writes: number): void {
    this.untilKill = writes;
  }

  /** The client would repeat a read for seconds: what is gone is not waited for. */
  async read<T>(request: Promise<T>): Promise<Answer<T>> {
    return Promise.race([this.answerTo(request), this.gone]);
  }

  private async answerTo<T>(request: Promise<T>): Promise<Answer<T>> {
    try {
      return { kind: 'done', value: await request };
    } catch (error) {
      const code = codeOf(error);
      if (typeof code === 'number') return { kind: 'refused', code };
      if (typeof code === 'string') return this.gone;
      throw error;
    }
  }

  async write<T>(request: Promise<T>): Promise<Answer<T>> {
    const answer = await this.read(request);
    if (answer.kind === 'done' && --this.untilKill === 0) this.child.kill('SIGKILL');
    return answer;
  }

  async kill(): Promise<void> {
    this.client.dispose();
    this.child.kill('SIGKILL');
    await this.gone;
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Another local endpoint of the same kind, as a process of its own. */
export interface Peer {
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** The account that every Azurite has: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite */
const AZURITE = {
  account: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
};

/** Those of `bench/peers`; undefined when they are not installed. */
export function findPeers(root: string): Peers | undefined {
  const modules = join(root, 'bench', 'peers', 'node_modules');
  return existsSync(modules) ? new Peers(modules) : undefined;
}

export class Peers {
  constructor(private readonly modules: string) {}

  async azurite(folder: string): Promise<Peer> {
    const script = join(this.modules, 'azurite', 'dist', 'src', 'blob', 'main.js');
    const options = ['--location', folder, '--blobPort', '0', '--skipApiVersionCheck', '--disableTelemetry'];
    const { match, stop } = await serving(script, options, /listens on (http:\/\/\S+)/);
    const { account, key } = AZURITE;
    return {
      stop,
      connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${match}/${account};`,
    };
  }

  async cosmosServer(): Promise<Peer> {
    const script = join(this.modules, '@vercel', 'cosmosdb-server', 'lib', 'cli.js');
    const options = ['-p', '0', '--host', '127.0.0.1', '--no-ssl'];
    const { match, stop } = await serving(script, options, /HTTP connections at (\S+)/);
    return {
      stop,
      connectionString: `AccountEndpoint=http://${match}/;AccountKey=bm9ib2R5IGNoZWNrcyBpdA==;`,
    };
  }
}

/** Starts a process and waits for the line that says where it serves. @throws when it ends before that */
async function serving(
  script: string,
  options: readonly string[],
  line: RegExp,
): Promise<{ match: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [script, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exit = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill();
    await exit;
  };
  const found = Promise.withResolvers<string>();
  createInterface(child.stdout).on('line', (text) => {
    const match = line.exec(text)?.[1];
    if (match !== undefined) found.resolve(match);
  });
  void exit.then(([code]) => found.reject(new Error(`${script} ended with ${String(code)}.`)));
  return { match: await found.promise, stop };
}

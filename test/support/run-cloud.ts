import { disposeOnSignals, startLocalCloud, type LocalCloudOptions } from '../../local/start';

/** A supervisor in a process of its own, for tests that kill it. */
async function main(): Promise<void> {
  const cloud = await startLocalCloud(JSON.parse(process.env['CLOUD'] ?? '{}') as LocalCloudOptions);
  disposeOnSignals(cloud);
  const worker = Number(await (await fetch(`${cloud.url}/api/pid`)).text());
  process.send?.({ pids: [worker, ...cloud.children.map(({ pid }) => pid)] });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});

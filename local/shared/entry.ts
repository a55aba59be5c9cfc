import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';

/**
 * The compiled entry file of a child process that lies beside the caller: `entryPoint(__dirname, 'main')`.
 *
 * Tests run the TypeScript sources, which `fork` cannot: the same file of the build folder is used then.
 * @throws when the project has not been built.
 */
export function entryPoint(directory: string, name: string): string {
  const beside = join(directory, `${name}.js`);
  if (existsSync(beside)) return beside;
  const at = directory.lastIndexOf(`${sep}local`);
  const built = join(directory.slice(0, at), 'build', directory.slice(at), `${name}.js`);
  if (at < 0 || !existsSync(built)) throw new Error(`${built} is missing: build the project first (tsc -b).`);
  return built;
}

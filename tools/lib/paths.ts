import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the project: the next one up with a `package.json`, seen from the source and from the build. */
export const APP_DIR = projectFolder(__dirname);

/** What is built of this folder: processes are forked from there, also by tests, which run the source. */
export const BUILT_LIB = join(APP_DIR, 'build', 'tools', 'lib');

function projectFolder(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : projectFolder(dirname(from));
}

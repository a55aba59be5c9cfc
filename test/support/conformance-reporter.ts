import { basename, dirname, join, relative, sep } from 'node:path';
import type { Standing } from './standing';

/** What jest tells a reporter of a file (https://jestjs.io/docs/configuration#reporters). */
interface TestFile {
  readonly path: string;
  readonly context: { readonly config: { readonly rootDir: string } };
}

interface FileResult {
  readonly numPassingTests: number;
  readonly numFailingTests: number;
}

interface Count {
  passed: number;
  failed: number;
}

/** Prints a line for each folder of `test/conformance` that was run: what passed, what deviates, what is not there. */
export default class ConformanceReporter {
  private readonly counts = new Map<string, Count>();

  onTestResult(test: TestFile, { numPassingTests, numFailingTests }: FileResult): void {
    const [, folder, service] = relative(test.context.config.rootDir, test.path).split(sep);
    if (folder !== 'conformance' || service === undefined) return;
    const count = this.counts.get(service) ?? { passed: 0, failed: 0 };
    count.passed += numPassingTests;
    count.failed += numFailingTests;
    this.counts.set(service, count);
  }

  onRunComplete(): void {
    for (const [service, count] of [...this.counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      console.log(line(service, count));
  }
}

function line(service: string, { passed, failed }: Count): string {
  const { deviations, notImplemented } = standingOf(service);
  return (
    `conformance ${service}: ${passed} passed${failed > 0 ? `, ${failed} FAILED` : ''}; ` +
    `${deviations.length} deviations with a reason; not implemented: ${notImplemented.length}` +
    ` (local/${service}/README.md)`
  );
}

/** Compiled beside this file. */
function standingOf(service: string): Standing {
  const file = join(dirname(__dirname), 'conformance', basename(service), 'standing.js');
  // oxlint-disable-next-line typescript/no-require-imports
  return (require(file) as { standing: Standing }).standing;
}

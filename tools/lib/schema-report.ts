import type { SchemaCheckResult, SchemaVersion, VersionCheck } from './schema-check';
import type { Breaks, SchemaChange } from './schemas/finding';
import { table } from './table';

const WHOM: Readonly<Record<Breaks, string>> = {
  both: 'Breaks producers and consumers',
  producers: 'Breaks producers',
  consumers: 'Breaks consumers',
  nobody: 'Breaks nobody',
};

/** The worst first. */
const ORDER: readonly Breaks[] = ['both', 'producers', 'consumers', 'nobody'];

const documentsText = (documents: number): string =>
  `${documents.toLocaleString('en')} ${documents === 1 ? 'document' : 'documents'}`;

function changeLines({ pointer, change, why }: SchemaChange): string[] {
  return [`    ${pointer === '' ? '(the whole schema)' : pointer}`, `      ${change}`, `      ${why}`];
}

function versionLines(check: VersionCheck, file: string): string[] {
  const { schemaVersion, current, documents, changes, versionRaised } = check;
  const groups = ORDER.flatMap((breaks) => {
    const group = changes.filter((change) => change.breaks === breaks);
    return group.length > 0 ? [`  ${WHOM[breaks]}`, ...group.flatMap(changeLines), ''] : [];
  });
  const nothing = versionRaised === null ? '  It is this version.' : '  Nothing that matters has changed.';
  const unraised = `  x-headwater.version is not higher than that of ${schemaVersion}, though ${file} is another schema: raise it.`;
  return [
    `against ${schemaVersion}: ${current ? 'deployed, ' : ''}${documentsText(documents)}`,
    '',
    ...(groups.length > 0 ? groups : [nothing, '']),
    ...(versionRaised === false ? [unraised, ''] : []),
  ];
}

/** The result of a check as people read it. */
export function reportText(result: SchemaCheckResult, file: string): string {
  const { dataset, schemaVersion, against, notCompared, breaks } = result;
  const sum = breaks === 'nobody' ? 'It breaks nobody.' : `It ${WHOM[breaks].replace('Breaks', 'breaks')}.`;
  return [
    `${file} as the data set ${dataset}, version ${schemaVersion}`,
    '',
    ...against.flatMap((check) => versionLines(check, file)),
    ...notCompared.map(({ schemaVersion: version, why }) => `Not compared with ${version}: ${why}`),
    notCompared.length > 0 && breaks === 'nobody' ? 'Whether it breaks anybody cannot be said.' : sum,
  ].join('\n');
}

/** Data sets with their versions. */
export function versionsText(all: ReadonlyMap<string, readonly SchemaVersion[]>): string {
  const rows = Array.from(all).flatMap(([dataset, versions]) =>
    versions.map(({ schemaVersion, current, documents, keptAt }) => [
      dataset,
      schemaVersion,
      current ? 'deployed' : '',
      documents.toLocaleString('en'),
      keptAt ?? 'not in use yet',
    ]),
  );
  return table(['data set', 'version', '', 'documents', 'first batch'], rows);
}

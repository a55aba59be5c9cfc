import { arch, cpus, platform, totalmem } from 'node:os';
import type { Latency } from '../load/options';
import { diskCourse, memoryCourse, type Course } from './footprint';
import { twoColumns } from '../table';
import type { Proof } from './run';
import { SABOTAGES } from './sabotages';

/** Whether nothing is wrong, or, with sabotage, all that was lost on purpose was found and named. */
export function isProved({ options, checked, drain, load, sabotaged }: Proof): boolean {
  const { findings } = checked;
  const { sabotage } = options;
  if (sabotage === undefined)
    return findings.total === 0 && drain.done && load.unanswered + load.failed === 0;
  const codes: readonly string[] = SABOTAGES[sabotage].findings;
  const named = findings.first.filter(({ code }) => codes.includes(code));
  return (
    sabotaged.length === SABOTAGES[sabotage].losses &&
    sabotaged.every((names) =>
      named.some(({ id = '', key = '' }) => names.includes(id) || names.includes(key)),
    )
  );
}

type Rows = readonly (readonly [string, string])[];

const count = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });

const ms = (value: number): string => `${count(Math.round(value))} ms`;

function latencyText(latency: Latency | null | undefined): string {
  if (!latency) return 'nobody can tell';
  const { p50, p99, p999, max } = latency;
  return `p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)}`;
}

/** The figures of a run, by name. */
export function figures(proof: Proof): Rows {
  const { load, drain, checked, times, kills, options } = proof;
  const { hub, verdicts, deliveries, findings, lost } = checked;
  const perRecord = (value: number): string =>
    hub.lines === 0 ? 'nobody can tell' : count(value / hub.lines);
  const killed = Object.entries(Object.groupBy(kills, ({ victim }) => victim));
  return [
    [
      'load',
      `${options.rate} records a second for ${options.duration} s after ${options.warmUp} s of warm-up, over ${options.connections} connections`,
    ],
    ['seeds', `${options.seed} for records, refusals and kills; ${count(options.ids)} keys`],
    ...(options.chaos
      ? [
          [
            'kill -9',
            killed.map(([victim, all]) => `${all?.length ?? 0} × ${victim}`).join(', ') || 'none',
          ] as const,
        ]
      : []),
    ['accepted (202)', `${count(load.accepted)} of ${count(load.due)}; sent again ${count(load.retried)}`],
    ['lost', count(lost)],
    [
      'duplicates',
      `${count(hub.unanswered)} after requests without an answer, ${count(hub.sameId)} within the app`,
    ],
    ['findings', count(findings.total)],
    [
      'verdicts',
      Object.entries(verdicts)
        .map(([verdict, times]) => `${count(times)} ${verdict}`)
        .join(', '),
    ],
    [
      'stored',
      `${count(proof.batches)} batches, ${count(proof.documents)} documents, ${count(proof.versions)} versions`,
    ],
    ...Array.from(
      deliveries,
      ([name, { taken, again }]) =>
        [`told: ${name}`, `${count(taken)}, ${count(again)} of them again`] as const,
    ),
    ['refused deliveries', count(proof.refusedDeliveries)],
    ['due → 202', latencyText(load.latency)],
    ['due → verdict', latencyText(times.toVerdict)],
    ...Object.entries(times.toConsumer).map(
      ([name, latency]) => [`due → ${name}`, latencyText(latency)] as const,
    ),
    ...Object.entries(times.lag).map(
      ([name, latency]) => [`egress lag: ${name}`, latencyText(latency)] as const,
    ),
    ['drain', drainText(drain)],
    ['RU a record', `${perRecord(proof.requestUnits)} to land it`],
    [
      'CPU ms a record',
      Object.entries(proof.cpuSeconds)
        .map(([name, seconds]) => `${name} ${perRecord(seconds * 1_000)}`)
        .join(', '),
    ],
    // Too short a run tells no course, and a killed process begins anew.
    ...(options.chaos ? [] : courses(proof)),
  ];
}

function courses({ footprints, options }: Proof): Rows {
  const memory = memoryCourse(footprints);
  if (memory.length === 0 || memory.some(({ before }) => Number.isNaN(before))) return [];
  const text = (course: readonly Course[], factor: number): string =>
    course
      .map(
        ({ name, before, after }) =>
          `${name} ${count(Math.round(before * factor))} → ${count(Math.round(after * factor))}`,
      )
      .join(', ');
  return [
    ['memory MiB', `${text(memory, 1)} (second quarter of the load → last)`],
    ['disk bytes a record', `${text(diskCourse(footprints), 1 / options.rate)} (the same)`],
  ];
}

function drainText({ upsertedMs, deliveredMs, done }: Proof['drain']): string {
  const landed = upsertedMs === undefined ? 'not everything landed' : `landed after ${ms(upsertedMs)}`;
  const told =
    deliveredMs === undefined ? 'not everything was delivered' : `delivered after ${ms(deliveredMs)}`;
  return `${landed}, ${told}${done || deliveredMs === undefined ? '' : ', but something stays pending'}`;
}

/** One page for people: figures, then what is wrong. */
export function proofText(proof: Proof): string {
  const { options, checked, sabotaged } = proof;
  const { findings } = checked;
  const lines = findings.first.map(
    ({ code, detail, id, key }) =>
      `  ✗ ${code}${key === undefined ? '' : ` ${key}`}${id === undefined ? '' : ` (record ${id})`}: ${detail}`,
  );
  const rest = findings.total - findings.first.length;
  const summary = Object.entries(findings.byCode).map(([code, times]) => `${times} ${code}`);
  return [
    twoColumns(figures(proof)),
    ...(lines.length > 0 ? ['', ...lines] : []),
    ...(rest > 0 ? [`  and ${count(rest)} more; in all ${summary.join(', ')}`] : []),
    '',
    ...sabotaged.map((names) => `lost on purpose (${options.sabotage}): ${names.slice(0, 3).join(', ')}`),
    verdictText(proof),
  ].join('\n');
}

function verdictText(proof: Proof): string {
  const { checked, drain } = proof;
  const { sabotage } = proof.options;
  const { failed, unanswered } = proof.load;
  if (sabotage === undefined && isProved(proof)) return 'Proved: nothing was lost.';
  if (sabotage === undefined)
    return `NOT proved: ${count(checked.findings.total)} findings, ${failed + unanswered} records that were never accepted${drain.done ? '' : ', and the end was not reached'}.`;
  if (proof.sabotaged.length < SABOTAGES[sabotage].losses)
    return 'Not everything was lost that was to be: the fault was not reached.';
  return isProved(proof) ? 'The loss was found.' : 'The loss was NOT found.';
}

/** Figures and findings, for programs. */
export function proofJson(proof: Proof): object {
  const { checked, ...rest } = proof;
  const { findings, lost, hub, verdicts, deliveries } = checked;
  return {
    proved: isProved(proof),
    ...rest,
    checked: {
      lost,
      hub,
      verdicts,
      deliveries: Object.fromEntries(deliveries),
      findings: findings.first,
      findingCounts: findings.byCode,
    },
  };
}

const INTRODUCTION = `# Proof

What \`npm run prove\` has found, as it ran last: without kills, with \`--chaos\`, and for a quarter of an hour or more. [docs/proving.md](../docs/proving.md) says what is checked, and what is not. Load, cloud and subscribers share one machine.
`;

/** A run that lasts so long (s) is about memory and disk. */
const LONG_SECONDS = 900;

function sectionOf({ chaos, duration }: Proof['options']): string {
  if (duration >= LONG_SECONDS) return chaos ? 'A long run with kills' : 'A long run';
  return chaos ? 'With kills' : 'Without kills';
}

/** The text of PROOF.md in which the section of this run is the new one. */
export function record(existing: string, proof: Proof, now: Date): string {
  const sections = new Map<string, string>();
  for (const section of existing.split(/^(?=## )/m).slice(1))
    sections.set(section.slice(3, section.indexOf('\n')).trim(), section.trim());
  const name = sectionOf(proof.options);
  const processors = cpus();
  const machine = `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`;
  const findings = proof.checked.findings.first.map(
    ({ code, detail, id, key }) => `- ${code} ${key ?? ''} ${id ?? ''}: ${detail}`,
  );
  sections.set(
    name,
    [
      `## ${name}`,
      '',
      `${now.toISOString().slice(0, 10)}, Node ${process.version}, ${machine}. ${verdictText(proof)}`,
      '',
      '| figure | value |',
      '| --- | --- |',
      ...figures(proof).map(([figure, value]) => `| ${figure} | ${value.replaceAll('|', '\\|')} |`),
      ...(findings.length > 0 ? ['', ...findings] : []),
    ].join('\n'),
  );
  return `${[INTRODUCTION.trim(), ...sections.values()].join('\n\n')}\n`;
}

import type { OutputData } from './protocol';
import { triggerOf } from './router';
import type { WorkerPool } from './worker-pool';
import type { ActivityReply, Runner } from '../durable/runner';

const TRIGGER: Record<Parameters<Runner['has']>[0], string> = {
  orchestrator: 'orchestrationtrigger',
  activity: 'activitytrigger',
};

/** Runs the work of the durable engine in the worker processes; `runs` says whether a function may run. */
export function createRunner(pool: WorkerPool, runs: (name: string) => boolean): Runner {
  return {
    has(kind, name) {
      const fn = pool.find(name);
      if (!fn || !runs(name)) return false;
      return triggerOf(fn)?.type.toLowerCase() === TRIGGER[kind];
    },
    async runEpisode(name, instanceId, message) {
      const reply = await pool.invoke({ name, trigger: { episode: message } }, { instanceId, strict: true });
      if (!reply.ok) throw new Error(`An episode of "${name}" failed: ${reply.error.stack}`);
      if (!reply.returned || !('episode' in reply.returned))
        throw new Error('The worker answered no episode.');
      return reply.returned.episode;
    },
    async runActivity(name, instanceId, input) {
      const trigger = { string: activityInput(input) };
      const reply = await pool.invoke({ name, trigger }, { instanceId, strict: false });
      if (!reply.ok) return { ok: false, ...reply.error };
      return { ok: true, result: resultText(reply.returned as OutputData | null) } satisfies ActivityReply;
    },
  };
}

/** The platform hands booleans to an activity as .NET writes them: the handler gets the text "True". */
function activityInput(json: string): string {
  if (json === 'true') return 'True';
  return json === 'false' ? 'False' : json;
}

/** The JSON text of what a function returned; null for undefined. */
function resultText(returned: OutputData | null): string | null {
  if (returned === null) return null;
  if ('string' in returned) return JSON.stringify(returned.string);
  if ('int' in returned) return String(returned.int);
  if ('double' in returned) return Number.isFinite(returned.double) ? String(returned.double) : 'null';
  if ('bytes' in returned) return JSON.stringify(Buffer.from(returned.bytes).toString('base64'));
  return 'json' in returned ? (returned.json ?? null) : null;
}

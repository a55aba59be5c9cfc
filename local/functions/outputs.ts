import { BindingOptions, type Settings } from './binding-options';
import { createWriter, type Writer } from './output-writers';
import { valuesOf } from './path-template';
import type { FunctionMetadata, Invocation, InvocationReply } from './protocol';
import { isOutput } from './router';
import { log } from '../shared/log';

/**
 * Writes what functions hand to their output bindings. An invocation has succeeded only when that is stored; otherwise
 * it has failed, and its trigger does with it what it does with any failure.
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages
 */
export class Outputs {
  /** By the lower-case name of the function, then by that of the binding. */
  private readonly writers = new Map<string, Map<string, Writer>>();

  constructor(private readonly settings: Settings) {}

  /** Prepares the output bindings of a function. @throws with the reason when their options cannot be used. */
  add({ name, bindings }: FunctionMetadata): void {
    const own = new Map<string, Writer>();
    for (const [key, binding] of Object.entries(bindings)) {
      if (!isOutput(binding)) continue;
      const options = new BindingOptions(binding, this.settings);
      own.set(key, createWriter(binding.type.toLowerCase(), options));
    }
    if (own.size > 0) this.writers.set(name.toLowerCase(), own);
  }

  /** The reply, once all that is in its outputs has been stored; a failure when one could not be. */
  async settle(invocation: Omit<Invocation, 'id'>, reply: InvocationReply): Promise<InvocationReply> {
    if (!reply.ok || reply.outputs === undefined) return reply;
    const own = this.writers.get(invocation.name.toLowerCase());
    try {
      const values = valuesOf(invocation);
      for (const { name, data } of reply.outputs) await own?.get(name)?.write(data, values);
      return reply;
    } catch (error) {
      const { message, stack = '' } = error as Error;
      const text = `What "${invocation.name}" put out could not be stored: ${message}`;
      return {
        id: reply.id,
        ok: false,
        error: { name: 'OutputError', message: text, stack: `${text}\n${stack}` },
      };
    }
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    const all = [...this.writers.values()].flatMap((own) => [...own.values()]);
    await Promise.all(
      all.map((writer) =>
        writer.close().catch((error: unknown) => log('functions', `an output: ${(error as Error).message}`)),
      ),
    );
  }
}

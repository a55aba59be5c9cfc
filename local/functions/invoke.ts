import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import type { AppRegistry, CoreInvocationContext, ProgrammingModel, RegisteredFunction } from './core-api';
import type { Invocation, InvocationError, Output, OutputData, TypedData } from './protocol';

/** The binding that takes what a function returns. */
const RETURN = '$return';

/** What came of one run through the SDK's pipeline. */
export type Outcome =
  | { ok: true; returned: OutputData | null; outputs: Output[]; context: object }
  | { ok: false; error: unknown; context: object };

/** Runs functions through the SDK's whole pipeline, as the platform's worker does, hooks included. */
export class Invoker {
  constructor(
    private readonly registry: AppRegistry,
    private readonly model: ProgrammingModel,
    private readonly durableClientData: string | null,
  ) {}

  async invoke(
    fn: RegisteredFunction,
    call: Omit<Invocation, 'id' | 'name' | 'trigger'>,
    trigger: TypedData,
  ): Promise<Outcome> {
    let context: object = {};
    try {
      const core = this.coreContext(fn, call, trigger, () => context);
      const model = this.model.getInvocationModel(core);
      const prepared = await model.getArguments();
      context = prepared.context;
      const { preInvocation, postInvocation } = this.registry.hooks;
      const result =
        preInvocation.length + postInvocation.length === 0
          ? await model.invokeFunction(context, prepared.inputs, fn.callback)
          : await this.invokeWithHooks(fn, core, model, prepared);
      const { returnValue, outputData } = await model.getResponse(context, result);
      const returned = returnValue ?? null;
      const outputs = [...(outputData ?? [])];
      // A function may return what is to be stored.
      const type = fn.metadata.bindings[RETURN]?.type;
      if (returned !== null && type !== undefined && type !== 'http')
        outputs.push({ name: RETURN, data: returned });
      return { ok: true, returned, outputs, context };
    } catch (error) {
      return { ok: false, error, context };
    }
  }

  private async invokeWithHooks(
    fn: RegisteredFunction,
    core: CoreInvocationContext,
    model: ReturnType<ProgrammingModel['getInvocationModel']>,
    prepared: { context: object; inputs: unknown[] },
  ): Promise<unknown> {
    const hookData = {};
    const before = {
      hookData,
      functionCallback: fn.callback,
      inputs: prepared.inputs,
      invocationContext: prepared.context,
    };
    core.state = 'preInvocationHooks';
    await this.registry.runHooks('preInvocation', before);
    core.state = 'invocation';
    const after = {
      hookData,
      inputs: before.inputs,
      invocationContext: prepared.context,
      result: undefined as unknown,
      error: undefined as unknown,
    };
    try {
      after.result = await model.invokeFunction(prepared.context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error;
    }
    core.state = 'postInvocationHooks';
    await this.registry.runHooks('postInvocation', after);
    if (after.error !== undefined && after.error !== null) throw toError(after.error);
    return after.result;
  }

  private coreContext(
    fn: RegisteredFunction,
    call: Omit<Invocation, 'id' | 'name' | 'trigger'>,
    trigger: TypedData,
    context: () => object,
  ): CoreInvocationContext {
    const invocationId = call.invocationId ?? randomUUID();
    const inputData = [{ name: fn.trigger, data: trigger }];
    if (this.durableClientData !== null) {
      for (const name of fn.durableClients)
        inputData.push({ name, data: { string: this.durableClientData } });
    }
    return {
      invocationId,
      metadata: fn.metadata,
      request: { invocationId, inputData, triggerMetadata: call.metadata, retryContext: call.retry },
      log: (level, category, message) => this.registry.log(level, category, message, context()),
    };
  }
}

/** Anything can be thrown; the platform makes an Error of it. */
function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const { name, message, stack } = describeError(thrown);
  return Object.assign(new Error(message), { name, stack });
}

/** An error as it travels to the host; anything can be thrown. */
export function describeError(error: unknown): InvocationError {
  try {
    if (error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)) {
      const { name, message, stack } = error as Record<'name' | 'message' | 'stack', unknown>;
      return { name: text(name, 'Error'), message: text(message, ''), stack: text(stack, '') };
    }
    return { name: 'Error', message: typeof error === 'string' ? error : inspect(error), stack: '' };
  } catch {
    return { name: 'Error', message: 'A value that cannot be shown was thrown.', stack: '' };
  }
}

function text(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

import { setImmediate } from 'node:timers/promises';
import { app } from '@azure/functions';

// A module that awaits cannot be loaded by `require`.
await setImmediate();
app.setup({ enableHttpStream: true });
app.hook.postInvocation((context) => {
  if (context.result?.headers) context.result.headers['x-hook'] = 'post';
});

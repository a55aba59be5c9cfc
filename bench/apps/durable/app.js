// The smallest app that keeps a durable engine busy: what it takes is the engine's time, not the app's.
const df = require('durable-functions');

df.app.activity('noop', { handler: (input) => input });

/** Four activities, one after the other. */
df.app.orchestration('sequence', function* sequence(context) {
  let value = 0;
  for (let step = 1; step <= 4; step++) value += yield context.df.callActivity('noop', step);
  return value;
});

/** As many activities at once as its input says. */
df.app.orchestration('fanout', function* fanout(context) {
  const tasks = Array.from({ length: context.df.getInput() }, (_, at) => context.df.callActivity('noop', at));
  const results = yield context.df.Task.all(tasks);
  return results.length;
});

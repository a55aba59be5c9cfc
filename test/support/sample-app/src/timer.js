const { app } = require('@azure/functions');

/* Tells the test what came, and answers only then: the test sees each run exactly once. */
const report = (name) => async (timer, context) => {
  const sink = process.env.SINK;
  if (sink)
    await fetch(sink, { method: 'POST', body: JSON.stringify({ name, timer, retry: context.retryContext }) });
  if (name === 'retried' && (context.retryContext?.retryCount ?? 0) < 1) throw new Error('not yet');
};

app.timer('everySecond', { schedule: '* * * * * *', handler: report('everySecond') });
app.timer('yearly', { schedule: '%YEARLY%', handler: report('yearly') });
app.timer('retried', {
  schedule: '0 0 0 1 1 *',
  runOnStartup: true,
  retry: { strategy: 'fixedDelay', maxRetryCount: 4, delayInterval: { milliseconds: 0 } },
  handler: report('retried'),
});

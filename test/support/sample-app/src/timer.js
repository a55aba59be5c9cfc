const { appendFileSync } = require('node:fs');
const { app } = require('@azure/functions');

const record = (name) => (timer, context) => {
  const file = process.env.TIMER_LOG;
  if (file) appendFileSync(file, `${JSON.stringify({ name, timer, retry: context.retryContext })}\n`);
  if (name === 'retried' && (context.retryContext?.retryCount ?? 0) < 2) throw new Error('not yet');
};

app.timer('everySecond', { schedule: '* * * * * *', handler: record('everySecond') });
app.timer('yearly', { schedule: '%YEARLY%', runOnStartup: false, handler: record('yearly') });
app.timer('retried', {
  schedule: '0 0 0 1 1 *',
  runOnStartup: true,
  retry: { strategy: 'fixedDelay', maxRetryCount: 4, delayInterval: 1 },
  handler: record('retried'),
});

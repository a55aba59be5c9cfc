import { createHash } from 'node:crypto';
import { app } from '@azure/functions';

const tell = (name, seen) =>
  process.env.SINK && fetch(process.env.SINK, { method: 'POST', body: JSON.stringify({ name, ...seen }) });

app.http('describe', {
  methods: ['GET', 'PUT', 'HEAD'],
  route: 'describe/{kind}/{id:int?}',
  handler: async (request, context) => ({
    status: 201,
    headers: { 'x-one': '1' },
    cookies: [
      { name: 'one', value: '1', httpOnly: true },
      { name: 'two', value: 'b c', path: '/x', sameSite: 'Strict' },
    ],
    jsonBody: {
      method: request.method,
      url: request.url,
      params: request.params,
      query: [...request.query],
      header: request.headers.get('x-test'),
      invocation: context.invocationId.length,
      body: Buffer.from(await request.arrayBuffer()).toString('hex'),
    },
  }),
});

app.http('echo', { methods: ['POST'], handler: (request) => ({ body: request.body }) });

app.http('digest', {
  methods: ['POST'],
  handler: async (request) => {
    const hash = createHash('sha256');
    let first = true;
    try {
      for await (const chunk of request.body) {
        hash.update(chunk);
        if (first) await tell('began');
        first = false;
      }
    } catch (error) {
      await tell('cut', { message: error.message });
      throw error;
    }
    return { body: hash.digest('hex') };
  },
});

/* The second part leaves when somebody asks for it. */
let release;
app.http('release', {
  handler: () => {
    release();
    return { status: 204 };
  },
});
app.http('parts', {
  handler: () => ({
    headers: { 'content-type': 'text/event-stream' },
    body: (async function* () {
      yield Buffer.from('first');
      await new Promise((resolve) => (release = resolve));
      yield Buffer.from('second');
    })(),
  }),
});

app.http('nothing', { handler: () => undefined });
app.http('throws', {
  handler: () => {
    throw new Error('meant to fail');
  },
});
app.http('refuses', { methods: ['POST'], handler: () => ({ status: 403, body: 'unread' }) });
app.http('exits', { methods: ['POST'], handler: () => process.exit(3) });
app.http('exitsMidway', {
  handler: () => ({
    body: (async function* () {
      yield Buffer.from('first');
      await new Promise((resolve) => (release = resolve));
      process.exit(3);
    })(),
  }),
});
app.http('keyed', { authLevel: 'function', handler: () => ({ body: 'opened' }) });
app.http('pid', { handler: () => ({ body: String(process.pid) }) });

const { app } = require('@azure/functions');

app.http('hello', {
  methods: ['GET', 'POST'],
  handler: async (request) => ({ body: `Hello ${request.query.get('name') ?? (await request.text())}` }),
});

app.http('echo', {
  methods: ['GET', 'POST', 'PUT', 'HEAD'],
  route: 'echo/{kind}/{id:int?}',
  handler: async (request) => {
    const body = Buffer.from(await request.arrayBuffer());
    return {
      status: 201,
      headers: { 'x-method': request.method, 'x-bytes': String(body.length) },
      cookies: [
        { name: 'one', value: '1', httpOnly: true, maxAge: 60 },
        { name: 'two', value: 'b c', path: '/x', sameSite: 'Strict' },
      ],
      jsonBody: {
        url: request.url,
        params: request.params,
        query: Object.fromEntries(request.query),
        header: request.headers.get('x-test'),
        body: body.toString('hex'),
      },
    };
  },
});

app.http('bytes', {
  methods: ['POST'],
  handler: async (request) => ({
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(await request.arrayBuffer()),
  }),
});

app.http('rest', { route: 'files/{*path}', handler: (request) => ({ jsonBody: request.params }) });
app.http('nothing', { handler: () => undefined });
app.http('fails', {
  handler: () => {
    throw new Error('meant to fail');
  },
});
app.http('keyed', { authLevel: 'function', handler: () => ({ body: 'opened' }) });
app.http('administered', { authLevel: 'admin', handler: () => ({ body: 'opened' }) });
app.http('switchedOff', { handler: () => ({ body: 'reached' }) });
app.http('environment', { handler: (request) => ({ body: process.env[request.query.get('name')] ?? '' }) });
app.http('pid', { handler: () => ({ body: String(process.pid) }) });

const { app } = require('@azure/functions');

app.hook.preInvocation((context) => {
  if (context.invocationContext.functionName === 'hello') context.inputs[0].params.hooked = 'pre';
});

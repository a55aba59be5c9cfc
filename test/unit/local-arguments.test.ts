import { readLocalArguments, type LocalArguments } from '../../tools/lib/local/arguments';

function options(...argv: string[]): LocalArguments {
  const command = readLocalArguments(argv);
  if (command.kind !== 'local') throw new Error(JSON.stringify(command));
  return command.options;
}

test('none named means all, on their default ports, with the hubs of the app', () => {
  expect(options()).toEqual({
    services: ['blob', 'eventhubs', 'cosmos', 'functions'],
    ports: {},
    data: '.headwater',
    app: undefined,
    noKeys: false,
    hubs: undefined,
  });
});

test('some of them, in the order in which they start, with ports, hubs and an app', () => {
  const argv = ['functions', 'eventhubs', '--app', 'x', '--no-keys', '--port', 'eventhubs=0'];
  expect(options(...argv, '--hub', 'a', '--hub', 'B.1:2', '--hub', 'c:32:x,Y')).toMatchObject({
    services: ['eventhubs', 'functions'],
    ports: { eventhubs: 0 },
    app: 'x',
    noKeys: true,
    hubs: {
      a: { partitions: 4, consumerGroups: [] },
      'B.1': { partitions: 2, consumerGroups: [] },
      c: { partitions: 32, consumerGroups: ['x', 'Y'] },
    },
  });
});

test('the port of the only service needs no name', () => {
  expect(options('cosmos', '--port', '0', '--data', 'd')).toMatchObject({ ports: { cosmos: 0 }, data: 'd' });
});

test.each<[string[], string]>([
  [['queue'], 'no service "queue": the services are blob, eventhubs, cosmos, functions'],
  [['--port', '1'], 'does not say of which service'],
  [['blob', 'cosmos', '--port', '1'], 'does not say of which service'],
  [['blob', '--port', '65536'], '0 to 65535'],
  [['blob', '--port', ''], '0 to 65535'],
  [['blob', '--port', '1.5'], 'whole number'],
  [['blob', '--port', 'cosmos=1'], 'cosmos is not among the services named'],
  [['blob', '--port', '1', '--port', '2'], 'two ports'],
  [['blob', '--data', ''], '--data needs a folder'],
  [['blob', '--app', 'x'], '--app is for functions'],
  [['blob', '--no-keys'], '--no-keys is for functions'],
  [['functions', '--hub', 'a'], '--hub is for eventhubs'],
  [['--hub', ''], '"" is no name'],
  [['--hub', '../up'], 'is no name'],
  [['--hub', 'a:0'], '1 to 32'],
  [['--hub', 'a:33'], '1 to 32'],
  [['--hub', 'a:'], '1 to 32'],
  [['--hub', 'a:1:'], '"" is no name'],
  [['--hub', 'a:1:g:h'], 'NAME:PARTITIONS:GROUP,GROUP'],
  [['--hub', 'a', '--hub', 'A:2'], 'A twice'],
  [['--unknown'], '--unknown'],
])('%j is refused', (argv, message) => {
  expect(readLocalArguments(argv)).toEqual({ kind: 'fault', message: expect.stringContaining(message) });
});

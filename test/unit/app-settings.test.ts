import { appSettings } from '../../local/functions/app-settings';

const DEFAULTS = { AzureWebJobsStorage: 'the local store', Cosmos: 'the local documents' };

test('those given win over the environment, that over the file, and that over the defaults', () => {
  const local = { A: 'file', B: 'file', C: 'file', Cosmos: 'elsewhere' };
  const environment = { A: 'environment', B: 'environment', D: undefined };
  expect(appSettings(local, environment, { environment: { A: 'given' }, defaults: DEFAULTS })).toEqual({
    A: 'given',
    B: 'environment',
    C: 'file',
    Cosmos: 'elsewhere',
    AzureWebJobsStorage: 'the local store',
  });
});

test.each(['', 'UseDevelopmentStorage=true', ' usedevelopmentstorage=TRUE; '])(
  'the storage %j of a template is the local one, where there is one',
  (storage) => {
    const local = { AzureWebJobsStorage: storage };
    const given = { environment: {}, defaults: DEFAULTS };
    expect(appSettings(local, {}, given)).toMatchObject({ AzureWebJobsStorage: 'the local store' });
    expect(appSettings(local, {}, { environment: {} })).toEqual(local);
  },
);

test('further connections to the storage for development lead to the local one, too', () => {
  const settings = appSettings(
    { Other: 'UseDevelopmentStorage=true' },
    {},
    { environment: {}, defaults: DEFAULTS },
  );
  expect(settings['Other']).toBe('the local store');
});

import { powerLossFiles } from '../local/shared/files';
test('x', () => {
  expect(powerLossFiles).toBeDefined();
});

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } }] },
  testTimeout: 60_000,
  // Most tests wait for processes they have started: two at a time fit on two cores.
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/slow-first.js',
  // Compiled by `pretest`.
  reporters: ['default', '<rootDir>/build/test/support/conformance-reporter.js'],
};

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } }] },
  testTimeout: 60_000,
  // Most tests wait for processes they have started, or for what those wait for: three at a time keep two cores busy.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/support/slow-first.js',
  // Compiled by `pretest`.
  reporters: ['default', '<rootDir>/build/test/support/conformance-reporter.js'],
};

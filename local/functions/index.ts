export { startFunctionsHost, type FunctionsHost, type FunctionsHostOptions } from './host';
export type { HostKeys } from './auth';

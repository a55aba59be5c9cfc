import { startFunctionsHost } from './host';
import { runAsChild } from '../shared/child';

runAsChild('functions', startFunctionsHost);

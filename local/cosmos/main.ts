import { runAsChild } from '../shared/child';
import { startCosmos } from './server';

runAsChild('cosmos', startCosmos);

import { runAsChild } from '../shared/child';
import { filesFromEnvironment } from '../shared/files';
import { startBlob, type BlobOptions } from './server';

runAsChild('blob', (options: BlobOptions) => startBlob({ ...options, files: filesFromEnvironment() }));

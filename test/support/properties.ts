import * as fc from 'fast-check';

/** Every run tries the same cases; `FC_SEED=<number>` tries others. */
fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 20_260_105) });

export { fc };

/** Composition root. */ export {};

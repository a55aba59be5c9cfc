/** The little of cli-progress that is used here; the package brings no types. */
declare module 'cli-progress' {
  export interface Options {
    stream?: NodeJS.WritableStream;
    format?: string;
    hideCursor?: boolean;
    clearOnComplete?: boolean;
  }
  export class SingleBar {
    constructor(options: Options, preset?: object);
    start(total: number, value: number, payload?: object): void;
    increment(amount?: number): void;
    update(value: number, payload?: object): void;
    stop(): void;
  }
  export const Presets: { readonly shades_classic: object };
}

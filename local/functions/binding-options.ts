import type { BindingMetadata } from './protocol';

export type Settings = Readonly<Record<string, string>>;

/** Options of one binding, as the app registered them; `%NAME%` in a text stands for a setting. */
export class BindingOptions {
  constructor(
    private readonly binding: BindingMetadata,
    private readonly settings: Settings,
  ) {}

  /** @throws when the option is no text, or a setting that it names is missing. */
  text(option: string): string | undefined {
    const value = this.binding[option];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') throw new Error(`its option ${option} must be a text`);
    return value.replace(/%([^%]+)%/g, (_, name: string) => {
      const setting = this.settings[name];
      if (setting === undefined)
        throw new Error(`the setting "${name}", which its ${option} names, is missing`);
      return setting;
    });
  }

  /** @throws as {@link text}, and when the option is missing. */
  requiredText(option: string): string {
    const text = this.text(option);
    if (text === undefined) throw new Error(`its option ${option} is missing`);
    return text;
  }

  /** A whole number of at least `minimum`. @throws when it is none. */
  integer(option: string, minimum: number): number | undefined {
    const value = this.binding[option];
    if (value === undefined || value === null) return undefined;
    if (!Number.isSafeInteger(value) || (value as number) < minimum)
      throw new Error(`its option ${option} must be a whole number of at least ${minimum}`);
    return value as number;
  }

  /** @throws when the option is neither true nor false. */
  flag(option: string): boolean {
    const value = this.binding[option] ?? false;
    if (typeof value !== 'boolean') throw new Error(`its option ${option} must be true or false`);
    return value;
  }

  /**
   * The connection string in the setting that `option` names: by this name, or with `AzureWebJobs` before it, as on
   * the platform (https://learn.microsoft.com/azure/azure-functions/functions-reference#connections).
   * @throws when there is none.
   */
  connectionString(option: string, fallback?: string): string {
    const name = this.text(option) ?? fallback;
    if (name === undefined) throw new Error(`its option ${option} is missing`);
    return connectionString(name, this.settings);
  }
}

/** @throws when no setting holds a connection string of this name. */
export function connectionString(name: string, settings: Settings): string {
  const value = settings[name] || settings[`AzureWebJobs${name}`];
  if (value !== undefined && value !== '') return value;
  if (Object.keys(settings).some((key) => key.startsWith(`${name}__`))) {
    throw new Error(
      `the connection "${name}" asks for an identity, which this host does not have: ` +
        `set "${name}" to a connection string`,
    );
  }
  throw new Error(`the setting "${name}" with its connection string is missing`);
}

export interface GivenSettings {
  /** They win over everything. */
  readonly environment: Readonly<Record<string, string>>;
  /** They are used where nothing else sets them. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/** https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string#connect-to-the-emulator-account-using-the-shortcut */
const DEVELOPMENT_STORAGE = /^UseDevelopmentStorage=true;?$/i;

/**
 * The settings of an app: those given, then the environment, then local.settings.json (the order of the Core Tools:
 * https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file), then the defaults.
 * An empty text, as templates have it for a storage, sets nothing that there is a default for, and the storage for
 * development is the one that the defaults name.
 */
export function appSettings(
  local: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
  given: GivenSettings,
): Record<string, string> {
  const settings: Record<string, string> = { ...local };
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) settings[name] = value;
  const storage = given.defaults?.['AzureWebJobsStorage'];
  if (storage !== undefined) {
    for (const [name, value] of Object.entries(settings)) {
      if (DEVELOPMENT_STORAGE.test(value.trim())) settings[name] = storage;
    }
  }
  for (const [name, value] of Object.entries(given.defaults ?? {})) {
    if ((settings[name] ?? '') === '') settings[name] = value;
  }
  return { ...settings, ...given.environment };
}

import type { DefaultAzureCredential, TokenCredential } from '@azure/identity';

/** Where a service is, and how to sign in: a connection string, or an endpoint used with the app's managed identity. */
export type Connection =
  | { readonly type: 'connectionString'; readonly connectionString: string }
  | { readonly type: 'identity'; readonly endpoint: string };

let credential: TokenCredential | undefined;

/** The app's managed identity. Its package is loaded only where it is used: that takes a while. */
export function managedIdentity(): TokenCredential {
  if (!credential) {
    const identity = require('@azure/identity') as { DefaultAzureCredential: typeof DefaultAzureCredential };
    credential = new identity.DefaultAzureCredential();
  }
  return credential;
}

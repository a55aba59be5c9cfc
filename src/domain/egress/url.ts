import { addressFault } from './address';

/** Longest address of a receiver, in characters. */
export const MAX_URL_LENGTH = 2048;

/** An IP address as the host of a parsed `URL`: IPv4 in any notation has become four numbers, IPv6 is in brackets. */
const LITERAL = /^(?:\[.*\]|\d{1,3}(?:\.\d{1,3}){3})$/;

/** The loopback interface, whatever a resolver says (RFC 6761). */
const LOCALHOST = /(?:^|\.)localhost\.?$/;

/**
 * What is wrong with the address of a receiver, in words that say what would be right; undefined when nothing is.
 * A name may still stand for a refused address: that is found when it is dialled.
 * @param allowLocal allow `http:` and addresses that are not public
 */
export function urlFault(text: string, allowLocal: boolean): string | undefined {
  if (text.length > MAX_URL_LENGTH) return `It must be at most ${MAX_URL_LENGTH} characters long.`;
  // `URL` drops some of these without a word.
  if (/[\0- \x7f]/.test(text)) return 'It must not contain spaces or control characters: write them as %20.';
  const url = URL.parse(text);
  if (!url) return 'It must be an absolute URL, such as https://example.com/changes.';
  if (url.hash || text.includes('#')) return 'It must not have a fragment: leave out what follows the "#".';
  return targetFault(url, allowLocal);
}

/** What is wrong with the scheme, host or user information of an address, as `urlFault`. */
export function targetFault(url: URL, allowLocal: boolean): string | undefined {
  if (url.protocol !== 'https:' && !(allowLocal && url.protocol === 'http:'))
    return allowLocal ? 'It must begin with https:// or http://.' : 'It must begin with https://.';
  if (url.username !== '' || url.password !== '')
    return 'It must not contain a user name or password: requests are signed.';
  return allowLocal ? undefined : hostFault(url.hostname);
}

function hostFault(host: string): string | undefined {
  const fault = LITERAL.test(host)
    ? addressFault(host.replace(/^\[|\]$/g, ''))
    : LOCALHOST.test(host)
      ? 'is loopback'
      : undefined;
  return fault && `Its host must be public: ${host} ${fault}.`;
}

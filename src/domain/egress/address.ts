interface Range {
  readonly bytes: readonly number[];
  readonly bits: number;
  readonly name: string;
}

/**
 * What is not on the public internet, and what only looks as if it were
 * (https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry).
 */
const REFUSED = ranges({
  '0.0.0.0/8': 'unspecified',
  '10.0.0.0/8': 'private',
  '100.64.0.0/10': 'of a carrier NAT',
  '127.0.0.0/8': 'loopback',
  // The platform's own agents listen here (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
  '168.63.129.16/32': "Azure's platform address",
  '169.254.0.0/16': 'link-local',
  '172.16.0.0/12': 'private',
  '192.0.0.0/24': 'reserved',
  '192.0.2.0/24': 'for documentation',
  '192.31.196.0/24': 'reserved',
  '192.52.193.0/24': 'reserved',
  '192.88.99.0/24': 'reserved',
  '192.168.0.0/16': 'private',
  '192.175.48.0/24': 'reserved',
  '198.18.0.0/15': 'for benchmarking',
  '198.51.100.0/24': 'for documentation',
  '203.0.113.0/24': 'for documentation',
  '224.0.0.0/4': 'multicast',
  '255.255.255.255/32': 'broadcast',
  '240.0.0.0/4': 'reserved',
  '::/128': 'unspecified',
  '::1/128': 'loopback',
  '::ffff:0:0/96': 'an IPv4 address written as IPv6',
  '::/96': 'an IPv4 address written as IPv6',
  'fc00::/7': 'unique-local',
  'fe80::/10': 'link-local',
  'fec0::/10': 'site-local',
  'ff00::/8': 'multicast',
  // Teredo, benchmarking, AMT, AS112, ORCHID and others
  '2001::/23': 'reserved',
  '2001:db8::/32': 'for documentation',
  '2002::/16': '6to4',
  '2620:4f:8000::/48': 'reserved',
  '3fff::/20': 'for documentation',
});

/** All unicast addresses that are given out (https://www.iana.org/assignments/ipv6-address-space). */
const GLOBAL_UNICAST = range('2000::/3', 'global unicast');

/** NAT64: where a network has IPv6 only, its resolver names the receivers of IPv4 so (RFC 6052). */
const NAT64 = range('64:ff9b::/96', 'NAT64');

/**
 * Why requests to an IP address are refused: the kind of address it is, if it is not a public unicast one. An IPv6
 * address that leads to an IPv4 one is refused as well, but for NAT64, where the inner address decides.
 * @param address as resolvers and `URL` write it; a zone (`%eth0`) may follow
 * @returns the end of a sentence that begins with the address, or undefined for an allowed one
 */
export function addressFault(address: string): string | undefined {
  const bytes = bytesOf(address);
  if (!bytes) return 'is no IP address';
  return faultOf(bytes);
}

function faultOf(bytes: readonly number[]): string | undefined {
  const found = REFUSED.find((range) => isWithin(bytes, range));
  if (found) return `is ${found.name}`;
  if (bytes.length === 4 || isWithin(bytes, GLOBAL_UNICAST)) return undefined;
  return isWithin(bytes, NAT64) ? faultOf(bytes.slice(12)) : 'is not a public address';
}

function ranges(names: Readonly<Record<string, string>>): Range[] {
  return Object.entries(names).map(([cidr, name]) => range(cidr, name));
}

function range(cidr: string, name: string): Range {
  const slash = cidr.indexOf('/');
  return { bytes: bytesOf(cidr.slice(0, slash)) ?? [], bits: Number(cidr.slice(slash + 1)), name };
}

function isWithin(bytes: readonly number[], { bytes: first, bits }: Range): boolean {
  if (bytes.length !== first.length) return false;
  return first.every((byte, index) => {
    const counted = Math.min(8, Math.max(0, bits - 8 * index));
    return (byte ^ (bytes[index] as number)) >> (8 - counted) === 0;
  });
}

/** The 4 or 16 bytes of an address, or undefined. */
function bytesOf(address: string): number[] | undefined {
  return address.includes(':') ? bytesOfIPv6(address.replace(/%.*$/s, '')) : bytesOfIPv4(address);
}

/** Four decimal numbers only: resolvers read others as octal, hexadecimal or shortened, each in its way. */
function bytesOfIPv4(address: string): number[] | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function bytesOfIPv6(address: string): number[] | undefined {
  const [head = '', tail, ...more] = address.split('::');
  if (more.length > 0) return undefined;
  const first = bytesOfGroups(head, tail === undefined);
  const last = bytesOfGroups(tail ?? '', true);
  if (!first || !last) return undefined;
  const missing = 16 - first.length - last.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...first, ...Array.from({ length: missing }, () => 0), ...last];
}

/** @param atEnd whether the last group may be an IPv4 address */
function bytesOfGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const inner = atEnd && index === groups.length - 1 ? bytesOfIPv4(group) : undefined;
    if (!inner) return undefined;
    bytes.push(...inner);
  }
  return bytes;
}

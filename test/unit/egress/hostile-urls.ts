/**
 * Addresses that must not be sent to. `{port}` stands for the port of a server that listens on this machine; names
 * stand for the addresses that `answers` gives them.
 */

const words = (text: string): string[] => text.trim().split(/[ \n]+/);

/** This machine, the network around it, the platform under it, and what is nobody's: in every notation. */
const IPV4 = words(`
  127.0.0.1 127.1 127.0.1 127.255.255.254 127.0.0.1. 127.1. 127.0.0.01 127.00.0.1 0177.0.0.1 0177.1
  017700000001 00000177.0.0.1 0x7f.0.0.1 0x7f.1 0X7F.1 0x7f000001 0x7F.0x0.0x0.0x1 0x07f.0x00.0.1
  2130706433 2130706433. 127.0.0x1 127.0x000001 0 00 0x0 0x 0.0.0.0 0.0.0.0. 0.0 0.1.2.3 0.255.255.255
  10.0.0.1 10.1 10.255.255.255 012.0.0.1 0xa.1 167772161 0x0a000001 172.16.0.1 172.31.255.255 172.1048577
  0xac.0x10.0.1 0254.020.0.1 2886729729 192.168.0.1 192.168.1 192.11010049 3232235521 0300.0250.0.1
  0xc0a80001 169.254.169.254 169.254.169.254. 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518
  169.16689662 169.254.170.2 169.254.0.1 169.254.255.255 0xa9.0xfe.0xa9.0xfe 168.63.129.16 2822734096
  0xa83f8110 0250.077.0201.020 100.64.0.1 100.100.100.200 100.127.255.255 1684301000 0x64646464.
  192.0.0.192 192.0.0.1 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 192.88.99.1
  192.175.48.6 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 4294967295 0xffffffff 037777777777
`);

const IPV6 = words(`
  ::1 :: 0:0:0:0:0:0:0:1 0000:0000:0000:0000:0000:0000:0000:0001 0::0:1 ::0.0.0.1 ::0 ::ffff:127.0.0.1
  ::ffff:7f00:1 ::FFFF:7F00:0001 0:0:0:0:0:ffff:127.0.0.1 ::ffff:0.0.0.0 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe
  ::ffff:169.254.169.254 ::ffff:c0a8:1 ::ffff:a83f:8110 ::127.0.0.1 ::7f00:1 ::10.0.0.1 ::a9fe:a9fe
  ::ffff:0:127.0.0.1 ::ffff:0:7f00:1 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
  64:ff9b::10.0.0.1 64:ff9b::168.63.129.16 64:ff9b:1::7f00:1 64:ff9b:1:: 64:ff9b:0:1::7f00:1 2002:7f00:1::
  2002:7f00:1::7f00:1 2002:a9fe:a9fe::1 2002:a00:1:: 2002:c0a8:1:: 2001::80ff:fffe 2001:0:7f00:1::
  2001:0:4136:e378:: fe80::1 fe80::a9fe:a9fe febf:ffff::1 fec0::1 feff::1 fc00::1 fd00::1 fdff:ffff::1
  fd00:ec2::254 fd00:ec2::23 fd20:ce::254 ff02::1 ff01::1 ff0e::1 ffff::1 100::1 2001:db8::1
  2001:db8:ffff::1 3fff::1 3fff:fff::1 2001:2::1 2001:10::1 2001:20::1 2620:4f:8000::1 5f00::1 4000::1
  8000::1 e000::1 1fff::1 200::1 1::1
`);

/** What a parser makes an address of. */
const DISGUISED = words(`
  １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1 ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.𝟎.𝟎.𝟏 𝟙𝟚𝟟.1 ¹²⁷.₀.₀.₁ 0ｘ7f.1 127%2e0%2e0%2e1
  %31%32%37.0.0.1 %EF%BC%91%EF%BC%92%EF%BC%97.0.0.1 12\u00ad7.0.0.1 127.0.0.\u200b1 １６９.２５４.１６９.２５４
  169。254。169。254 ２１３０７０６４３３ %30x7f.1 localhost localhost. LOCALHOST LocalHost ＬＯＣＡＬＨＯＳＴ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ
  loc\u00adalhost %6c%6f%63alhost a.localhost a.b.localhost. ｌocalhost localhoſt 𝓵𝓸𝓬𝓪𝓵𝓱𝓸𝓼𝓽
`);

/** Other schemes, user names, and texts whose host is not where it seems to be. */
const MISLEADING = [
  'http://example.com/',
  'HTTP://example.com/',
  'http://127.0.0.1:{port}/',
  'http://[::1]:{port}/',
  'ftp://127.0.0.1:{port}/',
  'gopher://127.0.0.1:{port}/_POST',
  'ws://127.0.0.1:{port}/',
  'wss://example.com/',
  'file:///etc/passwd',
  'file://127.0.0.1/etc/passwd',
  'data:text/plain,x',
  'javascript:1',
  'dict://127.0.0.1:{port}/',
  'ldap://127.0.0.1:{port}/',
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
  'about:blank',
  'blob:https://127.0.0.1:{port}/',
  'jar:https://127.0.0.1:{port}/',
  'url:https://127.0.0.1:{port}/',
  'https+http://a/',
  '',
  ' ',
  '/',
  '//127.0.0.1:{port}/',
  '127.0.0.1:{port}',
  'localhost:{port}',
  'example.com',
  'https',
  'https://',
  'https://:{port}/',
  'https://:80',
  'https://[::1',
  'https://::1/',
  'https://[127.0.0.1]/',
  'https://[::1%25lo]/',
  'https://[fe80::1%25eth0]:{port}/',
  'https://[::1]]:{port}/',
  'https://127.0.0.1:99999/',
  'https://1.2.3.4.5/',
  'https://256.256.256.256/',
  'https://0x100000000/',
  'https://a b/',
  'https://a\0b/',
  'https://<script>/',
  'https:127.0.0.1:{port}',
  'https:/127.0.0.1:{port}',
  'https:///127.0.0.1:{port}',
  'https:\\\\127.0.0.1:{port}\\',
  'https:////127.0.0.1:{port}',
  'https:/\\127.0.0.1:{port}',
  ' https://127.0.0.1:{port}',
  '\thttps://127.0.0.1:{port}',
  'ht\ntps://127.0.0.1:{port}/',
  'https://127.0\t.0.1:{port}/',
  'https://127.0.0.1:{port}/\r\nHost: example.com',
  'https://example.com@127.0.0.1:{port}/',
  'https://127.0.0.1:{port}@example.com/',
  'https://u:p@example.com/',
  'https://example.com:443@127.0.0.1:{port}/',
  'https://u@127.0.0.1:{port}/',
  'https://:p@example.com/',
  'https://example.com%40127.0.0.1@127.0.0.1:{port}/',
  'https://a@b@127.0.0.1:{port}/',
  'https://%00@127.0.0.1/',
  'https://127.0.0.1:{port}\\@example.com/',
  'https://127.0.0.1:{port}#@example.com/',
  'https://127.0.0.1:{port}?@example.com/',
  'https://127.0.0.1:{port}/example.com',
  'https://localhost:{port}/https://example.com',
  'https://127.1:{port}/%0d%0a',
];

/** Names, and what a resolver that means ill says of them. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'localhost.localdomain': ['127.0.0.1'],
  'localtest.example': ['127.0.0.1', '::1'],
  '127.0.0.1.nip.example': ['127.0.0.1'],
  '127.0.0.1.example.': ['127.0.0.1'],
  'metadata.google.internal': ['169.254.169.254'],
  metadata: ['169.254.169.254'],
  'instance-data.ec2.internal': ['fd00:ec2::254'],
  'kubernetes.default.svc': ['10.96.0.1'],
  'host.docker.internal': ['192.168.65.2'],
  redis: ['172.17.0.2'],
  'wire-server.example': ['168.63.129.16'],
  'nat.example': ['100.64.0.1'],
  'zero.example': ['0.0.0.0'],
  'six.example': ['::1'],
  'unspecified.example': ['::'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'mapped-hex.example': ['::ffff:7f00:1'],
  'compatible.example': ['::127.0.0.1'],
  'nat64.example': ['64:ff9b::7f00:1'],
  '6to4.example': ['2002:7f00:1::'],
  'teredo.example': ['2001::80ff:fffe'],
  'scoped.example': ['fe80::1%lo'],
  'unique-local.example': ['fd12:3456::1'],
  'multicast.example': ['224.0.0.251'],
  'broadcast.example': ['255.255.255.255'],
  'second.example': ['93.184.215.14', '127.0.0.1'],
  'first.example': ['127.0.0.1', '93.184.215.14'],
  'mixed.example': ['2606:4700::1111', '::1'],
  'octal.example': ['0177.0.0.1'],
  'short.example': ['127.1'],
  'no-address.example': ['localhost'],
  'empty.example': [''],
  'bücher.example': ['127.0.0.1'],
  'ＦＵＬＬ.example': ['127.0.0.1'],
  '127.0.0.1.xn--n3h.example': ['127.0.0.1'],
  '0x7f.1.example': ['127.0.0.1'],
};

/** The resolver's table: by the name as a URL writes it. */
export const answers = new Map(
  Object.entries(NAMES).map(([name, addresses]) => [new URL(`https://${name}`).hostname, addresses]),
);

/** Refused for what is written in them. */
export const refusedAsWritten: readonly string[] = [
  ...IPV4.map((host) => `https://${host}:{port}/`),
  ...IPV6.map((host) => `https://[${host}]:{port}/`),
  ...DISGUISED.map((host) => `https://${host}:{port}/`),
  ...MISLEADING,
];

/** Refused for what their names stand for. */
export const refusedAsDialled: readonly string[] = Object.keys(NAMES).map(
  (name) => `https://${name}:{port}/`,
);

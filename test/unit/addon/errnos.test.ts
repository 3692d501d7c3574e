import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** errno to response, as the code has it: `kRefuse` is "refuse" in the page. */
function inCode(protocol: 'tcp' | 'udp'): Map<string, string> {
  const source = read('native/kernel/send_errors.h');
  const found = new Map<string, string>();
  const name = (response: string) => response.toLowerCase();
  for (const [, errno = '', tcp = '', udp = ''] of source.matchAll(
    /\{(E\w+), Response::k(\w+), Response::k(\w+)\}/g,
  )) {
    found.set(errno, name(protocol === 'tcp' ? tcp : udp));
  }
  const other = source.match(/kOtherSendError = \{0, Response::k(\w+), Response::k(\w+)\}/);
  found.set('any other', name((protocol === 'tcp' ? other?.[1] : other?.[2]) ?? ''));
  return found;
}

/** The same as the page says it, of one section. */
function inPage(heading: string): Map<string, string> {
  const [, section = ''] = read('docs/errnos.md').split(`\n### ${heading}\n`);
  const found = new Map<string, string>();
  for (const line of (section.split('\n#')[0] ?? '').split('\n')) {
    const [, errno = '', , does = ''] = line.split('|').map((cell) => cell.trim());
    if (/^E[A-Z]+$|^any other$/.test(errno)) found.set(errno, does);
  }
  return found;
}

describe('docs/errnos.md', () => {
  it('says of each errno of a UDP send what the code does', () => {
    expect(inCode('udp').size).toBeGreaterThan(10);
    expect(Object.fromEntries(inPage('UDP'))).toEqual(Object.fromEntries(inCode('udp')));
  });

  it('says of each errno of a TCP send what the code does, or leaves it to "any other"', () => {
    const code = inCode('tcp');
    const page = inPage('TCP');
    expect(page.get('any other')).toBe(code.get('any other'));
    for (const [errno, does] of code) {
      expect([errno, page.get(errno) ?? page.get('any other')]).toEqual([errno, does]);
    }
    for (const errno of page.keys()) expect(code.has(errno)).toBe(true);
  });

  it('names only codes that exist', () => {
    const codes = new Set(read('lib/base/errors.ts').match(/ERR_ZEROSEND_\w+/g));
    for (const code of read('docs/errnos.md').match(/ERR_ZEROSEND_\w+/g) ?? []) {
      expect(codes).toContain(code);
    }
  });
});

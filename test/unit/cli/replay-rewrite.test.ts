import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../lib/cli/base/options.js';
import { parse } from '../../../lib/cli/base/parse.js';
import { command } from '../../../lib/cli/replay/command.js';
import { rewriteOf, serverRewriteOf } from '../../../lib/cli/replay/rewrite.js';
import { Rewriter } from '../../../lib/generator/replay/rewrite.js';
import { folderOfFile } from '../../support/folders.js';

const folder = folderOfFile();

const optionsOf = (args: readonly string[]) => parse(command, ['capture.pcap', ...args]).options;
const MAC = (last: string) => `02:00:00:00:00:0${last}`;

function file(content: object | string): string {
  const path = join(folder, 'rewrite.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('what zerosend replay rewrites', () => {
  it('is as in frames of clients where nothing is said of servers', () => {
    expect(serverRewriteOf(optionsOf(['--source-mac', MAC('1')]))).toBeUndefined();
  });

  it('has Ethernet addresses of its own for servers, and all else as for clients', () => {
    const options = optionsOf([
      ...['--source-mac', MAC('1'), '--destination-mac', MAC('2'), '--add-vlan', '7'],
      ...['--server-source-mac', MAC('3'), '--server-destination-mac', MAC('4')],
      ...['--rewrite-address', '10.0.0.1=198.18.0.1'],
    ]);
    const [client, server] = [rewriteOf(options), serverRewriteOf(options)];
    expect(client.ethernet).toMatchObject({ source: MAC('1'), destination: MAC('2') });
    expect(server).toEqual({
      ...client,
      ethernet: { ...client.ethernet, source: MAC('3'), destination: MAC('4') },
    });
    expect(() => new Rewriter(server)).not.toThrow();
  });

  it('is what a file says, and what options add or say otherwise', () => {
    const rewrite = {
      ethernet: { source: MAC('1'), destination: MAC('2') },
      vlan: { add: [{ id: 7, priority: 5, tpid: 0x88a8 }, { id: 8 }] },
      addresses: { '10.0.0.1': '198.18.0.1' },
      checksums: true,
    };
    const options = optionsOf([
      ...['--rewrite', file(rewrite), '--destination-mac', MAC('9')],
      ...['--rewrite-address', '10.0.0.2=198.18.0.2'],
    ]);
    const whole = rewriteOf(options);
    expect(whole).toMatchObject({
      ...rewrite,
      ethernet: { source: MAC('1'), destination: MAC('9') },
      addresses: { '10.0.0.1': '198.18.0.1', '10.0.0.2': '198.18.0.2' },
    });
    expect(() => new Rewriter(whole)).not.toThrow();
  });

  it('is of servers only what their file says', () => {
    const path = file({ ports: { 80: 8080 } });
    const options = optionsOf(['--add-vlan', '7', '--server-rewrite', path]);
    expect(serverRewriteOf(options)).toEqual({ ports: { 80: 8080 }, ethernet: {} });
  });

  it.each<[object | string, RegExp]>([
    ['{', /--rewrite: .*JSON/],
    [[], /--rewrite: .* has to hold an object/],
  ])('refuses a file that holds %j', (content, message) => {
    const options = optionsOf(['--rewrite', file(content)]);
    expect(() => rewriteOf(options)).toThrow(UsageError);
    expect(() => rewriteOf(options)).toThrow(message);
  });
});

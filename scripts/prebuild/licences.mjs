// @ts-check
// The licences of what is linked into the binaries, which the package has to carry along.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/files.mjs';
import { zig } from './zig.mjs';

/** What is linked in, with the file of its licence. */
const PARTS = () => [
  {
    what: 'node-addon-api: the C++ interface to Node-API (headers)',
    file: join(root, 'node_modules/node-addon-api/LICENSE.md'),
  },
  {
    what: 'Node-API: its declarations (node-api-headers)',
    file: join(zig.headers, '../LICENSE'),
  },
  { what: 'libc++, the C++ library of LLVM', file: join(zig.lib, 'libcxx/LICENSE.TXT') },
  { what: 'libc++abi, of LLVM', file: join(zig.lib, 'libcxxabi/LICENSE.TXT') },
  { what: 'libunwind, of LLVM', file: join(zig.lib, 'libunwind/LICENSE.TXT') },
  {
    what: 'musl: start files, and headers, in the binaries for musl',
    file: join(zig.lib, 'libc/musl/COPYRIGHT'),
  },
  {
    what: 'glibc: start files, and headers, in the binaries for glibc. Their licence lets them be\nlinked into anything',
    file: join(zig.lib, 'libc/glibc/LICENSES'),
  },
];

const ZIG = `Zig: its run-time support (compiler-rt)

The MIT License (Expat)

Copyright (c) Zig contributors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
`;

export function writeLicences() {
  const line = `\n${'='.repeat(80)}\n\n`;
  const parts = PARTS().map(
    ({ what, file }) => `${what}\n\n${readFileSync(file, 'utf8').trim()}\n`,
  );
  const intro =
    'The binaries in this folder are zerosend (see LICENSE beside it), and have linked into them\n' +
    'parts of the following.\n';
  writeFileSync(join(root, 'prebuilds/LICENSES.txt'), [intro, ...parts, ZIG].join(line));
}

import { describe, expect, it } from 'vitest';
import { dependencies, problemsOf } from '../../../scripts/support/dependencies.mjs';

const wrong = (files: Record<string, string>) => problemsOf(new Map(Object.entries(files)));

describe('the table of dependencies', () => {
  it('holds for the checkout', async () => {
    expect(await dependencies()).toEqual({ ok: true });
  });

  it.each([
    ['lib/base/errors.ts', "import { x } from '../engine/socket.js';", 'lib/engine/socket.ts'],
    [
      'lib/base/errors.ts',
      "import type {\n  X,\n} from '../addon/addon.js';",
      'lib/addon/addon.ts',
    ],
    ['lib/buffers/slots.ts', "export * from '../engine/in-flight.js';", 'lib/engine/in-flight.ts'],
    ['lib/engine/sender.ts', "await import('../sockets/tcp.js');", 'lib/sockets/tcp.ts'],
    ['lib/generator/runs/a.ts', "import '../../engine/socket.js';", 'lib/engine/socket.ts'],
    ['lib/generator/packets/a.ts', "import '../fields/b.js';", 'lib/generator/fields/b.ts'],
    ['rig/ids.mjs', "import '../lib/index.js';", 'lib/index.ts'],
    ['examples/a.mjs', "import '../bench/b.mjs';", 'bench/b.mjs'],
    ['native/kernel/slab.cc', '#include "sockets/socket.h"', 'native/sockets/socket.h'],
    ['native/core/ledger.h', '#include "kernel/syscalls.h"', 'native/kernel/syscalls.h'],
    ['native/node/addon.cc', '#include "testing/hooks.h"', 'native/testing/hooks.h'],
  ])('lets no import of %s go up: %s', (from, text, to) => {
    const [problem, ...more] = wrong({ [from]: `// first line\n${text}`, [to]: '' });
    expect(problem).toMatch(new RegExp(`^${from}:[234] imports ${to}; .* may import `));
    expect(more).toEqual([]);
  });

  it('lets imports go down, and past a storey', () => {
    const files = {
      'lib/sockets/tcp.ts': "import '../base/errors.js';\nimport '../engine/socket.js';",
      'lib/engine/socket.ts': "import '../base/errors.js';",
      'lib/base/errors.ts': '',
      'lib/index.ts': "export * from './sockets/tcp.js';",
      'lib/generator/runs/a.ts': "import '../../index.js';\nimport '../packets/b.js';",
      'lib/generator/packets/b.ts': '',
      'native/node/addon.cc': '#include "core/range.h"\n#include "node/binding.h"',
      'native/node/binding.h': '',
      'native/core/range.h': '',
    };
    expect(wrong(files)).toEqual([]);
  });

  it('finds circles, also of types and of headers', () => {
    const files = {
      'lib/base/a.ts': "import type { B } from './b.js';",
      'lib/base/b.ts': "import { c } from './c.js';",
      'lib/base/c.ts': "export { a } from './a.js';",
      'lib/base/d.ts': "import './a.js';",
      'native/core/x.h': '#include "core/y.h"',
      'native/core/y.h': '#include "core/x.h"',
    };
    expect(wrong(files)).toEqual([
      'a circle of imports: lib/base/a.ts lib/base/b.ts lib/base/c.ts',
      'a circle of imports: native/core/x.h native/core/y.h',
    ]);
  });
});

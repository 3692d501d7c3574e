{
  'variables': {
    # The second target is for a checkout only; an installed package has no such folder.
    'test_hooks%': '<!(node -p "Number(fs.existsSync(\'testing\'))")',
    'zerosend_sources': [
      '<!@(node -p "fs.readdirSync(\'.\', {recursive: true}).filter((f) => /^(core|kernel|sockets|threads|node)\\/.*\\.cc$/.test(f) && f !== \'node/addon.cc\').sort().join(\' \')")',
    ],
  },
  'target_defaults': {
    # Beside dist/, where lib/addon looks for it. What the build leaves otherwise is in native/build.
    'product_dir': '<(PRODUCT_DIR)/../../../build/<(CONFIGURATION_NAME)',
    'include_dirs': ['.', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    # A worker that is being terminated takes no exception: without the last one, failing to throw
    # in it ends the process.
    'defines': [
      'NAPI_VERSION=9',
      'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    ],
    'cflags': ['-fvisibility=hidden', '-pthread', '-Wall', '-Wextra'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-std=c++20', '-O3'],
    'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
    'ldflags': ['-pthread'],
    'configurations': {
      'Release': {'cflags!': ['-O3'], 'cflags': ['-O2']},
      'Debug': {'cflags': ['-O0', '-g']},
    },
  },
  'targets': [
    {
      'target_name': 'zerosend',
      'sources': ['<@(zerosend_sources)', 'node/addon.cc'],
    },
  ],
  'conditions': [
    [
      'test_hooks==1',
      {
        'targets': [
          {
            'target_name': 'zerosend_test',
            'sources': [
              '<@(zerosend_sources)',
              '<!@(node -p "fs.existsSync(\'testing\') ? fs.readdirSync(\'testing\').filter((f) => f.endsWith(\'.cc\')).map((f) => \'testing/\' + f).sort().join(\' \') : \'\'")',
            ],
            'defines': ['ZEROSEND_INJECT_FAULTS=1'],
          },
        ],
      },
    ],
  ],
}

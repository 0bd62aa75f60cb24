// Typed lint over everything that ships, the import table, and looser rules for tests and plain scripts.
import js from '@eslint/js'
import tseslint from 'typescript-eslint'
import { PURE_ROOMS, followsImportTable } from './lint/import-table.js'

const shipped = ['src/**/*.ts', 'reference-impl/**/*.ts', 'bench/**/*.ts']

/** What plain scripts and plain services of tests may use without an import. */
const NODE_GLOBALS = Object.fromEntries(
  [
    ...['process', 'console', 'URL', 'Buffer', 'performance', 'fetch', 'AbortController'],
    ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'],
  ].map((name) => [name, 'readonly']),
)

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'results/', 'reports/', 'node_modules/', '.headroom/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { requireDefaultForNonUnion: true, considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `await using` is used by leaving its block.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreUsingDeclarations: true }],
      // Numbers in messages are shown on purpose and formatted where it matters.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: shipped,
    plugins: { headroom: { rules: { 'follows-import-table': followsImportTable } } },
    rules: {
      'headroom/follows-import-table': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      complexity: ['error', 12],
    },
  },
  {
    // Verdicts and pages follow from records alone: the same records, the same bytes.
    files: PURE_ROOMS.map((room) => `src/${room}/**/*.ts`),
    rules: {
      'no-restricted-globals': [
        'error',
        'performance',
        'fetch',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'process',
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex:
                '^(node:)?(child_process|cluster|dgram|dns|http|http2|https|net|process|timers|tls|worker_threads)(/|$)|^(pg|undici|@clickhouse/client)$',
              message: 'no clock, no socket, no process in judge, plan and report',
            },
          ],
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'no clock here: the record says when it was',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'no clock here: the record says when it was',
        },
        {
          selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
          message: 'no chance here: take a seeded generator',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: NODE_GLOBALS,
    },
  },
)

/**
 * The fixed files a page is made of, read once from the package: style, script and Chart.js. They are not compiled; the
 * browser gets them as they are written, joined into one classic script.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { packageRoot } from '../kit/paths.ts'

export interface PageFiles {
  readonly css: string
  /** Runs before the first paint. */
  readonly themeScript: string
  readonly chartJs: string
  readonly script: string
}

export const PAGE_DIR = join(packageRoot, 'src', 'report', 'page')
/** Later ones may override earlier ones. */
const STYLE_FILES = [
  'base.css',
  'verdict.css',
  'comparison.css',
  'charts.css',
  'facts.css',
  'paper.css',
]
/** In the order in which they use each other. */
const SCRIPT_FILES = ['format.js', 'marks.js', 'draw.js', 'page.js']

export const pageFiles: PageFiles = {
  css: STYLE_FILES.map(read).join('\n'),
  themeScript: read('theme.js'),
  chartJs: chartJsText(),
  script: `(() => {\n'use strict'\n${SCRIPT_FILES.map((name) => withoutModules(read(name))).join('\n')}\n})()\n`,
}

function read(name: string): string {
  return readFileSync(join(PAGE_DIR, name), 'utf8')
}

function chartJsText(): string {
  const main = createRequire(import.meta.url).resolve('chart.js')
  const text = readFileSync(join(dirname(main), 'chart.umd.min.js'), 'utf8')
  // The map lies in node_modules: a page that names it would be asked for it by the developer tools.
  return text.replace(/^\/\/# sourceMappingURL=.*$/m, '')
}

/** One scope holds all files, so their imports and exports have nothing left to do. */
function withoutModules(text: string): string {
  return text.replace(/^import .*$/gm, '').replace(/^export /gm, '')
}

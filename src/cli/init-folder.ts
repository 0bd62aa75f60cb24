/**
 * The files of `headroom init`. In: a folder and wishes. Out: files on disk that validate and run as they are; nothing is
 * written over unless that was asked for, and then either all of them are written or none.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { packageRoot } from '../kit/paths.ts'
import { shownPath } from '../kit/yaml-door.ts'
import { schemaText } from './commands/schema.ts'
import { jsonSchemas } from './json-schemas.ts'
import { quoteForShell } from './secrets.ts'
import type { Terminal } from './terminal.ts'

export interface InitWishes {
  readonly folder: string | undefined
  readonly speaks: 'contract' | 'template'
  readonly url: string | undefined
  readonly demo: boolean
  readonly force: boolean
  readonly json: boolean
}

const MAIN = join(packageRoot, 'dist/src/cli/main.js')
/** The examples of the documentation are what is written: they cannot drift apart. */
const EXAMPLES = join(packageRoot, 'docs/examples/own-service')

interface NewFile {
  readonly path: string
  readonly text: string
}

/** @throws HeadroomError BAD_INPUT for files that are there, a folder that cannot be written, or no address */
export function initFolder(wishes: InitWishes, terminal: Terminal): void {
  const folder = resolve(wishes.folder ?? '.')
  const files = filesOf(wishes).map(({ path, text }) => ({ path: join(folder, path), text }))
  const taken = files.filter(({ path, text }) => isTaken(path, text))
  if (taken.length > 0 && !wishes.force) {
    const names = taken.map(({ path }) => shownPath(path)).join(', ')
    throw new HeadroomError('BAD_INPUT', `already there: ${names}`, {
      hint: 'nothing was written; give another folder, or --force to write over them',
    })
  }
  try {
    for (const { path, text } of files) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
  } catch (error) {
    throw new HeadroomError(
      'BAD_INPUT',
      `cannot write to ${shownPath(folder)}: ${messageOf(error)}`,
      {
        hint: 'give a folder of your own: headroom init <folder>',
        cause: error,
      },
    )
  }
  tell(wishes, files, terminal)
}

/** The same file with the same text is no loss. */
function isTaken(path: string, text: string): boolean {
  if (!existsSync(path)) return false
  try {
    return readFileSync(path, 'utf8') !== text
  } catch {
    return true
  }
}

function filesOf({ speaks, url, demo }: InitWishes): readonly NewFile[] {
  const target = speaks === 'contract' ? 'my-service' : 'my-service-by-template'
  const schemas = jsonSchemas()
  return [
    { path: 'targets/my-service.yaml', text: withUrl(example(`targets/${target}.yaml`), url) },
    { path: 'scenarios/my-load.yaml', text: example('scenarios/my-load.yaml') },
    { path: 'profiles/my-profile.yaml', text: example('profiles/my-profile.yaml') },
    // What editors check the files by.
    { path: 'schemas/target.json', text: schemaText(schemas.target) },
    { path: 'schemas/scenario.json', text: schemaText(schemas.scenario) },
    { path: 'schemas/profile.json', text: schemaText(schemas.profile) },
    ...(demo
      ? [
          { path: 'targets/demo.yaml', text: example('targets/demo.yaml') },
          { path: 'demo/service.py', text: example('demo/service.py') },
        ]
      : []),
  ]
}

function example(path: string): string {
  return readFileSync(join(EXAMPLES, path), 'utf8')
}

function withUrl(target: string, url: string | undefined): string {
  if (url === undefined) return target
  if (!/^https?:\/\/[^\s/]/.test(url) || !URL.canParse(url)) {
    throw new HeadroomError('BAD_INPUT', `--url ${JSON.stringify(url)} is no address`, {
      hint: 'write it like --url https://ingest.example.com',
    })
  }
  return target.replace(/^url: .*$/m, () => `url: ${JSON.stringify(url)}`)
}

function tell(
  { folder, demo, json }: InitWishes,
  files: readonly NewFile[],
  terminal: Terminal,
): void {
  if (json) {
    terminal.data(JSON.stringify({ files: files.map(({ path }) => path) }, null, 2))
    return
  }
  for (const { path } of files) terminal.data(shownPath(path))
  const inside = isInside(resolve(folder ?? '.'), packageRoot)
  const headroom = inside ? 'npx headroom' : `node ${quoteForShell(MAIN)}`
  const steps = [
    ...(folder === undefined ? [] : [`cd ${quoteForShell(folder)}`]),
    ...(demo ? [`${headroom} run my-load --target demo --profile my-profile`] : []),
    `${headroom} run my-load --target my-service --profile my-profile`,
  ]
  terminal.talk(`\nnext: say in targets/my-service.yaml where your service answers, then`)
  for (const step of steps) terminal.talk(`  ${step}`)
  if (!inside) {
    terminal.talk(
      'this folder is outside of the one Headroom is in, where npx would not find it: hence the path',
    )
  }
}

function isInside(folder: string, root: string): boolean {
  const way = relative(root, folder)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

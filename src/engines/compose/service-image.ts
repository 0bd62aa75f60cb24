/**
 * Which image holds our services. In: what the Dockerfile copies. Out: a tag that changes with it, so that code which was
 * changed since is never measured in an older image: compose builds what is not there.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from '../../kit/docker.ts'
import { packageRoot } from '../../kit/paths.ts'
import { guardedDocker } from './guarded-docker.ts'

export const SERVICE_IMAGE = 'headroom-service'

/** The same list as in .dockerignore; `.npmrc` only says how packages are fetched. */
const COPIED = [
  'Dockerfile',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'src',
  'reference-impl',
  'compose',
]
const TAG_DIGITS = 12

let known: string | null = null

/** @param chosen `HEADROOM_IMAGE_TAG`: an image that somebody built, whatever it holds */
export function serviceImageTag(chosen: string | undefined): string {
  if (chosen !== undefined && chosen !== '') return chosen
  known ??= `src-${sourcesHash(packageRoot, COPIED).slice(0, TAG_DIGITS)}`
  return known
}

/** Images of code that has changed since; a checkout or two beside this one keep theirs. */
const IMAGES_KEPT = 3

/** Called after a build: what many changes have left would fill the disk. One that is still in use stays. */
export async function removeOldImages(): Promise<void> {
  const listed = await guardedDocker(['image', 'ls', SERVICE_IMAGE, '--format', '{{.Tag}}'])
  // Newest first.
  const old = linesOf(listed)
    .filter((tag) => tag.startsWith('src-'))
    .slice(IMAGES_KEPT)
  for (const tag of old) {
    await guardedDocker(['image', 'rm', `${SERVICE_IMAGE}:${tag}`]).catch(() => undefined)
  }
}

/** SHA-256 over names and contents, in an order of its own. */
export function sourcesHash(root: string, paths: readonly string[]): string {
  const hash = createHash('sha256')
  const add = (path: string): void => {
    const file = join(root, path)
    if (!existsSync(file)) return
    if (statSync(file).isDirectory()) {
      for (const name of readdirSync(file).sort()) add(`${path}/${name}`)
      return
    }
    hash.update(`${path}\0`).update(createHash('sha256').update(readFileSync(file)).digest())
  }
  for (const path of paths) add(path)
  return hash.digest('hex')
}

/** Which Headroom this is, from package.json. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../kit/paths.ts'

const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  readonly version: string
}
export const version: string = manifest.version

/** Which Headroom made a record: the package's version and, in a checkout, the commit. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../kit/paths.ts'
import type { RunRecord } from '../results/record.ts'

const run = promisify(execFile)

export async function headroomVersion(): Promise<RunRecord['headroom']> {
  const manifest = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    readonly version: string
  }
  return { version: manifest.version, commit: await commit() }
}

/** `unknown` outside a checkout; `-dirty` where files differ from the commit. */
async function commit(): Promise<string> {
  try {
    const { stdout } = await run(
      'git',
      ['describe', '--always', '--dirty', '--abbrev=12', '--match='],
      {
        cwd: packageRoot,
        timeout: 5_000,
      },
    )
    return stdout.trim()
  } catch {
    return 'unknown'
  }
}

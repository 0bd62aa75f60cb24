/** Where embedded ClickHouse comes from: the shared library in the npm package of this platform. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'

export function clickHousePackage(): string {
  const libc = process.platform === 'linux' ? `-${libcName()}` : ''
  return `@chdb/lib-${process.platform}-${process.arch}${libc}`
}

/** null where the package is not installed, or does not exist for this platform (Alpine's musl). */
export function findLibrary(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${clickHousePackage()}/package.json`)
    const library = join(dirname(manifest), 'libchdb.so')
    return existsSync(library) ? library : null
  } catch {
    return null
  }
}

/** @throws HeadroomError ENGINE_MISSING with the command that gets it */
export function requireLibrary(): string {
  const library = findLibrary()
  if (library !== null) return library
  throw new HeadroomError(
    'ENGINE_MISSING',
    `embedded ClickHouse (${clickHousePackage()}) is not installed`,
    {
      hint: 'npm install --include=optional, or name your own server with --clickhouse',
    },
  )
}

function libcName(): 'gnu' | 'musl' {
  try {
    return readFileSync('/usr/bin/ldd', 'latin1').includes('musl') ? 'musl' : 'gnu'
  } catch {
    return 'gnu'
  }
}

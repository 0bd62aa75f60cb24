import { describe, expect, it } from 'vitest'
import type { DebRecord } from '../../../src/engines/packages/debs.ts'
import { parseRecords, withLibraries } from '../../../src/engines/packages/debs.ts'
import { upstreamVersion } from '../../../src/engines/packages/installed.ts'

const SHOWN = `Package: redis-tools
Version: 5:8.0.2-3+deb13u2
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: adduser, libc6 (>= 2.38), libssl3t64 (>= 3.0.0) | libssl3
Description: Persistent key-value database
 Depends: on nothing at all, says this sentence
SHA256: 9d7c

Package: virtual-one
Version: 1

Package: libc6
Version: 2.41-12
SHA256: aa11
`

describe('records of apt-cache', () => {
  it('are read with the first alternative of each dependency', () => {
    expect(parseRecords(SHOWN)).toEqual([
      {
        name: 'redis-tools',
        version: '5:8.0.2-3+deb13u2',
        sha256: '9d7c',
        depends: ['init-system-helpers', 'adduser', 'libc6', 'libssl3t64'],
      },
      { name: 'libc6', version: '2.41-12', sha256: 'aa11', depends: [] },
    ])
  })
})

describe('what a program needs to run by itself', () => {
  const index: Readonly<Record<string, readonly string[]>> = {
    server: ['adduser', 'libone', 'libvirtual'],
    libone: ['libc6', 'zlib1g', 'perl'],
    zlib1g: ['libc6'],
    libc6: ['libgcc'],
    libgcc: ['libc6'],
    adduser: ['libperl'],
  }
  const record = (name: string): DebRecord => ({
    name,
    version: '1',
    sha256: '',
    depends: index[name] ?? [],
  })

  it('is every library, once, also where they need each other; no users, no scripts', async () => {
    const asked: string[] = []
    const found = await withLibraries(['server'], async (names) => {
      asked.push(...names)
      return names.filter((name) => name in index).map(record)
    })
    expect(found.map(({ name }) => name).sort()).toEqual([
      'libc6',
      'libgcc',
      'libone',
      'server',
      'zlib1g',
    ])
    expect(asked).toHaveLength(new Set(asked).size)
  })
})

it('a version is told as its makers write it', () => {
  expect(upstreamVersion('5:8.0.2-3+deb13u2')).toBe('8.0.2')
  expect(upstreamVersion('2.31.0+dfsg-1')).toBe('2.31.0')
})

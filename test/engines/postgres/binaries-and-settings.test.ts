import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterAll, expect, it } from 'vitest'
import { findNativeDir, linkLibraries } from '../../../src/engines/postgres/binaries.ts'
import { serverSettings } from '../../../src/engines/postgres/settings.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-binaries-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

const native = findNativeDir()

it.runIf(native !== null)(
  'runs programs whose package could not make its own links, without writing to it',
  () => {
    const root = join(dir, 'package')
    const copy = join(root, 'native')
    mkdirSync(copy, { recursive: true })
    cpSync(native ?? '', copy, {
      recursive: true,
      // What an install with its scripts denied looks like: no symbolic link anywhere.
      filter: (path) => !isLink(path),
    })
    const before = readdirSync(join(copy, 'lib')).sort()
    expect(before).not.toContain('libpq.so.5')
    const binaries = linkLibraries(copy, join(dir, 'links'))
    // A second start, or another process at the same time, finds them made.
    expect(linkLibraries(copy, join(dir, 'links'))).toEqual(binaries)
    const said = execFileSync(join(copy, 'bin', 'initdb'), ['--version'], {
      env: { ...process.env, ...binaries.env },
      encoding: 'utf8',
    })
    expect(said).toContain('PostgreSQL')
    expect(readdirSync(join(copy, 'lib')).sort()).toEqual(before)
  },
)

it('adds nothing where the package made its links', () => {
  const root = join(dir, 'linked')
  mkdirSync(join(root, 'native', 'lib'), { recursive: true })
  writeFileSync(join(root, 'native', 'lib', 'a.so'), '')
  writeFileSync(
    join(root, 'native', 'pg-symlinks.json'),
    JSON.stringify([{ source: 'native/lib/a.so', target: 'native/lib/a.so' }]),
  )
  expect(linkLibraries(join(root, 'native'), join(root, 'links')).env).toEqual({})
  expect(existsSync(join(root, 'links'))).toBe(false)
})

it('is durable by default, and lets a target say otherwise in any case of letters', () => {
  expect(serverSettings({})).toMatchObject({
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    listen_addresses: '127.0.0.1',
  })
  expect(serverSettings({ Synchronous_Commit: 'off' })).toMatchObject({ synchronous_commit: 'off' })
  expect(serverSettings({ 'pg_stat_statements.max': '100' })).toHaveProperty([
    'pg_stat_statements.max',
  ])
})

it('names every setting that cannot be used, not only the first', () => {
  expect(() =>
    serverSettings({ 'drop table': '1', hba_file: '/etc/passwd', work_mem: '4MB' }),
  ).toThrow(/"drop table" is not a setting's name; "hba_file" is set by Headroom/)
})

function isLink(path: string): boolean {
  try {
    return readlinkSync(path) !== ''
  } catch {
    return false
  }
}

/** Fetching engines that npm does not bring: from a mirror made of a folder, through this machine's real apt. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { InstallOptions } from '../../src/engines/packages/install.ts'
import { installPackages } from '../../src/engines/packages/install.ts'
import { enginesDirs, findPackage, underOwnLoader } from '../../src/engines/packages/installed.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { headroom } from '../cli/cli-process.ts'
import { hasApt, makeMirror } from '../fixtures/debian-mirror.ts'

const signal = new AbortController().signal

describe.skipIf(!hasApt)('headroom engines install (apt-get, dpkg-deb)', () => {
  const base = mkdtempSync(join(tmpdir(), 'headroom-install-'))
  let mirror = ''
  beforeAll(() => {
    mirror = makeMirror(join(base, 'mirror'), [
      { name: 'redis-server', version: '9.1-1', depends: 'redis-tools (= 9.1-1)', files: {} },
      {
        name: 'redis-tools',
        version: '9.1-1',
        depends: 'adduser, libone (>= 1)',
        files: { 'usr/bin/redis-server': '#!/bin/sh\necho nine\n' },
      },
      {
        name: 'libone',
        version: '1.0-2',
        files: { 'usr/lib/x86_64-linux-gnu/libone.so.1': 'one' },
      },
      { name: 'adduser', version: '3', files: { 'usr/sbin/adduser': 'no' } },
      { name: 'pgbouncer', version: '2-1', files: { 'usr/share/doc/pgbouncer/readme': 'empty' } },
    ])
  })
  afterAll(() => {
    rmSync(base, { recursive: true, force: true })
  })

  let said: string[] = []
  const options = (dir: string, more: Partial<InstallOptions> = {}): InstallOptions => {
    said = []
    return {
      dir: join(base, dir),
      mirror,
      allowUnsigned: true,
      // There is none: the folder's index is not signed.
      keyring: join(base, 'no-such-keyring'),
      isUpgrade: false,
      signal,
      log: (line) => said.push(line),
      ...more,
    }
  }

  it('puts a program and its libraries below the folder and says what came from where', async () => {
    const wish = options('plain')
    const [made] = await installPackages(['redis'], wish)
    expect(made).toMatchObject({ state: 'installed', manifest: { version: '9.1-1' } })
    expect(made?.manifest.signature).toBe('not-checked')
    expect(made?.manifest.debs.map(({ name }) => name).sort()).toEqual([
      'libone',
      'redis-server',
      'redis-tools',
    ])
    expect(made?.manifest.debs.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true)
    const found = findPackage('redis', [wish.dir])
    expect(existsSync(join(found!.root, 'usr/bin/redis-server'))).toBe(true)
    expect(existsSync(join(found!.root, 'usr/sbin/adduser'))).toBe(false)
    // Nothing that is only needed while fetching stays.
    expect(readdirSync(wish.dir)).toEqual(['redis'])
  })

  it('asks nobody for what is there already', async () => {
    const wish = options('plain', { mirror: 'file:/nowhere' })
    const [again] = await installPackages(['redis'], wish)
    expect(again?.state).toBe('already-there')
    expect(said).toEqual([])
  })

  it('fetches once for two that come at the same moment', async () => {
    const wish = options('twice')
    const both = await Promise.all([
      installPackages(['redis'], wish),
      installPackages(['redis'], wish),
    ])
    expect(
      both
        .flat()
        .map(({ state }) => state)
        .sort(),
    ).toEqual(['already-there', 'installed'])
    expect(said.filter((line) => line.includes('fetching'))).toHaveLength(1)
  })

  it('goes on with the packages of a call that was cut short, unless they are broken', async () => {
    const wish = options('cut')
    const debs = join(wish.dir, '.fetching', 'debs')
    mkdirSync(debs, { recursive: true })
    const pool = join(base, 'mirror', 'pool')
    const [tools = '', library = ''] = ['redis-tools', 'libone'].map(
      (name) => readdirSync(pool).find((file) => file.startsWith(`${name}_`)) ?? '',
    )
    writeFileSync(join(debs, tools), readFileSync(join(pool, tools)))
    writeFileSync(join(debs, library), 'half')
    const keep = join(base, 'kept.deb')
    const aside = join(pool, tools)
    writeFileSync(keep, readFileSync(aside))
    rmSync(aside)
    try {
      const [made] = await installPackages(['redis'], wish)
      expect(made?.state).toBe('installed')
    } finally {
      writeFileSync(aside, readFileSync(keep))
    }
  })

  it('refuses a package that is not what the index says', async () => {
    const pool = join(base, 'mirror', 'pool')
    const file = join(pool, readdirSync(pool).find((name) => name.startsWith('libone_')) ?? '')
    const whole = readFileSync(file)
    const forged = Buffer.from(whole)
    forged[forged.length - 10] = (forged[forged.length - 10] ?? 0) ^ 1
    writeFileSync(file, forged)
    try {
      const wish = options('forged')
      await expect(installPackages(['redis'], wish)).rejects.toMatchObject({
        code: 'ENGINE_MISSING',
      })
      expect(findPackage('redis', [wish.dir])).toBeNull()
    } finally {
      writeFileSync(file, whole)
    }
  })

  it('installs nothing of a package that lacks what it is for', async () => {
    const wish = options('hollow')
    await expect(installPackages(['pgbouncer'], wish)).rejects.toThrow(
      /hold no usr\/sbin\/pgbouncer/,
    )
    expect(existsSync(join(wish.dir, 'pgbouncer'))).toBe(false)
  })

  it('does without a signature only where that is asked for', async () => {
    const wish = options('unsigned', { allowUnsigned: false })
    await expect(installPackages(['redis'], wish)).rejects.toThrow(/signature/)
  })

  it('refuses an index that Debian did not sign, where it can be told', async () => {
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
    if (!existsSync(keyring)) return
    const wish = options('not-debian', { keyring })
    await expect(installPackages(['redis'], wish)).rejects.toThrow(/not signed/)
  })

  it('finds what is installed before what is on the PATH', async () => {
    const path = join(base, 'path')
    mkdirSync(path)
    writeFileSync(join(path, 'redis-server'), '#!/bin/sh\n', { mode: 0o755 })
    const none = { HEADROOM_ENGINES_DIR: join(base, 'empty'), PATH: path }
    expect(findProgram('redis', none)).toEqual({
      command: join(path, 'redis-server'),
      args: [],
      from: 'path',
    })
    const [dir] = enginesDirs({ HEADROOM_ENGINES_DIR: join(base, 'plain') })
    const found = findProgram('redis', { ...none, HEADROOM_ENGINES_DIR: dir })
    expect(found?.from).toBe('package')
    expect(underOwnLoader(findPackage('redis', [dir])!, 'x')).toEqual({ command: 'x', args: [] })
  })

  it('tells by the command line what is here and what the rest is for', async () => {
    const env = { HEADROOM_ENGINES_DIR: join(base, 'plain') }
    const listed = await headroom(['engines', 'list', '--json'], { cwd: base, env })
    expect(listed.exitCode).toBe(0)
    const { engines } = JSON.parse(listed.stdout) as { engines: Record<string, unknown>[] }
    expect(engines.map(({ name, isInstalled }) => [name, isInstalled])).toEqual([
      ['redis', true],
      ['pgbouncer', false],
      ['timescaledb', false],
      ['pg_partman', false],
    ])
    expect(engines[1]?.['command']).toBe('headroom engines install pgbouncer')
    const again = await headroom(['engines', 'install', 'redis'], { cwd: base, env })
    expect(again).toMatchObject({ exitCode: 0, stderr: '' })
    expect(again.stdout).toContain('9.1 was here already')
    expect(again.stdout).toContain('WAS NOT')
  })

  it('says which names there are, and what to do where there is no apt', async () => {
    const wrong = await headroom(['engines', 'install', 'reddis'], { cwd: base })
    expect(wrong.exitCode).toBe(64)
    expect(wrong.stderr).toContain('did you mean "redis"?')
    const env = { HEADROOM_ENGINES_DIR: join(base, 'bare'), PATH: '/nowhere' }
    const bare = await headroom(['engines', 'install', 'redis'], { cwd: base, env })
    expect(bare.exitCode).toBe(69)
    expect(bare.stderr).toContain('there is no dpkg here')
    expect(bare.stderr).toContain('--engines compose')
  })
})

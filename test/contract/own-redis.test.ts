/** A Redis of the user's own: a real redis-server with TLS from a test CA, ACL users, and no default user. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { externalEngines } from '../../src/cli/external-engines.ts'
import { serverChecks } from '../../src/cli/server-checks.ts'
import { ownServers } from '../../src/engines/own-servers.ts'
import { findProgram, requireProgram } from '../../src/engines/packages/program.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import { freePort } from '../../src/kit/ports.ts'
import type { Daemon } from '../../src/kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../src/kit/process.ts'
import { makeAuthority } from '../fixtures/certificates.ts'

const SECRET = 'cAnary/Pa55&x'
const signal = new AbortController().signal
const isMissing = findProgram('redis') === null && !process.env['HEADROOM_REQUIRE_ALL']

describe.skipIf(isMissing)('a Redis of the user’s own (headroom engines install redis)', () => {
  const base = mkdtempSync(join(tmpdir(), 'headroom-own-redis-'))
  const file = (name: string, text: string): string => {
    const path = join(base, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const authority = makeAuthority()
  const caFile = file('ca.pem', authority.certificate)
  let daemon: Daemon
  let tlsPort = 0
  let plainPort = 0
  beforeAll(async () => {
    const shown = authority.issue({ commonName: 'own', hosts: ['localhost', '127.0.0.1'] })
    tlsPort = await freePort()
    plainPort = await freePort()
    const acl = file(
      'users.acl',
      `user default off
user bench on >${SECRET} ~headroom_* &headroom_* +@all
user narrow on >${SECRET} ~elsewhere* +ping +info +select +client +acl|whoami +acl|dryrun
user blind on >${SECRET} +ping +select
`,
    )
    const config = file(
      'redis.conf',
      `bind 127.0.0.1
port ${String(plainPort)}
tls-port ${String(tlsPort)}
tls-cert-file ${file('server.crt', shown.certificate)}
tls-key-file ${file('server.key', shown.key)}
tls-ca-cert-file ${caFile}
tls-auth-clients no
aclfile ${acl}
save ""
appendonly no
set-proc-title no
dir ${base}
`,
    )
    const logFile = join(base, 'redis.log')
    const { command, args } = requireProgram('redis')
    daemon = await spawnDaemon({
      name: 'own redis',
      command,
      args: [...args, config],
      logFile,
    })
    const ready = () =>
      Promise.resolve(readFileSync(logFile, 'utf8').includes('Ready to accept connections'))
    await waitUntilReady(daemon, ready, { timeoutMs: 20_000, signal })
  })
  afterAll(async () => {
    await daemon.stop()
    rmSync(base, { recursive: true, force: true })
  })

  const looked = async (dsn: string, settings: Record<string, string> = {}) => {
    const { addresses } = externalEngines({ redis: dsn, engines: undefined }, {})
    if (addresses.redis === undefined) throw new Error('no address')
    return ownServers.redis.inspect(addresses.redis, { settings, ownName: 'headroom_x', signal })
  }
  const refused = async (dsn: string): Promise<HeadroomError> => {
    const startedAtMs = performance.now()
    const error = await looked(dsn).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    if (!(error instanceof HeadroomError)) throw new Error('it was not refused', { cause: error })
    expect(error.exitCode).toBe(69)
    expect(`${error.message} ${error.hint ?? ''} ${error.stack ?? ''}`).not.toContain('Pa55')
    return error
  }
  const dsn = (user: string, more = `?ca=${caFile}`, password = SECRET) =>
    `rediss://${user}:${encodeURIComponent(password)}@127.0.0.1:${String(tlsPort)}/0${more}`

  it('is looked at over verified TLS as an ACL user: version, what a run would make, settings', async () => {
    const { label, connection, creates, notes } = await looked(dsn('bench'), {
      appendonly: 'yes',
      databases: '16',
    })
    expect(label).toMatch(/^redis \d+\.\d+/)
    expect(connection).toContain('TLS')
    expect(creates).toEqual(['keys that begin with headroom_x:'])
    expect(notes.settingsNotInForce).toEqual([{ name: 'appendonly', asked: 'yes', inForce: 'no' }])
    expect(notes.unseen).toHaveLength(1)
  })

  it('says what a user may not do or see, and goes without', async () => {
    const narrow = await looked(dsn('narrow'), { appendonly: 'yes' })
    expect(narrow.notes.unseen.join('\n')).toMatch(/writing keys of its own is refused: .*xadd/i)
    expect(narrow.notes.settingsNotInForce[0]?.inForce).toContain('may not run CONFIG GET')
    const blind = await looked(dsn('blind'))
    expect(blind.label).toBe('redis')
    expect(blind.notes.unseen.join('\n')).toContain('its version')
    expect(blind.notes.unseen.join('\n')).toContain('+acl|whoami')
  })

  it('is refused when another authority has signed its certificate, or none that is known', async () => {
    const wrong = file('wrong.pem', makeAuthority().certificate)
    const other = await refused(dsn('bench', `?ca=${wrong}`))
    expect(other).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(other.message).toContain('the authority you named has not signed')
    expect((await refused(dsn('bench', ''))).message).toContain('no known authority has signed')
  })

  it('is refused when the password is wrong, or none is given', async () => {
    expect(await refused(dsn('bench', `?ca=${caFile}`, 'wrong-Pa55'))).toMatchObject({
      code: 'ENGINE_AUTH_FAILED',
    })
    const nobody = `rediss://127.0.0.1:${String(tlsPort)}?ca=${caFile}`
    expect(await refused(nobody)).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
  })

  it('is refused in the clear on its TLS port, and over TLS on its plain one', async () => {
    const plain = await refused(dsn('bench', '').replace('rediss:', 'redis:'))
    expect(plain).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(plain.hint).toContain('rediss://')
    const tls = await refused(
      dsn('bench').replace(`:${String(tlsPort)}/`, `:${String(plainPort)}/`),
    )
    expect(['ENGINE_TLS_FAILED', 'ENGINE_UNREACHABLE']).toContain(tls.code)
    expect(`${tls.message} ${tls.hint ?? ''}`).toMatch(/TLS/)
  })

  it('is spoken to in the clear where that is asked for by name', async () => {
    const plain = `redis://bench:${encodeURIComponent(SECRET)}@127.0.0.1:${String(plainPort)}`
    expect((await looked(plain)).connection).toContain('plain')
  })

  it('is one finding of headroom doctor', async () => {
    const { addresses } = externalEngines({ redis: dsn('bench'), engines: undefined }, {})
    const [check] = await serverChecks(addresses, signal)
    expect(check).toMatchObject({ state: 'ok', subject: 'your redis' })
    expect(check?.finding).toMatch(/^redis [\d.]+ at bench@127\.0\.0\.1:\d+\/0, TLS/)
  })
})

/** A PostgreSQL of the user's own that is not what he thinks: each mistake has its own message, within seconds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { externalEngines } from '../../src/cli/external-engines.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { ERROR_EXIT_CODES, HeadroomError } from '../../src/kit/errors.ts'
import { silentLog } from '../../src/kit/log.ts'
import { makeAuthority } from '../fixtures/certificates.ts'
import type { OwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

interface SaslConnection {
  sendSASLInitialResponseMessage: (mechanism: string, response: string) => void
}

const SECRET = 'canary/Pa55 wörd'
const base = mkdtempSync(join(tmpdir(), 'headroom-refusals-'))
let server: OwnPostgres
let plainServer: OwnPostgres
beforeAll(async () => {
  server = await startOwnPostgres({
    hba: [
      'hostssl all carded all cert',
      'hostssl all all all scram-sha-256',
      'hostnossl all open all scram-sha-256',
    ],
  })
  plainServer = await startOwnPostgres({
    settings: { ssl: 'off' },
    hba: ['host all all all scram-sha-256'],
  })
  for (const one of [server, plainServer]) {
    await one.sql(`CREATE ROLE bench LOGIN PASSWORD '${SECRET}'`)
    await one.sql(`CREATE DATABASE scratch OWNER bench`)
  }
  await server.sql(`CREATE ROLE carded LOGIN`)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await plainServer[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

/** Everything a person would read, and the error itself; null where it works. */
async function start(dsn: string): Promise<HeadroomError | null> {
  const startedAtMs = performance.now()
  try {
    const { addresses } = externalEngines({ postgres: dsn, engines: undefined }, {})
    if (addresses.postgres === undefined) throw new Error('no address')
    const engine = await startEngine(
      'postgres',
      { provider: 'external', settings: {}, address: addresses.postgres },
      {
        dataDir: base,
        logDir: base,
        name: 'postgres',
        runId: 'refusals',
        ledgerDir: join(base, 'servers'),
        signal: new AbortController().signal,
        log: silentLog,
      },
    )
    await engine[Symbol.asyncDispose]()
    return null
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    expect(`${error.message} ${error.hint ?? ''} ${error.stack ?? ''}`).not.toContain('Pa55')
    expect(ERROR_EXIT_CODES[error.code]).toBe(error.exitCode)
    return error
  }
}

const scratch = { role: 'bench', password: SECRET, database: 'scratch' }

function caFile(name: string, text: string): string {
  const file = join(base, name)
  writeFileSync(file, text)
  return file
}

describe('a PostgreSQL with TLS', () => {
  it('is used where its certificate, its name and the password are right', async () => {
    expect(await start(server.dsn(scratch))).toBeNull()
    expect(await start(server.dsn({ ...scratch, host: 'localhost' }))).toBeNull()
  })

  it('binds the password to the very connection it is sent over', async () => {
    const { addresses } = externalEngines({ postgres: server.dsn(scratch), engines: undefined }, {})
    if (addresses.postgres === undefined) throw new Error('no address')
    const client = new pg.Client(clientConfig(addresses.postgres))
    const { connection } = client as unknown as { readonly connection: SaslConnection }
    const send = connection.sendSASLInitialResponseMessage.bind(connection)
    const mechanisms: string[] = []
    connection.sendSASLInitialResponseMessage = (mechanism, response) => {
      mechanisms.push(mechanism)
      send(mechanism, response)
    }
    await client.connect()
    await client.end()
    expect(mechanisms).toEqual(['SCRAM-SHA-256-PLUS'])
  })

  it('is refused when no known authority has signed its certificate', async () => {
    const error = await start(server.dsn({ ...scratch, parameters: '' }))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED', exitCode: 69 })
    expect(error?.message).toContain('no known authority has signed')
    expect(error?.hint).toContain('sslrootcert=')
  })

  it('is refused when another authority than the named one has signed it', async () => {
    const wrong = caFile('wrong.pem', makeAuthority('Somebody else').certificate)
    const error = await start(server.dsn({ ...scratch, parameters: `sslrootcert=${wrong}` }))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(error?.message).toContain('the authority you named has not signed')
  })

  it('is refused by a name that its certificate does not hold, unless verify-ca asks for less', async () => {
    await server.show(server.authority.issue({ commonName: 'own', hosts: ['db.example'] }))
    const error = await start(server.dsn(scratch))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(error?.message).toContain('a certificate for another host (DNS:db.example)')
    const parameters = `sslmode=verify-ca&sslrootcert=${server.caFile}`
    expect(await start(server.dsn({ ...scratch, parameters }))).toBeNull()
  })

  it('is refused when its certificate has expired, or is not yet valid', async () => {
    const hosts = ['127.0.0.1']
    const long = 86_400_000 * 400
    const [past, future] = [new Date(Date.now() - long), new Date(Date.now() + long)]
    await server.show(
      server.authority.issue({
        commonName: 'own',
        hosts,
        notBefore: new Date(past.getTime() - long),
        notAfter: past,
      }),
    )
    expect((await start(server.dsn(scratch)))?.message).toContain('has expired')
    await server.show(
      server.authority.issue({
        commonName: 'own',
        hosts,
        notBefore: future,
        notAfter: new Date(future.getTime() + long),
      }),
    )
    expect((await start(server.dsn(scratch)))?.message).toContain('not yet valid')
    await server.show(
      server.authority.issue({ commonName: 'own', hosts: ['localhost', '127.0.0.1'] }),
    )
    expect(await start(server.dsn(scratch))).toBeNull()
  })

  it('takes no plain connection, and says so', async () => {
    const error = await start(server.dsn({ ...scratch, parameters: 'sslmode=disable' }))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(error?.message).toContain('takes no plain connection')
    expect(error?.hint).toContain('leave sslmode=disable out')
  })

  it('refuses a wrong password and an unknown role alike', async () => {
    for (const wrong of [
      { ...scratch, password: 'wrong-Pa55' },
      { ...scratch, role: 'nobody-Pa55' },
    ]) {
      const error = await start(server.dsn({ ...wrong, role: wrong.role.replace('-Pa55', '') }))
      expect(error).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
      expect(error?.message).toContain('refuses this user and password')
    }
  })

  it('takes a client certificate, and says when it wants one', async () => {
    const without = await start(server.dsn({ role: 'carded', password: SECRET }))
    expect(without).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(without?.message).toContain('asks for a client certificate')
    const { certificate, key } = server.authority.issue({ commonName: 'carded' })
    const files = `sslcert=${caFile('c.pem', certificate)}&sslkey=${caFile('c.key', key)}`
    const parameters = `sslrootcert=${server.caFile}&${files}`
    const shown = await start(server.dsn({ role: 'carded', password: SECRET, parameters }))
    // In, and then told what the role may not do.
    expect(shown).toMatchObject({ code: 'ENGINE_RIGHTS_MISSING' })
  })
})

describe('a PostgreSQL without TLS', () => {
  it('is refused unless a plain connection is asked for by name', async () => {
    const error = await start(plainServer.dsn({ ...scratch, parameters: '' }))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(error?.message).toContain('offers no TLS')
    expect(error?.hint).toContain('sslmode=disable')
    expect(await start(plainServer.dsn({ ...scratch, parameters: 'sslmode=disable' }))).toBeNull()
  })
})

describe('a DSN', () => {
  it('that asks for less than verification by another name is refused before anything is sent', async () => {
    for (const mode of ['prefer', 'allow', 'no-verify']) {
      const error = await start(server.dsn({ ...scratch, parameters: `sslmode=${mode}` }))
      expect(error).toMatchObject({ code: 'BAD_INPUT', exitCode: 64 })
    }
  })

  it('that says sslmode=require is verified all the same', async () => {
    const error = await start(server.dsn({ ...scratch, parameters: 'sslmode=require' }))
    expect(error).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
  })

  it('names certificates that can be read and are some', async () => {
    const missing = await start(server.dsn({ ...scratch, parameters: 'sslrootcert=/no/such' }))
    expect(missing).toMatchObject({ code: 'FILE_NOT_FOUND' })
    const empty = caFile('empty.pem', 'nothing')
    const none = await start(server.dsn({ ...scratch, parameters: `sslrootcert=${empty}` }))
    expect(none).toMatchObject({ code: 'BAD_INPUT' })
    const half = await start(server.dsn({ ...scratch, parameters: `sslcert=${server.caFile}` }))
    expect(half?.message).toContain('half of a client certificate')
  })
})

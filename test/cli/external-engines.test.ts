import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { externalEngines } from '../../src/cli/external-engines.ts'
import { withoutSecrets } from '../../src/cli/secrets.ts'
import { SERVER_KINDS } from '../../src/engines/kinds.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import { temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
afterAll(folder.remove)
const none = { postgres: undefined, clickhouse: undefined, engines: undefined }

describe('addresses of external engines', () => {
  it('are none where nobody names one', () => {
    expect(externalEngines(none, {})).toEqual({ addresses: {}, secrets: [], warnings: [] })
  })

  it('are read from an address with every part, or with PostgreSQL’s own defaults', () => {
    const postgres = 'postgres://me%40corp:p%2Fw@[::1]:6543/my%20db?sslmode=verify-full'
    const { addresses, secrets } = externalEngines({ ...none, postgres }, {})
    expect(addresses.postgres).toEqual({
      host: '::1',
      port: 6543,
      user: 'me@corp',
      database: 'my db',
      password: 'p/w',
      tls: { ca: null, checkHost: true, client: null },
    })
    expect(secrets).toEqual(['p/w'])
    expect(
      externalEngines({ ...none, postgres: 'postgres://db.local' }, {}).addresses.postgres,
    ).toEqual({
      host: 'db.local',
      port: 5432,
      user: 'postgres',
      database: 'postgres',
      tls: { ca: null, checkHost: true, client: null },
    })
  })

  it.each([
    ['postgres', 'postgres://me:p/w@db.local/shop'],
    ['postgres', 'postgres://me:12/w@db.local/shop'],
    ['clickhouse', 'https://me:12/w@ch.local/events'],
  ])('say how to write a password that is no part of an address as it is: %s', (kind, dsn) => {
    const told = failureOf(() => externalEngines({ ...none, [kind]: dsn }, {}))
    expect(told.hint).toContain('/ as %2F, @ as %40')
    expect(told.message + String(told.hint)).not.toContain('/w')
  })

  it('leave user and password out of the ClickHouse url', () => {
    const clickhouse = 'https://reader:s3cret@ch.local/events'
    const { addresses, secrets } = externalEngines({ ...none, clickhouse }, {})
    expect(addresses.clickhouse).toEqual({
      url: 'https://ch.local:8443',
      database: 'events',
      user: 'reader',
      password: 's3cret',
      tls: { ca: null, checkHost: true, client: null },
    })
    expect(secrets).toEqual(['s3cret'])
  })

  it('come from the flag before the environment before the file', () => {
    const cwd = join(folder.path, 'order')
    mkdirSync(cwd)
    const engines = join(cwd, 'engines.yaml')
    writeFileSync(engines, 'postgres: postgres://file\n')
    const hostFrom = (flag: string | undefined, env: Record<string, string>) =>
      externalEngines({ ...none, engines, postgres: flag }, env).addresses.postgres?.host
    const env = { HEADROOM_POSTGRES_DSN: 'postgres://env' }
    expect(hostFrom('postgres://flag', env)).toBe('flag')
    expect(hostFrom(undefined, env)).toBe('env')
    expect(hostFrom(undefined, {})).toBe('file')
  })

  it('take a password from the variable the file names', () => {
    const engines = join(folder.path, 'engines.yaml')
    writeFileSync(engines, 'postgres: { dsn: "postgres://me@h/d", passwordEnv: MY_PW }\n')
    const { addresses, secrets } = externalEngines({ ...none, engines }, { MY_PW: 'hidden' })
    expect(addresses.postgres?.password).toBe('hidden')
    expect(secrets).toEqual(['hidden'])
  })

  it('take a password from a file of its own, and warn where others may read it', () => {
    const engines = join(folder.path, 'with-file.yaml')
    writeFileSync(engines, 'postgres: { dsn: "postgres://me@h/d", passwordFile: ./pw }\n')
    writeFileSync(join(folder.path, 'pw'), 'from-a-file\n', { mode: 0o600 })
    const safe = externalEngines({ ...none, engines }, {})
    expect(safe.addresses.postgres?.password).toBe('from-a-file')
    expect(safe.warnings).toEqual([])
    chmodSync(join(folder.path, 'pw'), 0o644)
    expect(externalEngines({ ...none, engines }, {}).warnings[0]).toContain('chmod 600')
    const inside = join(folder.path, 'inside.yaml')
    writeFileSync(inside, 'postgres: postgres://me:in-the-file@h/d\n', { mode: 0o644 })
    const { warnings } = externalEngines({ ...none, engines: inside }, {})
    expect(warnings[0]).toContain(inside)
    expect(warnings.join()).not.toContain('in-the-file')
  })

  it('warn of a connection that others can read', () => {
    const postgres = 'postgres://me@db.example/d?sslmode=disable'
    const clickhouse = 'http://me:pw@ch.example:8123'
    const { warnings } = externalEngines(
      { ...none },
      {
        HEADROOM_POSTGRES_DSN: postgres,
        HEADROOM_CLICKHOUSE_DSN: clickhouse,
        HEADROOM_REDIS_DSN: 'redis://127.0.0.1:6379',
        HEADROOM_KAFKA_DSN: 'kafka://k.example:9092?tls=off',
      },
    )
    expect(warnings).toHaveLength(3)
    for (const warning of warnings) expect(warning).toContain('is not encrypted')
  })

  it('are refused where they would give a password away, or say two things at once', () => {
    for (const [kind, dsn] of [
      ['kafka', 'kafka://me:pw@k.example:9092?sasl=plain&tls=off'],
      ['kafka', 'kafka://me@k.example:9092'],
      ['kafka', 'kafka://me:pw@k.example:9092?sasl=gssapi'],
      ['kafka', 'kafka://a:1,b:x'],
      ['redis', 'redis://h?ca=/x'],
      ['redis', 'rediss://h/zero'],
      ['clickhouse', 'http://h?ca=/x'],
      ['clickhouse', 'clickhouse://h?secure=maybe'],
      ['postgres', 'postgres://me:100%@h/d'],
    ] as const) {
      expect(() => externalEngines({ ...none, [kind]: dsn }, {}), dsn).toThrow(
        expect.objectContaining({ code: 'BAD_INPUT' }) as Error,
      )
    }
  })

  it('of Kafka are several, of Redis one with a database', () => {
    const { addresses } = externalEngines(
      {
        ...none,
        kafka: 'kafka://me:p%2Fw@a.example:9093,b.example:9094?sasl=scram-sha-256',
        redis: 'rediss://me:pw@r.example/3',
      },
      {},
    )
    const tls = { ca: null, checkHost: true, client: null }
    expect(addresses.kafka).toEqual({
      brokers: ['a.example:9093', 'b.example:9094'],
      sasl: { mechanism: 'scram-sha-256', username: 'me', password: 'p/w' },
      tls,
    })
    expect(addresses.redis).toEqual({
      ...{ host: 'r.example', port: 6379, database: 3, user: 'me', password: 'pw' },
      tls,
    })
  })

  it('warn of a password that other users of the machine can read', () => {
    const visible = externalEngines({ ...none, postgres: 'postgres://me:pw@h/d' }, {})
    expect(visible.warnings).toHaveLength(1)
    expect(visible.warnings[0]).toContain('HEADROOM_POSTGRES_DSN')
    expect(visible.warnings[0]).not.toContain('pw@')
    const hidden = externalEngines(none, { HEADROOM_POSTGRES_DSN: 'postgres://me:pw@h/d' })
    expect(hidden.warnings).toEqual([])
  })
})

describe('the command line that is recorded', () => {
  it('holds no credentials, however the flag is written', () => {
    const dsn = 'postgres://me:topsecret@db:5432/x?password=alsosecret'
    const typed = withoutSecrets(['run', 'quick', '--postgres', dsn, `--clickhouse=${dsn}`])
    expect(typed).toBe(
      'run quick --postgres postgres://db:5432/x --clickhouse=postgres://db:5432/x',
    )
    expect(withoutSecrets(['run', '--postgres', 'me:topsecret@db'])).not.toContain('topsecret')
    const typedWith = SERVER_KINDS.map((kind) =>
      withoutSecrets([`--${kind}`, 'x://me:topsecret@db/']),
    )
    expect(typedWith).toEqual(SERVER_KINDS.map((kind) => `--${kind} x://db/`))
    const plain = 'postgres://me:topsecret@db/x?sslmode=disable&sslpassword=topsecret'
    expect(withoutSecrets(['--postgres', plain])).toBe(
      `--postgres 'postgres://db/x?sslmode=disable'`,
    )
    // Without its certificates the same command would not connect again: their paths are no secrets, contents are.
    const files =
      'sslmode=verify-ca&sslrootcert=/keys/ca.pem&sslcert=/keys/me.crt&sslkey=/keys/me.key'
    expect(withoutSecrets(['--postgres', `postgres://me:topsecret@db/x?${files}`])).toBe(
      `--postgres 'postgres://db/x?${files}'`,
    )
    expect(withoutSecrets(['--kafka', 'kafka://me:topsecret@db/?tls=verify&ca=/ca.pem'])).toBe(
      `--kafka 'kafka://db/?tls=verify&ca=/ca.pem'`,
    )
    const pasted = encodeURIComponent(
      '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----',
    )
    expect(withoutSecrets(['--postgres', `postgres://db/x?sslkey=${pasted}`])).not.toContain('MIIE')
  })

  it('can be pasted into a shell', () => {
    expect(withoutSecrets(['run', 'my load.yaml', '--growth', '8%', "it's"])).toBe(
      `run 'my load.yaml' --growth 8% 'it'\\''s'`,
    )
  })
})

function failureOf(act: () => unknown): HeadroomError {
  try {
    act()
  } catch (error) {
    if (error instanceof HeadroomError) return error
    throw error
  }
  throw new Error('nothing was wrong')
}
